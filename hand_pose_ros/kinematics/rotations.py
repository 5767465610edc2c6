"""Rotations in the forms that messages want."""

from __future__ import annotations

import numpy as np

from hand_pose_ros.types import FloatArray


def quaternion_from_matrix(rotation: FloatArray) -> FloatArray:
    """Unit quaternion (4,), x y z w, of a rotation (3, 3), with w >= 0.

    Bar-Itzhack's way: the eigenvector of a symmetric matrix, without cases and stable for any rotation.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    symmetric = np.array(
        [
            [xx - yy - zz, yx + xy, zx + xz, zy - yz],
            [yx + xy, yy - xx - zz, zy + yz, xz - zx],
            [zx + xz, zy + yz, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    quaternion = np.linalg.eigh(symmetric)[1][:, -1]
    return -quaternion if quaternion[3] < 0 else quaternion


def ellipsoid_axes(covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A rotation (3, 3) whose columns are the principal axes of a covariance (3, 3), and the standard deviations (3,)
    along them; at least 10 micrometres, so that it can be drawn."""
    variances, axes = np.linalg.eigh(covariance)
    axes[:, 0] *= np.sign(np.linalg.det(axes))
    return axes, np.sqrt(variances.clip(1e-10))
