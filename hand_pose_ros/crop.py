"""What the encoders see of one hand: the camera turned towards it, colour, depth and points (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.camera import look_at, ray
from hand_pose_ros.types import FloatArray, HandCrop, HandRegion, PinholeCamera, RgbdFrame

#: Side of the grid on which points are picked when the model has no depth picture.
POINT_GRID = 96
#: With fewer measured pixels than this in the cube there is no hand to see.
MIN_PIXELS = 32
#: Rolls of the camera under which a hand is looked at, one look after the other; radians.
TURNS = (0.0, np.pi / 6, -np.pi / 6)
_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class CropSpec:
    """What a model wants to see; None for what it does not look at.

    size_m: edge of the cube around the hand. box_scale: without depth, side of the crop / side of the hand's box.
    rgb_size, depth_size: pixels along a side. points: number of points. rgb_beside_depth: whether colour is looked at
    where there is depth.
    """

    size_m: float
    box_scale: float
    rgb_size: int | None = None
    depth_size: int | None = None
    points: int | None = None
    rgb_beside_depth: bool = True


def make_crop(frame: RgbdFrame, region: HandRegion, spec: CropSpec, mirrored: bool = False) -> HandCrop | None:
    """Cut the hand in `region` out of the frame.

    Where the region has a distance and the frame has depth within the cube, the crop has depth, points and a
    distance; otherwise colour alone, with the scale of the region's box. None when neither is there.
    """
    rotation = look_at(ray(region.center_px, frame.camera))
    tan_half = region.box_px * spec.box_scale / 2 / pixels_per_tangent(rotation, frame.camera)
    crop = _cut(frame, rotation, tan_half, region.distance_m, spec)
    return mirror(crop) if crop and mirrored else crop


def turn(frame: RgbdFrame, crop: HandCrop, spec: CropSpec, radians: float) -> HandCrop | None:
    """The hand of a crop seen anew by a camera that is rolled about the crop's optical axis; None when nothing of it
    is to be seen so."""
    cos, sin = np.cos(radians), np.sin(radians)
    roll = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    turned = _cut(frame, roll @ crop.rotation, crop.tan_half, crop.distance_m, spec)
    return mirror(turned) if turned and crop.mirrored else turned


def _cut(
    frame: RgbdFrame, rotation: FloatArray, tan_half: float, distance_m: float | None, spec: CropSpec
) -> HandCrop | None:
    """What lies ahead of a camera turned by `rotation`; tan_half: of the crop where there is no depth to be seen."""
    depth = points = distance = None
    if frame.depth_m is not None and distance_m is not None and (spec.depth_size or spec.points):
        grid = spec.depth_size or POINT_GRID
        seen = _unit_points(frame.depth_m, frame.camera, rotation, grid, distance_m, spec.size_m)
        inside = (np.abs(seen) <= 1.0).all(axis=0)
        count = np.count_nonzero(inside)
        if count >= MIN_PIXELS:
            distance, tan_half = distance_m, spec.size_m / 2 / distance_m
            if spec.depth_size:
                depth = np.minimum(np.maximum(seen[2], np.float32(-1.0)), np.float32(1.0))
            if spec.points:
                order = _z_order(grid)
                every = (np.arange(spec.points) + 0.5) * (count / spec.points)
                points = seen.reshape(3, -1)[:, order[inside.ravel()[order]][every.astype(np.intp)]].T
    rgb = None
    if frame.rgb is not None and spec.rgb_size and (distance is None or spec.rgb_beside_depth):
        rgb = _turned_picture(frame.rgb, frame.camera, rotation, tan_half, spec.rgb_size)
    if rgb is None and distance is None:
        return None
    return HandCrop(rotation, tan_half, spec.size_m, False, distance, rgb, depth, points)


def mirror(crop: HandCrop) -> HandCrop:
    """The same crop with x negated: a left hand looks like a right one. Twice is the identity."""
    return replace(
        crop,
        mirrored=not crop.mirrored,
        rgb=None if crop.rgb is None else crop.rgb[:, ::-1],
        depth=None if crop.depth is None else crop.depth[:, ::-1],
        points=None if crop.points is None else crop.points * _MIRROR.astype(np.float32),
    )


def to_camera(crop: HandCrop, points: FloatArray) -> FloatArray:
    """Points (..., 3) in metres from the crop frame (its origin is the camera) to the camera frame."""
    return points @ _crop_from_camera(crop)


def covariances_to_camera(crop: HandCrop, covariances: FloatArray) -> FloatArray:
    """Covariances (..., 3, 3) from the crop frame to the camera frame."""
    turn = _crop_from_camera(crop)
    return turn.T @ covariances @ turn


def to_crop(crop: HandCrop, points: FloatArray) -> FloatArray:
    """Points (..., 3) in metres from the camera frame to the crop frame: the inverse of `to_camera`."""
    return points @ _crop_from_camera(crop).T


def pixels_per_tangent(rotation: FloatArray, camera: PinholeCamera) -> float:
    """Image pixels per unit of x/z in the crop frame, at the crop's centre (geometric mean of the two directions)."""
    return float(np.sqrt(camera.fx * camera.fy / rotation[2, 2] ** 3))


