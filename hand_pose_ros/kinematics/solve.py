"""Joint angles from joint positions: a closed form, then Gauss-Newton with the bone lengths kept.

The closed form is exact for joints that the model can take; the steps share out what it cannot take, and noise, in the
least squares of the joints' distances, weighted with their covariances. What is fitted are the directions of the bones
as seen, at the lengths that are known: neither an error of the palm nor a bone that looks too long, as it does when the
hand's distance is wrong, is a reason to bend a finger.
"""

from __future__ import annotations

import numpy as np

from hand_pose_ros.kinematics.model import (
    BASE_FRAMES,
    DIGITS,
    LOWER,
    UPPER,
    HandShape,
    bend,
    digit_frames,
    from_axes,
    to_axes,
)
from hand_pose_ros.types import FloatArray

#: Gauss-Newton steps; after the closed form, more change angles by less than noise does.
STEPS = 3
#: Added to joints' covariances, square metres: nobody knows a joint better than to a millimetre.
FLOOR_M2 = 1e-6
#: A bone that is shorter has no direction.
SHORTEST_M = 1e-4
#: Weak pull, square metres, of the closed form to a digit's rest direction, which decides when it points up or down.
REST_M2 = 1e-8
#: Levenberg's damping of a step, as standard deviation of an angle in radians: where joints say nothing about an angle
#: it stays what it was.
STEP_RAD = 1.0

# With signs as in to_axes; the fingers' middle abduction is locked to 0.
_BOUNDS = np.sort(np.stack([to_axes(LOWER), to_axes(UPPER)]), axis=0)
#: (points, axes): which points of a digit an axis moves.
_MOVES = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], dtype=bool)
#: What the five axes of a digit are: columns (y, z) of the frames of its base and its first two phalanges, as they are
#: or the other way round, through its base or the ends of these phalanges.
_TURNED_BY, _ALONG = np.array([0, 1, 1, 2, 2]), np.array([1, 2, 1, 2, 2])
_TURN_SIGN = np.array([1.0, -1.0, 1.0, -1.0, -1.0])[:, None, None]
_FROM, _AT_BASE = np.array([0, 0, 1, 1, 2]), np.zeros((5, 1, 3))
_EYE = np.eye(5)
_DAMPING = _EYE / STEP_RAD**2
#: The closed form takes a finger's plane from all its phalanges, the thumb's from the first.
_PLANE_WEIGHTS = np.array([[1.0, 0, 0]] + [[1.0, 1.0, 1.0]] * 4)


def solve_angles(joints: FloatArray, shape: HandShape, covariance: FloatArray | None = None) -> FloatArray:
    """Angles (21,) in radians in the order of `model.HINGES`, within their limits.

    joints: (21, 3) metres, wrist frame of a right hand (`wrist.to_right_hand`). covariance: (21, 3, 3) square metres in
    the same frame. An angle is NaN when a joint from its digit's base to the end of its phalanx is not finite.
    """
    bones: FloatArray = np.diff(joints[DIGITS], axis=1)
    # Beyond a missing joint nothing can be said.
    there = np.logical_and.accumulate(np.isfinite(bones).all(axis=-1), axis=-1)
    bones = np.where(there[..., None], bones, 0.0)
    seen = np.sqrt((bones * bones).sum(axis=-1))
    bones *= (shape.phalanges_m / np.maximum(seen, SHORTEST_M))[..., None]
    points = np.cumsum(bones, axis=1)
    weights = _weights(covariance, there)

    axes: FloatArray = np.clip(_closed_form(bones, points, there), *_BOUNDS)
    for _ in range(STEPS):
        axes = _gauss_newton(axes, points, weights, shape.phalanges_m)
    known = there[:, [0, 0, 1, 1, 2]]
    return from_axes(np.where(known, axes, np.nan))


def _weights(covariance: FloatArray | None, there: FloatArray) -> FloatArray:
    """(5, 3, 3, 3): inverse covariances of the digits' points; the identity where unknown, zero where no point is."""
    if covariance is None:
        precision: FloatArray = np.broadcast_to(np.eye(3) / FLOOR_M2, (5, 3, 3, 3))
    else:
        spread = covariance[DIGITS[:, 1:]]
        spread = np.where(np.isfinite(spread).all(axis=(-1, -2), keepdims=True), spread, 0.0)
        precision = np.linalg.inv(spread + FLOOR_M2 * np.eye(3))
    return precision * there[..., None, None]


def _closed_form(bones: FloatArray, points: FloatArray, there: FloatArray) -> FloatArray:
    """Turns (5, 5) from bones (5, 3, 3) and their ends relative to the digits' bases (5, 3, 3)."""
    across = (points @ BASE_FRAMES)[..., [0, 2]]
    moments = np.einsum("dp,dpi,dpj->dij", _PLANE_WEIGHTS * there, across, across)
    abduction = -0.5 * np.arctan2(2 * moments[:, 0, 1], moments[:, 0, 0] - moments[:, 1, 1] + REST_M2)
    axes = np.zeros((5, 5))
    axes[:, 0] = abduction
    bones = bones @ BASE_FRAMES @ bend(abduction, np.zeros(5))
    axes[:, 1] = np.arctan2(-bones[:, 0, 1], bones[:, 0, 0])
    bones = bones @ bend(np.zeros(5), axes[:, 1])
    axes[0, 2] = np.arctan2(-bones[0, 1, 2], bones[0, 1, 0])
    bones = bones @ bend(axes[:, 2], np.zeros(5))
    axes[:, 3] = np.arctan2(-bones[:, 1, 1], bones[:, 1, 0])
    bones = bones @ bend(np.zeros(5), axes[:, 3])
    axes[:, 4] = np.arctan2(-bones[:, 2, 1], bones[:, 2, 0])
    return axes


def _gauss_newton(axes: FloatArray, points: FloatArray, weights: FloatArray, lengths: FloatArray) -> FloatArray:
    """One damped step, within the limits. An angle at its limit that is pushed outwards stands still, so that the
    others make up for it (projected Newton: Bertsekas, SIAM J. Control and Optimization 20(2), 1982)."""
    frames = digit_frames(axes)
    reached = np.cumsum(frames[..., 0] * lengths[..., None], axis=1)
    turned = np.concatenate([BASE_FRAMES[:, None], frames], axis=1)
    joints = np.concatenate([_AT_BASE, reached], axis=1)
    turn_about = turned[:, _TURNED_BY, :, _ALONG] * _TURN_SIGN  # axis, digit, xyz
    arms = reached[:, :, None] - joints[:, None, _FROM]
    jacobian = _cross(turn_about.transpose(1, 0, 2)[:, None], arms) * _MOVES[..., None]  # digit, point, axis, xyz
    weighted = (jacobian @ weights).transpose(0, 2, 1, 3).reshape(5, 5, 9)
    gradient = (weighted @ (points - reached).reshape(5, 9, 1))[..., 0]
    hessian = weighted @ jacobian.transpose(0, 1, 3, 2).reshape(5, 9, 5) + _DAMPING
    low, high = _BOUNDS
    stuck = ((axes <= low) & (gradient <= 0)) | ((axes >= high) & (gradient >= 0))
    free = ~stuck
    hessian = hessian * (free[:, :, None] & free[:, None]) + _EYE * stuck[:, None]
    step = np.linalg.solve(hessian, (gradient * free)[..., None])[..., 0]
    return np.minimum(np.maximum(axes + step, low), high)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """As np.cross, at a third of its time."""
    return a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
