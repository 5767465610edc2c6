"""How well boxes were found: average precision, precision, recall and hits of the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.detector.decode import iou
from hand_pose_ros.detector.detector import Detection
from hand_pose_ros.types import FloatArray


@dataclass(frozen=True)
class DetectionScores:
    """average_precision: area under precision over recall at IoU 0.5, over all confidences (the envelope, as in Pascal
    VOC from 2010 on). precision, recall: at IoU 0.5, of detections of at least `threshold`. center_hits: share of true
    hands with such a detection's middle in their box. empty_right: share of pictures without hands in which nothing
    was found, NaN where there are none.
    """

    pictures: int
    hands: int
    average_precision: float
    precision: float
    recall: float
    center_hits: float
    empty_right: float


@dataclass(frozen=True)
class PartScores:
    """Of some of the hands: how many there are, and recall at IoU 0.5; NaN where there are none."""

    hands: int
    recall: float


def score(
    found: Sequence[Sequence[Detection]], true_boxes: Sequence[FloatArray], threshold: float,
    least_iou: float = 0.5,
) -> DetectionScores:  # fmt: skip
    """found: per picture, of any confidence. true_boxes: per picture (K, 4) left, top, right, bottom.
    Each detection, the most certain first, takes the free true box that it overlaps most."""
    right, _ = _match(found, true_boxes, least_iou)
    confidences = np.sort([hand.confidence for hands in found for hand in hands])[::-1]
    hands_there = sum(len(boxes) for boxes in true_boxes)
    counted = int((confidences >= threshold).sum())
    good_counted = int(right[:counted].sum())
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
        average_precision=average_precision(right, hands_there),
        precision=good_counted / counted if counted else float("nan"),
        recall=good_counted / hands_there if hands_there else float("nan"),
        center_hits=middles / hands_there if hands_there else float("nan"),
        empty_right=float(np.mean(empty)) if empty else float("nan"),
    )


def score_of_part(
    found: Sequence[Sequence[Detection]], true_boxes: Sequence[FloatArray], threshold: float,
    chosen: Sequence[NDArray[np.bool_]], least_iou: float = 0.5,
) -> PartScores:  # fmt: skip
    """As `score`, of the hands that are chosen, (K,) per picture."""
    _, taken = _match(found, true_boxes, least_iou)
    seen = {place: hand for place, hand in taken.items() if hand.confidence >= threshold and chosen[place[0]][place[1]]}
    count = sum(int(part.sum()) for part in chosen)
    return PartScores(
        hands=count,
        recall=len(seen) / count if count else float("nan"),
    )


def _match(
    found: Sequence[Sequence[Detection]], true_boxes: Sequence[FloatArray], least_iou: float
) -> tuple[FloatArray, dict[tuple[int, int], Detection]]:
    """Of all detections, the most certain first, whether each is of a hand; and of each hand found, by its picture and
    its place there, the detection."""
    order = sorted(
        ((hand.confidence, picture, hand) for picture, hands in enumerate(found) for hand in hands),
        key=lambda entry: -entry[0],
    )
    taken: dict[tuple[int, int], Detection] = {}
    right: list[bool] = []
    for _, picture, hand in order:
        free = [index for index in range(len(true_boxes[picture])) if (picture, index) not in taken]
        overlaps = {index: iou(_corners(hand), true_boxes[picture][index]) for index in free}
        best = max(overlaps, key=lambda index: overlaps[index], default=None)
        right.append(best is not None and overlaps[best] >= least_iou)
        if best is not None and right[-1]:
            taken[picture, best] = hand
    return np.array(right, bool), taken


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
