"""Where the hand is, when colour alone was seen: from the hand's shape and its picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hand_pose_ros.types import FloatArray

#: A hand is somewhere here, metres along the crop's z; solutions outside are pulled to the nearest end.
NEAREST_M, FARTHEST_M = 0.12, 6.0
#: People's hands differ in size by about this, relative (standard deviation; adults, hand length: 7-9 %).
HAND_SIZE_STD = 0.08
#: Residuals of this many times the noise get a quarter of the weight.
_TUNING = 2.4
_ITERATIONS = 8


@dataclass(frozen=True)
class Placement:
    """translation_m: (3,) to add to the joints. covariance_m2: (3, 3) of it."""

    translation_m: FloatArray
    covariance_m2: FloatArray


def place(
    joints_m: FloatArray,
    tangents: FloatArray,
    weights: FloatArray | None = None,
    size_std: float = HAND_SIZE_STD,
    tangent_std: float = 0.002,
) -> Placement:
    """The translation t that puts the joints (J, 3) where a camera sees them at `tangents` (J, 2) = (x/z, y/z).

    Each joint gives two linear equations, x + t_x = u (z + t_z) and y + t_y = v (z + t_z), solved by weighted least
    squares with Geman and McClure's weights on the residuals, so that a few wrong joints do not move the hand: with
    3 of 21 wrong by 8 cm the 95th percentile of the error is 0.03 of the distance; with Huber's weights it is 0.3.
    `weights` (J,) multiply these. The covariance is that of the least squares, with the noise of the residuals but
    no less than `tangent_std` (at distance 1), plus that of a hand `size_std` (relative) larger or smaller, which
    would stand as much farther or nearer.

    A hand without extent in the picture cannot be placed by its size: it is put at the nearest sensible distance
    to the solution, with a covariance along the ray as large as that distance.
    """
    weights = np.ones(len(joints_m)) if weights is None else np.asarray(weights, dtype=np.float64)
    x, u = np.asarray(joints_m, dtype=np.float64), np.asarray(tangents, dtype=np.float64)
    design = np.concatenate([np.eye(2)[:, None].repeat(len(x), 1), -u.T[..., None]], axis=2).reshape(-1, 3)
    target = (u * x[:, 2:] - x[:, :2]).T.ravel()
    robust, half = weights, len(x) // 2
    for _ in range(_ITERATIONS):
        translation, information, bounded = _solve(design, target, np.tile(robust, 2), x[:, 2])
        residual = np.hypot(*(target - design @ translation).reshape(2, -1))
        # Of the length of a plane Gaussian vector the median is 1.1774 standard deviations.
        noise = max(float(np.partition(residual, half)[half]) / 1.1774, tangent_std * translation[2])
        robust = weights / (1.0 + (residual / (_TUNING * noise)) ** 2) ** 2
    covariance = noise**2 * np.linalg.pinv(information, rcond=1e-9, hermitian=True)
    line = translation / translation[2]
    along = translation[2] if bounded else size_std * translation[2]
    return Placement(translation, covariance + along**2 * np.outer(line, line))


def _solve(
    design: FloatArray, target: FloatArray, weights: FloatArray, z: FloatArray
) -> tuple[FloatArray, FloatArray, bool]:
    """Translation, information matrix, and whether the distance had to be bounded."""
    weighted = design.T * weights
    information, moment = weighted @ design, weighted @ target
    # Eliminate t_x and t_y, which are always determined; what is left tells whether t_z is.
    total = information[0, 0]
    remaining = information[2, 2] - (information[0, 2] ** 2 + information[1, 2] ** 2) / total
    numerator = moment[2] - (information[0, 2] * moment[0] + information[1, 2] * moment[1]) / total
    lowest = NEAREST_M - float(z.min())
    distance = numerator / remaining if remaining > 1e-9 * total else FARTHEST_M
    bounded = not lowest <= distance < FARTHEST_M
    distance = float(np.clip(distance, lowest, FARTHEST_M))
    lateral = (moment[:2] - information[:2, 2] * distance) / total
    return np.array([*lateral, distance]), information, bounded
