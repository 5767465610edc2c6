"""How well boxes were found: average precision, precision, recall and hits of the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.detector.decode import iou
from hand_pose_ros.detector.detector import Detection
from hand_pose_ros.types import FloatArray


@dataclass(frozen=True)
class DetectionScores:
    """average_precision: area under precision over recall at IoU 0.5, over all confidences (the envelope, as in Pascal
    VOC from 2010 on). precision, recall: at IoU 0.5, of detections of at least `threshold`. center_hits: share of true
    hands with such a detection's middle in their box. empty_right: share of pictures without hands in which nothing
    was found, NaN where there are none. side_accuracy: of matched hands whose side is known; NaN without any.
    """

    pictures: int
    hands: int
    average_precision: float
    precision: float
    recall: float
    center_hits: float
    empty_right: float
    side_accuracy: float


def score(
    found: Sequence[Sequence[Detection]], true_boxes: Sequence[FloatArray], true_right: Sequence[FloatArray],
    threshold: float, least_iou: float = 0.5,
) -> DetectionScores:  # fmt: skip
    """found: per picture, of any confidence. true_boxes: per picture (K, 4) left, top, right, bottom; true_right: (K,)
    1, 0 or NaN. Each detection, the most certain first, takes the free true box that it overlaps most."""
    order = sorted(
        ((hand.confidence, picture, hand) for picture, hands in enumerate(found) for hand in hands),
        key=lambda entry: -entry[0],
    )
    free = [set(range(len(boxes))) for boxes in true_boxes]
    right: list[bool] = []
    sides: list[bool] = []
    confidences = np.array([entry[0] for entry in order])
    for confidence, picture, hand in order:
        overlaps = {index: iou(_corners(hand), true_boxes[picture][index]) for index in free[picture]}
        best = max(overlaps, key=lambda index: overlaps[index], default=None)
        right.append(best is not None and overlaps[best] >= least_iou)
        if best is not None and right[-1]:
            free[picture].remove(best)
            known = true_right[picture][best]
            if confidence >= threshold and np.isfinite(known):
                sides.append((hand.side == "right") == bool(known))
    hands_there = sum(len(boxes) for boxes in true_boxes)
    good = np.cumsum(right) if right else np.zeros(0)
    counted = int((confidences >= threshold).sum())
    good_counted = int(good[counted - 1]) if counted else 0
    middles = sum(
        any(hand.confidence >= threshold and _holds(box, hand) for hand in hands)
        for hands, boxes in zip(found, true_boxes, strict=True)
        for box in boxes
    )
    empty = [
        not any(hand.confidence >= threshold for hand in hands)
        for hands, boxes in zip(found, true_boxes, strict=True)
        if not len(boxes)
    ]
    return DetectionScores(
        pictures=len(found),
        hands=hands_there,
        average_precision=average_precision(np.array(right, bool), hands_there),
        precision=good_counted / counted if counted else float("nan"),
        recall=good_counted / hands_there if hands_there else float("nan"),
        center_hits=middles / hands_there if hands_there else float("nan"),
        empty_right=float(np.mean(empty)) if empty else float("nan"),
        side_accuracy=float(np.mean(sides)) if sides else float("nan"),
    )


def average_precision(right: FloatArray, hands: int) -> float:
    """right: (N,) whether each detection, the most certain first, is of a hand; hands: how many there are."""
    if not hands:
        return float("nan")
    good = np.cumsum(right)
    precision = good / np.arange(1, len(good) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * right).sum() / hands)


def _corners(hand: Detection) -> FloatArray:
    return np.concatenate([hand.box[:2], hand.box[:2] + hand.box[2:]])


def _holds(box: FloatArray, hand: Detection) -> bool:
    x, y = hand.box[:2] + hand.box[2:] / 2
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])
