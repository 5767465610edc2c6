"""The detector's score on pictures that it did not learn from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from hand_pose_ros.detector.detector import Detection, HandDetector
from hand_pose_ros.detector.scores import DetectionScores, PartScores, score, score_of_part
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.region import find_regions, region_from_box
from hand_pose_ros.types import BELIEVED, FloatArray, HandEstimate, HandRegion, Modality, PinholeCamera, RgbdFrame
from training.detector.photos import Scene

#: Detections less certain than this are not even looked at; average precision wants all.
LEAST = 0.02
#: More hands than are looked for in a picture, so that false ones count.
MOST = 10
#: Bounds of hands' sizes, the longer side of the box, as a share of the picture's width.
SIZES = (0.0, 0.1, 0.2, 0.4, np.inf)
#: What lies within so many sizes of a hand's box around it is that hand.
NEAR = 0.25


@dataclass(frozen=True)
class Evaluation:
    """of_all; of_sizes: of each range of SIZES. median_ms: of one picture."""

    of_all: DetectionScores
    of_sizes: tuple[PartScores, ...]
    median_ms: float


def evaluate(detector: HandDetector, scenes: Sequence[Scene], seen: Modality = "rgbd") -> Evaluation:
    """The scores on `scenes` of which the detector is shown `seen` (rgbd, rgb, depth)."""
    found: list[list[Detection]] = []
    milliseconds = []
    for scene in scenes:
        frame = frame_of(scene, seen)
        start = time.perf_counter()
        found.append(detector.detect(frame, MOST, LEAST))
        milliseconds.append((time.perf_counter() - start) * 1e3)
    boxes = [scene.boxes for scene in scenes]
    sizes = [(scene.boxes[:, 2:] - scene.boxes[:, :2]).max(1, initial=0) / scene.rgb.shape[1] for scene in scenes]
    least = detector.bundle.threshold
    of_sizes = tuple(
        score_of_part(found, boxes, least, [(low <= size) & (size < high) for size in sizes])
        for low, high in pairwise(SIZES)
    )
    return Evaluation(score(found, boxes, least), of_sizes, float(np.median(milliseconds)))


@dataclass(frozen=True)
class ModelScores:
    """What a hand model says, which looks closer. side: share of the hands whose side is known that it takes for hands
    of that side, by the ranges of SIZES. hands_believed: share of the hands in which it believes. places_believed: of
    the `places` that finders propose where no hand is.

    found: share of the hands in whose box the middle of a hand lies that it found by itself, and believes in; false:
    how many such middles lie beside all hands; empty_right: share of the pictures without hands in which there is none.
    NaN where there are none."""

    side: tuple[float, ...]
    hands_believed: float
    places: int
    places_believed: float
    found: float
    false: int
    empty_right: float


def evaluate_model(
    estimator: HandEstimator, detector: HandDetector, scenes: Sequence[Scene], seen: Modality
) -> ModelScores:
    """Shows `estimator` the true boxes, what `detector` and blobs of depth propose beside them, and then the pictures
    alone, in which it looks by itself."""
    side: list[list[bool]] = [[] for _ in pairwise(SIZES)]
    of_hands, of_places, found, empty_right = [], [], [], []
    false = 0
    for scene in scenes:
        frame = frame_of(scene, seen)
        for box, is_right in zip(scene.boxes, scene.right, strict=True):
            hands = estimator.estimate(frame, box=box_of(box), modalities=seen)
            of_hands.append(_believed(hands))
            if np.isfinite(is_right) and hands:
                size = float((box[2:] - box[:2]).max()) / frame.camera.width
                part = int(np.searchsorted(SIZES, size, side="right")) - 1
                side[part].append((hands[0].side == "right") == bool(is_right))
        for region in proposed_beside(scene.boxes, detector, frame):
            of_places.append(_believed(estimator.estimate(frame, regions=[region], modalities=seen)))
        alone = estimator.estimate(frame, modalities=seen)
        middles = [hand.joints_px.mean(axis=0) for hand in alone if hand.confidence >= BELIEVED]
        found += [any(_is_near(middle, box[None], 0.0) for middle in middles) for box in scene.boxes]
        false += sum(not _is_near(middle, scene.boxes) for middle in middles)
        if not len(scene.boxes):
            empty_right.append(not middles)
    sides, places = tuple(map(_share, side)), len(of_places)
    return ModelScores(
        sides, _share(of_hands), places, _share(of_places), _share(found), false, _share(empty_right)
    )  # fmt: skip


def proposed_beside(boxes: FloatArray, detector: HandDetector, frame: RgbdFrame) -> list[HandRegion]:
    """Where hands might be, and none of those in `boxes` (K, 4) is: what the detector finds with little certainty, and
    blobs of depth."""
    found = [region_from_box(frame, hand.box) for hand in detector.detect(frame, MOST, LEAST)]
    return [region for region in found + find_regions(frame, MOST) if not _is_near(region.center_px, boxes)]


def box_of(corners: FloatArray) -> FloatArray:
    """Left, top, right and bottom (4,) as x, y, width and height (4,)."""
    return np.append(corners[:2], corners[2:] - corners[:2])


def _is_near(point: FloatArray | tuple[float, float], boxes: FloatArray, share: float = NEAR) -> bool:
    """Whether a point is in one of the boxes (K, 4), or nearer than that share of its size."""
    margin = share * (boxes[:, 2:] - boxes[:, :2])
    return bool(((point > boxes[:, :2] - margin) & (point < boxes[:, 2:] + margin)).all(axis=1).any())


def _believed(hands: Sequence[HandEstimate]) -> bool:
    return bool(hands) and hands[0].confidence >= BELIEVED


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def frame_of(scene: Scene, seen: Modality) -> RgbdFrame:
    """What is to be seen of the scene, by a camera of an ordinary lens."""
    height, width = scene.rgb.shape[:2]
    frame = RgbdFrame(PinholeCamera(width, width, width / 2, height / 2, width, height), scene.rgb, scene.depth_m)
    if seen == "rgb":
        return replace(frame, depth_m=None)
    return replace(frame, rgb=None) if seen == "depth" else frame


def as_row(evaluation: Evaluation) -> dict[str, Any]:
    """For the card and for JSON: rounded, None for what is not known."""
    row = _rounded(evaluation.of_all)
    for of_size, smallest in zip(evaluation.of_sizes, SIZES[:-1], strict=True):
        row[f"from_{smallest:g}_of_the_width"] = _rounded(of_size)
    return row


def row_of_model(scores: ModelScores) -> dict[str, Any]:
    """For JSON: rounded, None for what is not known."""
    parts = zip(scores.side, SIZES[:-1], strict=True)
    side = {f"from_{smallest:g}_of_the_width": _known(share) for share, smallest in parts}
    return {**_rounded(scores), "side": side}


def _rounded(scores: DetectionScores | PartScores | ModelScores) -> dict[str, Any]:
    return {key: value if isinstance(value, (int, tuple)) else _known(value) for key, value in vars(scores).items()}


def _known(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None
