"""The transforms of a hand as plain numbers; the wrist frame is that of kinematics/wrist.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.kinematics.rotations import quaternion_from_matrix
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
