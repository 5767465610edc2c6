"""From the network's maps to boxes: peaks of the heat map (Zhou, Wang and Krähenbühl 2019), one box for each hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import FloatArray

#: Of two boxes that overlap more than this the less certain one is of the same hand.
SAME_HAND_IOU = 0.5
#: A box of which more than this share lies in a larger one may be of a part of the hand there.
PART_OF_HAND = 0.6
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Candidates:
    """boxes: (N, 4) left, top, right, bottom in pixels. confidence: (N,) 0 to 1."""

    boxes: FloatArray
    confidence: FloatArray

    def pick(self, chosen: NDArray[np.bool_] | list[int]) -> Candidates:
        """Those with these numbers, or those that a mask (N,) has."""
        return Candidates(self.boxes[chosen], self.confidence[chosen])

    def sizes(self) -> FloatArray:
        """(N, 2) width and height."""
        return self.boxes[:, 2:] - self.boxes[:, :2]

    @staticmethod
    def joined(several: Iterable[Candidates]) -> Candidates:
        parts = [(each.boxes, each.confidence) for each in several]
        return Candidates(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def peaks(heat: FloatArray, box: FloatArray, stride: int, least: float) -> Candidates:
    """What the maps of one picture say, in the network's pixels; some hands may be in it more than once.

    heat: (h, w) logits that a cell holds the middle of a hand. box: (4, h, w): where in the cell the middle is (dx, dy
    from the cell's middle, in cells) and log of width and height in cells. least: confidence.
    """
    confidence = 0.5 * (1 + np.tanh(0.5 * heat.astype(np.float64)))
    rows, columns = np.nonzero((confidence >= least) & (confidence >= cv2.dilate(confidence, _SQUARE)))
    dx, dy, log_width, log_height = box[:, rows, columns].astype(np.float64)
    x, y = (columns + 0.5 + dx) * stride, (rows + 0.5 + dy) * stride
    half_width, half_height = (np.exp(np.minimum(log, 10)) * stride / 2 for log in (log_width, log_height))
    boxes = np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1)
    return Candidates(boxes, confidence[rows, columns])


def without_parts(small: Candidates, large: Candidates) -> Candidates:
    """Those of `small` that are no parts of a hand of `large`: which mostly lie in no larger box there."""
    shared = np.minimum(small.boxes[:, None, 2:], large.boxes[:, 2:])
    shared = np.maximum(shared - np.maximum(small.boxes[:, None, :2], large.boxes[:, :2]), 0)
    own, theirs = small.sizes().prod(axis=1)[:, None], large.sizes().prod(axis=1)
    return small.pick(~((np.prod(shared, axis=2) > PART_OF_HAND * own) & (theirs > own)).any(axis=1))


def one_each(candidates: Candidates, most: int) -> Candidates:
    """At most so many hands, the most certain first, and the most certain box of each."""
    kept: list[int] = []
    for index in np.argsort(-candidates.confidence, kind="stable").tolist():
        box = candidates.boxes[index]
        if len(kept) < most and all(iou(box, candidates.boxes[other]) <= SAME_HAND_IOU for other in kept):
            kept.append(index)
    return candidates.pick(kept)


def iou(one: FloatArray, other: FloatArray) -> float:
    """Intersection over union of two boxes (4,) left, top, right, bottom."""
    left_top, right_bottom = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    inside = float(np.prod(np.maximum(right_bottom - left_top, 0)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return inside / max(areas - inside, 1e-12)
