"""From the network's maps to boxes: peaks of the heat map, one for each hand (Zhou, Wang and Krähenbühl 2019)."""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_ros.types import FloatArray

#: Of two boxes that overlap more than this the less certain one is of the same hand.
SAME_HAND_IOU = 0.5
_SQUARE = np.ones((3, 3), np.uint8)


def boxes_of_maps(
    heat: FloatArray, box: FloatArray, side_logit: FloatArray, stride: int, least: float, most: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The hands of one picture, the most certain first.

    heat: (h, w) logits that a cell holds the middle of a hand. box: (4, h, w): where in the cell the middle is (dx, dy
    from the cell's middle, in cells) and log of width and height in cells. side_logit: (h, w), positive: right.
    least: confidence. most: hands. Returns boxes (N, 4) left, top, right, bottom in the network's pixels, confidences
    (N,) and side logits (N,).
    """
    confidence = 0.5 * (1 + np.tanh(0.5 * heat.astype(np.float64)))
    peaks = (confidence >= least) & (confidence >= cv2.dilate(confidence, _SQUARE))
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-confidence[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    dx, dy, log_width, log_height = box[:, rows, columns].astype(np.float64)
    x, y = (columns + 0.5 + dx) * stride, (rows + 0.5 + dy) * stride
    half_width, half_height = (np.exp(np.minimum(log, 10)) * stride / 2 for log in (log_width, log_height))
    boxes = np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1)
    kept: list[int] = []
    for index in range(len(boxes)):
        if len(kept) < most and all(iou(boxes[index], boxes[other]) <= SAME_HAND_IOU for other in kept):
            kept.append(index)
    return boxes[kept], confidence[rows, columns][kept], side_logit[rows, columns][kept].astype(np.float64)


def iou(one: FloatArray, other: FloatArray) -> float:
    """Intersection over union of two boxes (4,) left, top, right, bottom."""
    left_top, right_bottom = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    inside = float(np.prod(np.maximum(right_bottom - left_top, 0)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return inside / max(areas - inside, 1e-12)
