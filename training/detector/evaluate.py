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
from hand_pose_ros.types import Modality, PinholeCamera, RgbdFrame
from training.detector.photos import Scene

#: Detections less certain than this are not even looked at; average precision wants all.
LEAST = 0.02
#: More hands than are looked for in a picture, so that false ones count.
MOST = 10
#: Bounds of hands' sizes, the longer side of the box, as a share of the picture's width.
SIZES = (0.0, 0.1, 0.2, 0.4, np.inf)


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
        frame = _frame(scene, seen)
        start = time.perf_counter()
        found.append(detector.detect(frame, MOST, LEAST))
        milliseconds.append((time.perf_counter() - start) * 1e3)
    boxes, right = [scene.boxes for scene in scenes], [scene.right for scene in scenes]
    sizes = [(scene.boxes[:, 2:] - scene.boxes[:, :2]).max(1, initial=0) / scene.rgb.shape[1] for scene in scenes]
    least = detector.bundle.threshold
    of_sizes = tuple(
        score_of_part(found, boxes, right, least, [(low <= size) & (size < high) for size in sizes])
        for low, high in pairwise(SIZES)
    )
    return Evaluation(score(found, boxes, right, least), of_sizes, float(np.median(milliseconds)))


def side_of_model(estimator: HandEstimator, scenes: Sequence[Scene], seen: Modality) -> list[float]:
    """Share of the hands whose side is known that `estimator` takes for hands of that side, told their true boxes: by
    the ranges of SIZES, NaN without hands. What a network can see that looks closer, for comparison."""
    right: list[list[bool]] = [[] for _ in pairwise(SIZES)]
    for scene in scenes:
        frame = _frame(scene, seen)
        for box, is_right in zip(scene.boxes, scene.right, strict=True):
            hands = estimator.estimate(frame, box=np.append(box[:2], box[2:] - box[:2]), modalities=seen)
            if np.isfinite(is_right) and hands:
                size = float((box[2:] - box[:2]).max()) / frame.camera.width
                part = int(np.searchsorted(SIZES, size, side="right")) - 1
                right[part].append((hands[0].side == "right") == bool(is_right))
    return [float(np.mean(part)) if part else float("nan") for part in right]


def _frame(scene: Scene, seen: str) -> RgbdFrame:
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


def _rounded(scores: DetectionScores | PartScores) -> dict[str, Any]:
    values = vars(scores).items()
    return {k: v if isinstance(v, int) else (round(v, 3) if np.isfinite(v) else None) for k, v in values}
