"""Joint angles of the hand: what the 21 numbers of a pose mean, their anatomical limits, and the rotations they make.

A pose is 21 angles in degrees: flexion of index, middle, ring and little finger at their three joints (12), 0 straight;
spread of the four at the knuckle (4), positive towards the thumb; the thumb's flexion, abduction (negative out of the
palm, positive back beside it) and twist at its base and flexion at its two joints (5), all from the rest pose.
Ranges follow the clinical ones (American Academy of Orthopaedic Surgeons: MCP -30..90, PIP 0..110, DIP 0..80), a little
wider for hands that bend back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from training.hands.model import FINGER_BONES, Array, HandModel

THUMB = slice(16, 21)
SPREAD = slice(12, 16)
LOW = np.array([-30.0, -8, -12] * 4 + [-14.0, -14, -18, -28] + [-25.0, -28, -15, -15, -20])
HIGH = np.array([92.0, 112, 82] * 4 + [24.0, 14, 14, 16] + [45.0, 35, 35, 55, 78])


class Joints(NamedTuple):
    """What the joints turn about, hand frame: flexion axes (16, 3) and rest flexion (16,) in radians of the bones; the
    thumb's axes of abduction and of twist (2, 3)."""

    axes: Array
    rest: Array
    thumb: Array


def hand_joints(model: HandModel) -> Joints:
    heads = model.mean[-21:-5]
    base, tip_side = FINGER_BONES[0][:2]
    along = heads[tip_side] - heads[base]
    along /= np.linalg.norm(along)
    flex = model.flex_axes[base]
    return Joints(model.flex_axes, model.rest_flexion, np.stack([np.cross(flex, along), along]))


def bone_turns(model: HandModel, angles: Array) -> Array:
    """Local rotations (B, 16, 3, 3) of the bones for poses (B, 21); the wrist bone's is the identity."""
    angles = np.ascontiguousarray(angles, dtype=np.float64)
    turns = np.empty((len(angles), 16, 3, 3))
    _turn_all(angles, hand_joints(model), turns)
    return turns


def axis_rotation(axis: Array, angle: Array) -> Array:
    """Rotations (..., 3, 3) by `angle` (...) radians about the unit vector `axis` (3,) (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.asarray(angle)[..., None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


@njit(cache=True)
def _turn_all(angles, joints, turns):
    for i in range(len(angles)):
        turn_bones(angles[i], joints, turns[i])


@njit(cache=True)
def turn_bones(angles, joints, turns):
    """Local rotations `turns` (16, 3, 3) of one pose (21,)."""
    turns[0] = 0.0
    turns[0, 0, 0] = turns[0, 1, 1] = turns[0, 2, 2] = 1.0
    first, second = np.empty((3, 3)), np.empty((3, 3))
    back = np.array([0.0, 0.0, 1.0])
    for finger in range(4):
        base = 3 * finger + 4
        for k in range(3):
            rotate(joints.axes[base + k], np.radians(angles[3 * finger + k]) - joints.rest[base + k], turns[base + k])
        rotate(back, np.radians(angles[12 + finger]), first)
        second[:] = turns[base]
        multiply(first, second, turns[base])
    rotate(joints.thumb[0], np.radians(angles[17]), first)
    rotate(joints.axes[1], np.radians(angles[16]), second)
    multiply(first, second, turns[1])
    first[:] = turns[1]
    rotate(joints.thumb[1], np.radians(angles[18]), second)
    multiply(first, second, turns[1])
    rotate(joints.axes[2], np.radians(angles[19]), turns[2])
    rotate(joints.axes[3], np.radians(angles[20]), turns[3])


@njit(cache=True)
def rotate(axis, angle, out):
    """Rotation `out` (3, 3) by `angle` radians about the unit vector `axis` (Rodrigues)."""
    x, y, z = axis[0], axis[1], axis[2]
    s, c = np.sin(angle), np.cos(angle)
    d = 1.0 - c
    out[0, 0], out[0, 1], out[0, 2] = c + d * x * x, d * x * y - s * z, d * x * z + s * y
    out[1, 0], out[1, 1], out[1, 2] = d * x * y + s * z, c + d * y * y, d * y * z - s * x
    out[2, 0], out[2, 1], out[2, 2] = d * x * z - s * y, d * y * z + s * x, c + d * z * z


@njit(cache=True)
def multiply(a, b, out):
    """Matrix product (3, 3) into `out`, which is neither of them."""
    for i in range(3):
        for j in range(3):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]
