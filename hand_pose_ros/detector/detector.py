"""`HandDetector`: a frame in, boxes of hands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_pose_ros.backend import DEFAULT_PROVIDERS, Network
from hand_pose_ros.detector.bundle import DetectorBundle, load_detector_bundle
from hand_pose_ros.detector.decode import boxes_of_maps
from hand_pose_ros.detector.letterbox import network_input
from hand_pose_ros.types import FloatArray, HandPoseError, RgbdFrame, Side


@dataclass(frozen=True)
class Detection:
    """box: (4,) x, y, width, height in pixels of the picture, cut off at its edges. confidence, side_confidence: 0 to 1
    and 0.5 to 1."""

    box: FloatArray
    confidence: float
    side: Side
    side_confidence: float


class HandDetector:
    """Runs a detector's bundle, given loaded or as its name or path, on colour, depth, or both. threads: CPU threads;
    `provider` tells the execution provider that is used.
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
        width, height, stride = self.bundle.width, self.bundle.height, self.bundle.stride
        cells = height // stride, width // stride
        self._network.require(
            {"rgb": (3, height, width), "depth": (2, height, width), "seen": (2,)},
            {"heat": cells, "box": (4, *cells), "side_logit": cells},
        )

    @property
    def provider(self) -> str:
        return self._network.provider

    def detect(self, frame: RgbdFrame, most: int = 4, least: float | None = None) -> list[Detection]:
        """At most `most` hands of at least the confidence `least` (default: the bundle's), the most certain first.

        Raises HandPoseError for a frame without pictures.
        """
        if frame.rgb is None and frame.depth_m is None:
            raise HandPoseError("the frame has neither colour nor depth to look for hands in; give it one of them")
        given = self.bundle
        inputs, fit = network_input(frame, given.width, given.height, given.rgb_mean, given.rgb_std, given.depth_span_m)
        maps = self._network.run(**inputs)
        boxes, confidences, side_logits = boxes_of_maps(
            maps["heat"][0], maps["box"][0], maps["side_logit"][0], given.stride,
            given.threshold if least is None else least, most,
        )  # fmt: skip
        detections = []
        edge = np.array([frame.camera.width, frame.camera.height] * 2)
        corners = np.clip(fit.to_picture(boxes), 0, edge)
        for (left, top, right, bottom), confidence, logit in zip(corners, confidences, side_logits, strict=True):
            if right - left >= 1 and bottom - top >= 1:
                side: Side = "right" if logit >= 0 else "left"
                sure = float(0.5 * (1 + np.tanh(0.5 * abs(logit))))
                box = np.array([left, top, right - left, bottom - top])
                detections.append(Detection(box, float(confidence), side, sure))
        return detections
