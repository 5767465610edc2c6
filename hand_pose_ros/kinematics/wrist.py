"""The wrist's pose from the joints, and the joints in the wrist's frame.

Wrist frame, the same for both sides: origin at the wrist, x to the middle finger's knuckle, y out of the back of the
hand, z = x cross y (towards the little finger of a right hand, towards the thumb of a left one).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.skeleton import INDEX_MCP, LITTLE_MCP, MIDDLE_MCP, WRIST
from hand_pose_ros.types import FloatArray, Side


@dataclass(frozen=True)
class Pose:
    """position (3,) in metres; rotation (3, 3), whose columns are the frame's axes; covariance (6, 6) over x, y, z
    and rotations about the parent's x, y, z, in square metres and square radians."""

    position: FloatArray
    rotation: FloatArray
    covariance: FloatArray


def wrist_pose(joints: FloatArray, covariance: FloatArray, side: Side) -> Pose | None:
    """The wrist's pose from joints (21, 3) and their covariances (21, 3, 3), taken as independent of one another.

    None when one of the four joints that span the palm is not finite, or when they lie on a line.
    """
    palm = [WRIST, MIDDLE_MCP, INDEX_MCP, LITTLE_MCP]
    wrist, middle, index, little = joints[palm].astype(float)
    forward = middle - wrist
    # Across the palm so that forward x across points out of the back of either hand.
    across = index - little if side == "right" else little - index
    normal = _cross(forward, across)
    length, area = math.sqrt(forward @ forward), math.sqrt(normal @ normal)
    if not (math.isfinite(area) and length > 1e-3 and area > 1e-6):
        return None
    x, y = forward / length, normal / area
    z = _cross(x, y)

    # First-order turn (about x, y, z) for small moves of (wrist, middle, index, little): the direction of x turns
    # with the two ends of `forward`; the turn about x is what keeps y perpendicular to `across`.
    turn = np.zeros((3, 4, 3))
    turn[2, 1], turn[1, 1] = y / length, -z / length
    turn[:, 0] = -turn[:, 1]
    sign = 1.0 if side == "right" else -1.0
    shift = np.zeros((4, 3))
    shift[2], shift[3] = sign * y, -sign * y
    turn[0] = ((across @ x) * turn[2] - shift) / (across @ z)

    rotation = np.array([x, y, z]).T
    jacobian = np.zeros((6, 4, 3))
    jacobian[[0, 1, 2], 0, [0, 1, 2]] = 1.0
    jacobian[3:] = (rotation @ turn.reshape(3, 12)).reshape(3, 4, 3)
    by_joint = jacobian.transpose(1, 0, 2)
    spread = (by_joint @ covariance[palm].astype(float) @ by_joint.transpose(0, 2, 1)).sum(axis=0)
    return Pose(wrist, rotation, spread)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Of two vectors (3,); NumPy's own, for arrays of any shape, takes ten times as long."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def to_right_hand(joints: FloatArray, pose: Pose, side: Side) -> FloatArray:
    """Joints (..., 21, 3) from the pose's parent frame to the wrist frame, there mirrored to a right hand (z negated)
    if they are a left one's: the frame of `model.py`."""
    local = (joints - pose.position) @ pose.rotation
    return local * mirror(side)


def from_right_hand(local: FloatArray, pose: Pose, side: Side) -> FloatArray:
    """Undoes `to_right_hand`."""
    return (local * mirror(side)) @ pose.rotation.T + pose.position


def mirror(side: Side) -> FloatArray:
    """(3,): what to multiply points of the wrist frame with, to make a left hand a right one or the reverse."""
    return np.array([1.0, 1.0, -1.0 if side == "left" else 1.0])
