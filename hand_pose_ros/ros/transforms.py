"""The transforms of a hand as plain numbers; the wrist frame is that of kinematics/wrist.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.kinematics.wrist import Pose
from hand_pose_ros.skeleton import JOINT_NAMES, WRIST
from hand_pose_ros.types import FloatArray


@dataclass(frozen=True)
class Transform:
    """child in parent: translation (3,) in metres, quaternion (4,) as x, y, z, w."""

    parent: str
    child: str
    translation: FloatArray
    quaternion: FloatArray


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


def hand_transforms(
    camera_frame: str, hand_id: int, joints: FloatArray, pose: Pose, with_joints: bool
) -> Iterator[Transform]:
    """`hand_<id>/wrist` in the camera's frame and, with_joints, `hand_<id>/<joint>` in the wrist's.

    joints: (21, 3) in the camera's frame; joints that are not finite are left out. The joints' frames keep the
    wrist's axes: they tell where a joint is, not how it is turned.
    """
    prefix = f"hand_{hand_id}/"
    wrist_frame = prefix + JOINT_NAMES[WRIST]
    yield Transform(camera_frame, wrist_frame, pose.position, quaternion_from_matrix(pose.rotation))
    if not with_joints:
        return
    local = (joints - pose.position) @ pose.rotation
    for name, position in zip(JOINT_NAMES[1:], local[1:], strict=True):
        if np.isfinite(position).all():
            yield Transform(wrist_frame, prefix + name, position, np.array([0.0, 0.0, 0.0, 1.0]))
