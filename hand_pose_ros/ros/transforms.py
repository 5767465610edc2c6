"""The wrist's pose from the joints, and the transforms of a hand, as plain numbers.

Wrist frame, the same for both sides: origin at the wrist, x to the middle finger's knuckle, y out of the back of the
hand, z = x cross y (towards the little finger of a right hand, towards the thumb of a left one).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.skeleton import INDEX_MCP, JOINT_NAMES, LITTLE_MCP, MIDDLE_MCP, WRIST
from hand_pose_ros.types import FloatArray, Side


@dataclass(frozen=True)
class Pose:
    """position (3,) in metres; rotation (3, 3), whose columns are the frame's axes; covariance (6, 6) over x, y, z
    and rotations about the parent's x, y, z, in square metres and square radians."""

    position: FloatArray
    rotation: FloatArray
    covariance: FloatArray


@dataclass(frozen=True)
class Transform:
    """child in parent: translation (3,) in metres, quaternion (4,) as x, y, z, w."""

    parent: str
    child: str
    translation: FloatArray
    quaternion: FloatArray


def wrist_pose(joints: FloatArray, covariance: FloatArray, side: Side) -> Pose | None:
    """The wrist's pose from joints (21, 3) and their covariances (21, 3, 3), taken as independent of one another.

    None when one of the four joints that span the palm is not finite, or when they lie on a line.
    """
    palm = [WRIST, MIDDLE_MCP, INDEX_MCP, LITTLE_MCP]
    wrist, middle, index, little = joints[palm].astype(float)
    forward = middle - wrist
    # Across the palm so that forward x across points out of the back of either hand.
    across = index - little if side == "right" else little - index
    normal = np.cross(forward, across)
    length, area = np.linalg.norm(forward), np.linalg.norm(normal)
    if not (np.isfinite(area) and length > 1e-3 and area > 1e-6):
        return None
    x, y = forward / length, normal / area
    z = np.cross(x, y)

    # First-order turn (about x, y, z) for small moves of (wrist, middle, index, little): the direction of x turns
    # with the two ends of `forward`; the turn about x is what keeps y perpendicular to `across`.
    turn = np.zeros((3, 4, 3))
    turn[2, 1], turn[1, 1] = y / length, -z / length
    turn[:, 0] = -turn[:, 1]
    sign = 1.0 if side == "right" else -1.0
    shift = np.zeros((4, 3))
    shift[2], shift[3] = sign * y, -sign * y
    turn[0] = ((across @ x) * turn[2] - shift) / (across @ z)

    jacobian = np.zeros((6, 4, 3))
    jacobian[:3, 0] = np.eye(3)
    jacobian[3:] = np.einsum("ab,bjc->ajc", np.column_stack([x, y, z]), turn)
    spread = np.einsum("ajc,jcd,bjd->ab", jacobian, covariance[palm].astype(float), jacobian)
    return Pose(wrist, np.column_stack([x, y, z]), spread)


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
