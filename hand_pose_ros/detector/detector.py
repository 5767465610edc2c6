"""`HandDetector`: a frame in, boxes of hands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hand_pose_ros.backend import DEFAULT_PROVIDERS, Network
from hand_pose_ros.detector.bundle import DetectorBundle, load_detector_bundle
from hand_pose_ros.detector.decode import Candidates, one_each, peaks, without_parts
from hand_pose_ros.detector.letterbox import network_input
from hand_pose_ros.types import FloatArray, HandPoseError, PinholeCamera, RgbdFrame

#: The second look is at the picture so many times smaller, in which hands that fill the picture are of a size that the
#: network knows. Those that it shows smaller than this, in the network's pixels, are the first look's matter.
SMALLER, LARGE_PX = 2, 40.0
_CAMERA = PinholeCamera(600.0, 600.0, 319.5, 239.5, 640, 480)


@dataclass(frozen=True)
class Detection:
    """box: (4,) x, y, width, height in pixels of the picture, cut off at its edges. confidence: 0 to 1. Which hand it
    is, is for the hand model to say, which looks closer (docs/decisions.md)."""

    box: FloatArray
    confidence: float


class HandDetector:
    """Runs a detector's bundle, given loaded or as its name or path, on colour, depth, or both: once on the picture as
    large as the network takes it, and once smaller, for hands that fill it. threads: CPU threads; `provider` tells the
    execution provider that is used.
    """

    def __init__(
        self,
        bundle: DetectorBundle | str | Path = "detector",
        *,
        providers: Sequence[str] = DEFAULT_PROVIDERS,
        threads: int = 1,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, DetectorBundle) else load_detector_bundle(bundle)
        self._network = Network(self.bundle.network, providers, threads)
        # of any size: the second look is at a smaller frame
        self._network.require(
            {"rgb": (3, None, None), "depth": (2, None, None), "seen": (2,)},
            {"heat": (None, None), "box": (4, None, None)},
        )
        # once, so that the first frame is not slower than the others
        self.detect(RgbdFrame(_CAMERA, np.zeros((_CAMERA.height, _CAMERA.width, 3), np.uint8)))

    @property
    def provider(self) -> str:
        return self._network.provider

    def detect(self, frame: RgbdFrame, most: int = 4, least: float | None = None) -> list[Detection]:
        """At most `most` hands of at least the confidence `least` (default: the bundle's), the most certain first.

        Raises HandPoseError for a frame without pictures.
        """
        if frame.rgb is None and frame.depth_m is None:
            raise HandPoseError("the frame has neither colour nor depth to look for hands in; give it one of them")
        sure = self.bundle.threshold
        least = sure if least is None else least
        first, second = self._look(frame, least, 1), self._look(frame, least, SMALLER, LARGE_PX)
        first = without_parts(first, second.pick(second.confidence >= sure))
        found = one_each(Candidates.joined([first, second]), most)
        boxes = np.hstack([found.boxes[:, :2], found.sizes()])
        return [Detection(box, float(confidence)) for box, confidence in zip(boxes, found.confidence, strict=True)]

    def _look(self, frame: RgbdFrame, least: float, smaller: int, least_px: float = 0.0) -> Candidates:
        """What the network says of the picture, shown so many times smaller than fits its frame, in pixels of the
        picture and cut off at its edges. least_px: of the network's pixels that a hand is long."""
        inputs, fit = network_input(frame, self.bundle, smaller)
        maps = self._network.run(**inputs)
        found = peaks(maps["heat"][0], maps["box"][0], self.bundle.stride, least)
        found = found.pick(found.sizes().max(axis=1) >= least_px)
        edge = np.array([frame.camera.width, frame.camera.height] * 2)
        found = replace(found, boxes=np.clip(fit.to_picture(found.boxes), 0, edge))
        return found.pick(found.sizes().min(axis=1) >= 1)
