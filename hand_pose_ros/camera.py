"""Pinhole projection, and the turned camera that looks straight at the hand."""

from __future__ import annotations

import numpy as np

from hand_pose_ros.types import FloatArray, PinholeCamera


def project(points: FloatArray, camera: PinholeCamera) -> FloatArray:
    """Pixels (..., 2) of points (..., 3) in the camera frame; NaN or inf where z is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        xy = points[..., :2] / points[..., 2:]
    return xy * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def ray(pixel: tuple[float, float], camera: PinholeCamera) -> FloatArray:
    """Unit vector (3,) from the camera through a pixel."""
    direction = np.array([(pixel[0] - camera.cx) / camera.fx, (pixel[1] - camera.cy) / camera.fy, 1.0])
    return direction / np.linalg.norm(direction)


def look_at(direction: FloatArray) -> FloatArray:
    """The smallest rotation (3, 3) that turns the unit vector `direction` onto +z (Rodrigues' formula).

    Yang et al. (ICCV 2019) call this the viewpoint correction: a hand looks the same wherever it is in the picture.
    `direction` must point forward (z > -1).
    """
    x, y, z = direction
    axis = np.array([[0.0, 0.0, -x], [0.0, 0.0, -y], [x, y, 0.0]])
    return np.eye(3) + axis + axis @ axis / (1.0 + z)
