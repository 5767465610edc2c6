"""The hand as a chain of revolute joints: a rigid palm with five digits of three phalanges each.

Everything is in the wrist frame of `wrist.py`, of a right hand: x to the middle finger's knuckle, y out of the back of
the hand, z towards the little finger. A left hand is the same hand with z negated, so angles mean the same on both.

Each digit turns about five axes, from the palm outwards: base abduction, base flexion, middle abduction (the thumb's
alone), middle flexion, end flexion. Positive flexion bends towards the palm. Positive abduction spreads: the thumb out
of the palm's plane, index and middle finger towards the thumb, ring and little finger away from it. With all angles
zero the fingers are straight, in the palm's plane, and as far apart as an open hand has them at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.skeleton import FINGERS, JOINT_COUNT
from hand_pose_ros.types import FloatArray

#: Indices in the skeleton, (5, 4): each digit's base and the ends of its three phalanges.
DIGITS: NDArray[np.intp] = np.array(list(FINGERS.values()))


@dataclass(frozen=True)
class Hinge:
    """One revolute joint: its digit (0 thumb to 4 little finger), which of the digit's five axes, limits in radians,
    and the sign that turns the published angle into one about the axes of `digit_frames`."""

    name: str
    digit: int
    axis: int
    lower: float
    upper: float
    sign: float = 1.0


# Limits: the clinical ranges of the American Academy of Orthopaedic Surgeons for MCP, PIP and DIP flexion, and some
# degrees more, because joint centres are estimated and not bones. The thumb's axes are those of this model.
_FINGER_LIMITS = (("mcp_abduction", 0, -30, 30), ("mcp_flexion", 1, -35, 100), ("pip_flexion", 3, -10, 120),
                  ("dip_flexion", 4, -15, 90))  # fmt: skip
_THUMB_LIMITS = (("cmc_abduction", 0, -50, 50), ("cmc_flexion", 1, -50, 50), ("mcp_abduction", 2, -45, 45),
                 ("mcp_flexion", 3, -20, 80), ("ip_flexion", 4, -20, 90))  # fmt: skip
#: Every joint, in the order of the published angles.
HINGES: tuple[Hinge, ...] = tuple(
    Hinge(
        name=f"{finger}_{name}",
        digit=digit,
        axis=axis,
        lower=float(np.radians(low)),
        upper=float(np.radians(high)),
        sign=-1.0 if axis == 0 and digit > 2 else 1.0,
    )
    for digit, finger in enumerate(FINGERS)
    for name, axis, low, high in (_THUMB_LIMITS if finger == "thumb" else _FINGER_LIMITS)
)
ANGLE_NAMES: tuple[str, ...] = tuple(hinge.name for hinge in HINGES)
#: (21,) radians.
LOWER: FloatArray = np.array([hinge.lower for hinge in HINGES])
UPPER: FloatArray = np.array([hinge.upper for hinge in HINGES])

_PLACE = np.array([hinge.digit * 5 + hinge.axis for hinge in HINGES])
#: Of the five axes, those that bend each phalanx; the last one is not turned sideways.
_ABDUCTION, _FLEXION, _HAS_ABDUCTION = np.array([0, 2, 2]), np.array([1, 3, 4]), np.array([1.0, 1.0, 0.0])
_SIGN = np.array([hinge.sign for hinge in HINGES])


@dataclass(frozen=True)
class HandShape:
    """What stays of one person's hand while it moves, metres, wrist frame of a right hand.

    bases_m: (5, 3), the thumb's CMC and the fingers' MCP joints. phalanges_m: (5, 3), lengths, outwards.
    """

    bases_m: FloatArray
    phalanges_m: FloatArray


#: Mean of the shapes that training draws its synthetic hands from (training/hands/model.py).
MEAN_SHAPE = HandShape(
    bases_m=np.array([[28.8, -6.9, -24.8], [91.2, -3.7, -22.6], [99.4, 0, 0], [87.4, -0.1, 23.2], [74.9, -3.7, 39.8]])
    / 1000,
    phalanges_m=np.array(
        [[27.7, 38.0, 29.1], [32.3, 24.5, 27.8], [30.5, 28.9, 28.1], [31.2, 25.1, 27.5], [25.4, 16.3, 20.5]]
    )
    / 1000,
)


def _base_frames() -> FloatArray:
    """(5, 3, 3): columns are the axes of each digit with all its angles zero: x along it, y out of its back.

    In degrees: turned towards the thumb (about y), up (about z), rolled (about x). Turns are those of the synthetic
    hands of training when open and at rest. Rolls are those with which their digits bend in a plane: the palm is
    arched, so the finger's backs do not all look the same way, and the thumb's looks away from the little finger.
    """
    turns = np.radians([[44, -26, -88], [9, 0, -6], [-11, 0, 2], [-17, 0, 2], [-26, 0, 6]])
    (cy, cz, cx), (sy, sz, sx) = np.cos(turns).T, np.sin(turns).T
    zero, one = np.zeros(5), np.ones(5)
    about_y = np.array([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]])
    about_z = np.array([[cz, -sz, zero], [sz, cz, zero], [zero, zero, one]])
    about_x = np.array([[one, zero, zero], [zero, cx, -sx], [zero, sx, cx]])
    return np.einsum("abd,bcd,ced->dae", about_y, about_z, about_x)


BASE_FRAMES: FloatArray = _base_frames()


def to_axes(angles: FloatArray) -> FloatArray:
    """Angles (..., 21) in the order of HINGES as turns (..., 5, 5) about the axes of the digits; no hinge: 0."""
    axes = np.zeros((*angles.shape[:-1], 25))
    axes[..., _PLACE] = angles * _SIGN
    return axes.reshape(*angles.shape[:-1], 5, 5)


def from_axes(axes: FloatArray) -> FloatArray:
    """Undoes `to_axes`."""
    return axes.reshape(*axes.shape[:-2], 25)[..., _PLACE] * _SIGN


def digit_frames(axes: FloatArray) -> FloatArray:
    """(..., 5, 3, 3, 3) from `to_axes`: for each digit and phalanx a rotation whose columns are the phalanx's axes in
    the wrist frame: x along it, outwards, y out of its back."""
    turns = bend(axes[..., _ABDUCTION] * _HAS_ABDUCTION, axes[..., _FLEXION])
    frames = np.empty_like(turns)
    frames[..., 0, :, :] = BASE_FRAMES @ turns[..., 0, :, :]
    for phalanx in (1, 2):
        frames[..., phalanx, :, :] = frames[..., phalanx - 1, :, :] @ turns[..., phalanx, :, :]
    return frames


def joints_from_angles(angles: FloatArray, shape: HandShape) -> FloatArray:
    """Forward kinematics: the 21 joints (..., 21, 3) of a right hand in its wrist frame, metres, from angles (..., 21).

    An angle that is NaN makes the joints beyond it NaN.
    """
    frames = digit_frames(to_axes(angles))
    steps = frames[..., 0] * shape.phalanges_m[..., None]
    joints = np.zeros((*angles.shape[:-1], JOINT_COUNT, 3))
    joints[..., DIGITS[:, 0], :] = shape.bases_m
    joints[..., DIGITS[:, 1:], :] = shape.bases_m[:, None] + np.cumsum(steps, axis=-2)
    return joints


def bend(abduction: FloatArray, flexion: FloatArray) -> FloatArray:
    """(..., 3, 3): a turn about y, then one about the new -z."""
    ca, sa, cf, sf = np.cos(abduction), np.sin(abduction), np.cos(flexion), np.sin(flexion)
    turn = np.empty((*np.shape(abduction), 3, 3))
    turn[..., 0, 0], turn[..., 0, 1], turn[..., 0, 2] = ca * cf, ca * sf, sa
    turn[..., 1, 0], turn[..., 1, 1], turn[..., 1, 2] = -sf, cf, 0.0
    turn[..., 2, 0], turn[..., 2, 1], turn[..., 2, 2] = -sa * cf, -sa * sf, ca
    return turn