@lru_cache(maxsize=8)
def _z_order(grid: int) -> NDArray[np.intp]:
    """(grid²,) the cells of a grid along Morton's curve, so that every n-th of any of them are spread evenly.

    Row by row, an n near the length of the rows would pick one column.
    """
    cell = np.arange(grid)
    bits = np.zeros(grid, dtype=np.intp)
    for bit in range(int(grid).bit_length()):
        bits |= ((cell >> bit) & 1) << (2 * bit)
    return np.argsort((bits + 2 * bits[:, None]).ravel())


def _crop_from_camera(crop: HandCrop) -> FloatArray:
    return crop.rotation * _MIRROR[:, None] if crop.mirrored else crop.rotation


def _image_from_crop(camera: PinholeCamera, rotation: FloatArray, tan_half: float, size: int) -> FloatArray:
    """The homography (3, 3) from a pixel of a size x size crop to the image: K R^T K_crop^-1."""
    step, edge = 2.0 * tan_half / size, tan_half * (1.0 / size - 1.0)
    from_pixel = np.array([[step, 0.0, edge], [0.0, step, edge], [0.0, 0.0, 1.0]])
    intrinsics = np.array([[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]])
    return intrinsics @ rotation.T @ from_pixel


def _turned_picture(
    rgb: NDArray[np.uint8], camera: PinholeCamera, rotation: FloatArray, tan_half: float, size: int
) -> NDArray[np.uint8]:
    """(size, size, 3). Where one crop pixel covers several of the image, they are averaged."""
    shrink = pixels_per_tangent(rotation, camera) * 2.0 * tan_half / size
    finer = int(np.clip(np.ceil(shrink / 1.5), 1, 4))  # bilinear samples 1.5 pixels apart still touch
    homography = _image_from_crop(camera, rotation, tan_half, size * finer)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpPerspective(rgb, homography, (size * finer, size * finer), flags=flags)
    if finer > 1:
        turned = cv2.resize(turned, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(turned, dtype=np.uint8)


def _unit_points(
    depth_m: NDArray[np.float32],
    camera: PinholeCamera,
    rotation: FloatArray,
    grid: int,
    distance_m: float,
    size_m: float,
) -> NDArray[np.float32]:
    """(3, grid, grid) points in units of half the cube's edge from its centre; z is 1 where nothing was measured.

    Each crop pixel takes the nearest pixel of the depth picture, with that pixel's own ray, so points are exact.
    """
    homography = _image_from_crop(camera, rotation, size_m / 2 / distance_m, grid).astype(np.float32)
    index = np.arange(grid, dtype=np.float32)
    across, down = homography[:, :1] * index, homography[:, 1:2] * index + homography[:, 2:]
    u, v, w = across[:, None, :] + down[:, :, None]
    np.maximum(w, np.float32(1e-6), out=w)
    u, v = np.rint(u / w), np.rint(v / w)
    measured = np.asarray(depth_m, dtype=np.float32)
    z = cv2.remap(measured, u, v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    unknown = ~((z > 0) & (z < np.inf))
    np.copyto(z, np.float32(0), where=unknown)
    from_pixel = np.array(
        [[1 / camera.fx, 0, -camera.cx / camera.fx], [0, 1 / camera.fy, -camera.cy / camera.fy], [0, 0, 1]]
    )
    points = np.empty((3, grid, grid), dtype=np.float32)
    for axis, (x, y, one) in enumerate((rotation @ from_pixel * (2.0 / size_m)).astype(np.float32)):
        np.multiply(x * u + y * v + one, z, out=points[axis])
    points[2] -= np.float32(distance_m * 2.0 / size_m)
    for axis, value in enumerate((np.inf, np.inf, 1.0)):
        np.copyto(points[axis], np.float32(value), where=unknown)
    return points
