"""Where the hand is: the nearest hand-like blob of the depth picture, a given box, or the whole picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.camera import project, ray
from hand_pose_ros.types import FloatArray, HandPoseError, HandRegion, PinholeCamera, RgbdFrame

Mask = NDArray[np.uint8]

#: Depths at which hands are looked for, metres.
NEAREST_M, FARTHEST_M = 0.15, 1.5
#: A hand nearer to the camera than this is none.
CLOSEST_M = 0.05
#: From the surface that the camera sees to the middle of the hand.
SURFACE_TO_MIDDLE_M = 0.01

_GRID_WIDTH = 160
_JUMP_M = 0.03
_LONGEST_HAND_M = 0.22
_HAND_BOX_M = 0.18
_END_TO_PALM_M = 0.13
_PALM_TO_WRIST_M = 0.03
_PALM_TO_TIP_M = 0.13
#: Surface seen within this radius of the middle of a hand: less is noise, more is a face, a body or a wall.
_SPHERE_M, _SMALLEST_HAND_M2, _LARGEST_HAND_M2 = 0.10, 0.0025, 0.0220
#: A person with outstretched arms shows less surface than this; walls and floors show more.
_LARGEST_BODY_M2 = 1.0
_ENDS_TRIED = 3
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_SQUARE = np.ones((3, 3), dtype=np.uint8)


def is_before_camera(joints_m: FloatArray) -> bool:
    """Whether a hand of these joints (21, 3), in the camera frame, is where a camera could see it."""
    return bool(np.isfinite(joints_m).all() and joints_m[:, 2].mean() >= CLOSEST_M)


def region_from_joints(joints_m: FloatArray, camera: PinholeCamera) -> HandRegion | None:
    """The region of a hand whose joints (21, 3) in the camera frame are known, as from the frame before.

    None where the hand is not in front of the camera, so that there is nowhere to look.
    """
    if not is_before_camera(joints_m):
        return None
    middle = joints_m.mean(axis=0)
    pixels = project(np.maximum(joints_m, (-np.inf, -np.inf, CLOSEST_M)), camera)
    u, v = project(middle, camera)
    # about the joints' mean, not about their box: a stretched finger reaches far from it
    side = 2 * float(np.abs(pixels - (u, v)).max())
    return HandRegion((float(u), float(v)), max(side, 1.0), float(np.linalg.norm(middle)))


def region_from_box(frame: RgbdFrame, box: FloatArray) -> HandRegion:
    """The region of a hand in a given box (x, y, width, height) in pixels.

    With depth in the box, its distance is the one of the nearest surface there. Raises HandPoseError for a box that
    is not finite, is empty or lies outside the picture.
    """
    camera = frame.camera
    values = np.asarray(box, dtype=np.float64).ravel()
    if values.shape != (4,) or not np.isfinite(values).all() or values[2] <= 0 or values[3] <= 0:
        raise HandPoseError(
            f"a hand box must be x, y, width, height in pixels with a positive size, not {values.tolist()}"
        )
    x, y, width, height = values
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, camera.width), min(y + height, camera.height)
    if right - left < 1 or bottom - top < 1:
        raise HandPoseError(
            f"the hand box {values.tolist()} lies outside the picture of {camera.width} x {camera.height} pixels"
        )
    center = (x + width / 2, y + height / 2)
    distance = None
    if frame.depth_m is not None:
        z = nearest_surface(frame.depth_m[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))])
        if z is not None:
            distance = (z + SURFACE_TO_MIDDLE_M) / float(ray(center, camera)[2])
    return HandRegion(center, float(max(width, height)), distance)


def region_of_picture(camera: PinholeCamera, box_scale: float) -> HandRegion:
    """The region whose crop is the whole picture, for pictures that are already cut around a hand."""
    center = ((camera.width - 1) / 2, (camera.height - 1) / 2)
    return HandRegion(center, max(camera.width, camera.height) / box_scale)


def nearest_surface(depth_m: FloatArray) -> float | None:
    """Median depth of the nearest cluster of a depth picture, None where nothing was measured."""
    z = depth_m[np.isfinite(depth_m) & (depth_m > NEAREST_M)]
    if z.size < 16:
        return None
    near = float(np.percentile(z, 5))
    return float(np.median(z[z < near + 0.12]))


def find_regions(frame: RgbdFrame, max_hands: int = 1) -> list[HandRegion]:
    """The hands in the depth picture, nearest first: in each hand-like blob the end of the arm, cut off at the wrist.

    A blob is a connected piece of surface without jumps in depth. Its hand is the end that lies farthest, along
    the blob, from where the blob leaves the picture (a geodesic extremum: Plagemann et al., ICRA 2010). A blob gives
    at most one hand.
    """
    if frame.depth_m is None:
        return []
    step = max(1, round(frame.camera.width / _GRID_WIDTH))
    grid = _Grid(frame.depth_m[step // 2 :: step, step // 2 :: step], frame.camera, step)
    edge = np.ones(grid.z.shape, dtype=np.uint8)
    edge[1:-1, 1:-1] = 0
    blobs = [_hand_of_blob(mask, grid.points[part], grid.cell, edge[part]) for mask, part in _blobs(grid)]
    centers = sorted((center for center in blobs if center is not None), key=np.linalg.norm)
    return [_region_at(center, frame.camera) for center in centers[:max_hands]]


def _region_at(center: FloatArray, camera: PinholeCamera) -> HandRegion:
    u, v = project(center, camera)
    distance = float(np.linalg.norm(center)) + SURFACE_TO_MIDDLE_M
    return HandRegion((float(u), float(v)), _HAND_BOX_M * camera.fx / float(center[2]), distance)


class _Grid:
    """A thinned depth picture: z (H, W), points (H, W, 3), and metres that a cell spans at distance 1."""

    def __init__(self, depth_m: FloatArray, camera: PinholeCamera, step: int) -> None:
        seen = (depth_m > NEAREST_M) & (depth_m < FARTHEST_M)
        self.z = np.where(seen, depth_m, 0.0).astype(np.float32)
        u = (step * np.arange(depth_m.shape[1]) + step // 2 - camera.cx) / camera.fx
        v = (step * np.arange(depth_m.shape[0]) + step // 2 - camera.cy) / camera.fy
        self.points = np.stack([u * self.z, v[:, None] * self.z, self.z], axis=-1).astype(np.float32)
        self.cell = step / float(np.sqrt(camera.fx * camera.fy))


def _blobs(grid: _Grid) -> Iterator[tuple[Mask, tuple[slice, slice]]]:
    """Pieces of connected surface large enough for a hand: the mask in its bounding box, and that box of the grid,
    one cell larger where the grid goes on.
    """
    z = grid.z
    mask = (z > 0).astype(np.uint8)
    # Where depth jumps, the cell behind is taken out, so that what is in front keeps its shape.
    behind = np.where(z > 0, z, 2 * FARTHEST_M)
    jump_x, jump_y = np.diff(behind, axis=1), np.diff(behind, axis=0)
    mask[:, 1:][jump_x > _JUMP_M] = 0
    mask[:, :-1][jump_x < -_JUMP_M] = 0
    mask[1:][jump_y > _JUMP_M] = 0
    mask[:-1][jump_y < -_JUMP_M] = 0
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    areas = np.bincount(labels.ravel(), weights=((grid.cell * z) ** 2).ravel(), minlength=count)
    for label in range(1, count):
        if _SMALLEST_HAND_M2 <= areas[label] <= _LARGEST_BODY_M2:
            left, top, width, height = boxes[label, :4]
            part = np.s_[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1]
            yield (labels[part] == label).astype(np.uint8), part


def _hand_of_blob(mask: Mask, points: FloatArray, cell: float, edge: Mask) -> FloatArray | None:
    """Middle (3,) of the surface of the hand at an end of this blob, None where no end looks like a hand."""
    root = _root(mask, points, edge)
    if root is None:
        return _middle(mask, mask, points, cell)
    for _ in range(_ENDS_TRIED):  # a head is an end, too
        steps = _steps_from(root, mask)
        if not steps.any():
            break
        end = points[np.unravel_index(int(steps.argmax()), mask.shape)]
        middle = _middle(_hand_at(end, steps, mask, points, cell), mask, points, cell)
        if middle is not None:
            return middle
        root |= mask & (np.linalg.norm(points - end, axis=-1) < _LONGEST_HAND_M).astype(np.uint8)
    return None


def _hand_at(end: FloatArray, steps: NDArray[np.int32], mask: Mask, points: FloatArray, cell: float) -> Mask:
    """The cells of the hand whose outermost point is `end`.

    The palm is the widest place near the end; the hand is what is near the palm and not behind the wrist.
    """
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    width = cell * points[..., 2] * cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    near_end = np.linalg.norm(points - end, axis=-1) < _END_TO_PALM_M
    palm_index = np.unravel_index(int(np.where(near_end, width, 0.0).argmax()), mask.shape)
    palm = points[palm_index]
    wrist = steps[palm_index] - _PALM_TO_WRIST_M / (cell * palm[2])
    return mask & (steps > wrist) & (np.linalg.norm(points - palm, axis=-1) < _PALM_TO_TIP_M)


def _middle(hand: Mask, mask: Mask, points: FloatArray, cell: float) -> FloatArray | None:
    """Mean of the hand's points (3,), or None where more or less surface is around it than a hand has, or where its
    edge is not its own: a piece of background between two nearer things.
    """
    z = points[..., 2]
    middle = points[hand > 0].mean(axis=0)
    around = (mask > 0) & (np.linalg.norm(points - middle, axis=-1) < _SPHERE_M)
    area = float(((cell * z[around]) ** 2).sum())
    beside = cv2.dilate(hand, _SQUARE) > mask
    level = beside & (z > 0) & (z < cv2.dilate(z * hand, _SQUARE) + _JUMP_M)
    if not _SMALLEST_HAND_M2 <= area <= _LARGEST_HAND_M2 or level.sum() > 0.5 * beside.sum():
        return None
    return middle


def _root(mask: Mask, points: FloatArray, edge: Mask) -> Mask | None:
    """Where the arm comes from: the cells at the picture's edge or, of a blob that floats in the picture, its end
    that is farther from the camera. None when the blob is no longer than a hand, so that all of it may be one.
    """
    root = mask & edge
    if root.any():
        return root
    seen = points[mask > 0]
    if np.linalg.norm(seen.max(axis=0) - seen.min(axis=0)) < _LONGEST_HAND_M:
        return None
    one_end = _steps_from(_only(mask.argmax(), mask), mask).argmax()
    other_end = _steps_from(_only(one_end, mask), mask).argmax()
    return _only(max(one_end, other_end, key=lambda end: points[..., 2].flat[end]), mask)


def _only(index: np.intp, mask: Mask) -> Mask:
    alone = np.zeros_like(mask)
    alone.flat[index] = 1
    return alone


def _steps_from(root: Mask, mask: Mask) -> NDArray[np.int32]:
    """How many steps within the mask each of its cells is away from the root, 0 outside the mask."""
    steps = np.zeros(mask.shape, dtype=np.int32)
    reached: Mask = root
    count = -1
    for kernel in cycle((_CROSS, _SQUARE)):  # alternating, a step is about as long in every direction
        now = cv2.countNonZero(reached)
        if now == count:
            break
        count = now
        steps += mask - reached
        reached = np.asarray(cv2.dilate(reached, kernel), dtype=np.uint8) & mask
    steps[mask != reached] = 0
    return steps
