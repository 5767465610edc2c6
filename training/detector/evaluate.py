"""The detector's score on pictures that it did not learn from."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from hand_pose_ros.detector.detector import Detection, HandDetector
from hand_pose_ros.detector.scores import DetectionScores, score
from hand_pose_ros.types import PinholeCamera, RgbdFrame
from training.detector.photos import Scene

#: Detections less certain than this are not even looked at; average precision wants all.
LEAST = 0.02
#: More hands than are looked for in a picture, so that false ones count.
MOST = 10


def evaluate(detector: HandDetector, scenes: Iterable[Scene], seen: str = "rgbd") -> tuple[DetectionScores, float]:
    """The scores on `scenes` of which the detector is shown `seen` (rgbd, rgb, depth), and its median time in ms."""
    found: list[list[Detection]] = []
    boxes, right, milliseconds = [], [], []
    for scene in scenes:
        height, width = scene.rgb.shape[:2]
        frame = RgbdFrame(PinholeCamera(width, width, width / 2, height / 2, width, height), scene.rgb, scene.depth_m)
        if seen == "rgb":
            frame = replace(frame, depth_m=None)
        elif seen == "depth":
            frame = replace(frame, rgb=None)
        start = time.perf_counter()
        found.append(detector.detect(frame, MOST, LEAST))
        milliseconds.append((time.perf_counter() - start) * 1e3)
        boxes.append(scene.boxes)
        right.append(scene.right)
    return score(found, boxes, right, detector.bundle.threshold), float(np.median(milliseconds))


def as_row(scores: DetectionScores) -> dict[str, float | int | None]:
    """For the card and for JSON: rounded, None for what is not known."""
    values = vars(scores).items()
    return {k: v if isinstance(v, int) else (round(v, 3) if np.isfinite(v) else None) for k, v in values}
