"""Depth seen by one camera, as another camera beside it would see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.inputs.lens import Lens
from hand_pose_ros.types import FloatArray, PinholeCamera


@dataclass(frozen=True)
class DepthView:
    """Where depth is seen from: the depth camera's lens, and its place in the frame `frame_id` of the colour camera.

    rotation (3, 3), translation (3,) metres: colour = rotation @ depth + translation.
    """

    lens: Lens
    frame_id: str
    rotation: FloatArray
    translation: FloatArray


def register_depth(depth_m: NDArray[np.float32], view: DepthView, camera: PinholeCamera) -> NDArray[np.float32]:
    """(H, W) float32 metres in `camera`'s pixels, 0 where nothing was measured or is hidden.

    depth_m: (h, w) in the pixels of view.lens.camera, distortion undone. Each depth pixel becomes a square as large as
    it is in the other picture, so that a finer picture has no holes; the nearest wins.
    """
    source = view.lens.camera
    rays = _rays(source)
    rows = np.flatnonzero((depth_m > 0) & (depth_m < np.inf))
    points = depth_m.reshape(-1)[rows, None] * (rays[rows] @ view.rotation.T.astype(np.float32))
    points += view.translation.astype(np.float32)
    points = points[points[:, 2] > 0.01]  # in front of the camera
    z = points[:, 2]
    u = camera.fx * points[:, 0] / z + camera.cx
    v = camera.fy * points[:, 1] / z + camera.cy
    # Far outside would overflow the integers below.
    near = (np.abs(u) < 2 * camera.width) & (np.abs(v) < 2 * camera.height)
    u, v, z = u[near], v[near], z[near]
    registered = np.full(camera.height * camera.width, np.inf, np.float32)
    across, down = ceil(camera.fx / source.fx - 0.01), ceil(camera.fy / source.fy - 0.01)
    left, top = np.rint(u - (across - 1) / 2).astype(np.int32), np.rint(v - (down - 1) / 2).astype(np.int32)
    for dy in range(down):
        for dx in range(across):
            x, y = left + dx, top + dy
            inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
            np.minimum.at(registered, y[inside] * camera.width + x[inside], z[inside])
    registered[np.isinf(registered)] = 0
    return registered.reshape(camera.height, camera.width)


@lru_cache(maxsize=2)
def _rays(camera: PinholeCamera) -> NDArray[np.float32]:
    """(h * w, 3): the points at depth 1 that the pixels see, row by row."""
    v, u = np.mgrid[: camera.height, : camera.width].reshape(2, -1)
    rays = np.column_stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.size)])
    return rays.astype(np.float32)
