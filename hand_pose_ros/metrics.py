"""Errors of joint positions against ground truth, in the protocols of the literature.

Arrays are (N frames, J joints, 3) in any one unit; a result has the unit of its input. A missing or invisible joint
is NaN and counts nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.skeleton import INDEX_MCP, LITTLE_MCP, MIDDLE_MCP, WRIST
from hand_pose_ros.types import FloatArray

#: Thresholds in mm. The same name, AUC, is reported over different grids in the literature, so each is named.
GRIDS_MM: dict[str, FloatArray] = {
    "0-50 (20 points)": np.linspace(0, 50, 20),
    "20-50 (entries 8 to 19 of the same grid)": np.linspace(0, 50, 20)[8:],
    "20-50 (15 points)": np.linspace(20, 50, 15),
    "0-50 (100 points)": np.linspace(0, 50, 100),
}

#: Quantiles of the chi-squared distribution with three degrees of freedom: squared Mahalanobis radius of an
#: ellipsoid that holds this share of a 3D Gaussian.
ELLIPSOID_RADIUS_SQUARED: dict[float, float] = {0.5: 2.365974, 0.9: 6.251389, 0.99: 11.344867}


def joint_errors(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Euclidean distances (N, J)."""
    return np.linalg.norm(predicted - truth, axis=-1)


def mean_error(errors: FloatArray) -> float:
    """End-point error as depth papers give it: the mean over all joints of all frames."""
    return float(np.nanmean(errors)) if np.isfinite(errors).any() else float("nan")


def frame_means(errors: FloatArray) -> FloatArray:
    """(N,) mean errors over the joints (N, J) of each frame, NaN for frames without any; of the transpose, by joint."""
    return np.array([mean_error(frame) for frame in errors])


def per_joint_error(errors: FloatArray) -> tuple[float, float]:
    """End-point error as RGB papers give it: the mean over joints of each joint's (mean, median) over the frames.

    A "median error" in those papers is thus a mean of medians. Joints never seen are left out.
    """
    seen = errors[:, np.isfinite(errors).any(axis=0)]
    if seen.size == 0:
        return float("nan"), float("nan")
    return float(np.nanmean(seen, axis=0).mean()), float(np.nanmedian(seen, axis=0).mean())


def wrist_relative(joints: FloatArray) -> FloatArray:
    """Positions relative to the wrist of the same frame; NaN throughout where the wrist is."""
    return joints - joints[:, WRIST : WRIST + 1]


def align_procrustes(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Each frame of `predicted` moved, rotated (never reflected) and scaled onto `truth` in least squares (N, J, 3).

    Joints that are NaN in either are left out of the fit, and stay NaN. Frames with fewer than three are all NaN.
    """
    aligned: FloatArray = np.full(predicted.shape, np.nan)
    for index, (source, target) in enumerate(zip(predicted, truth, strict=True)):
        valid = np.isfinite(source).all(axis=-1) & np.isfinite(target).all(axis=-1)
        if valid.sum() >= 3:
            aligned[index, valid] = _similarity(source[valid], target[valid])
    return aligned


def _similarity(source: FloatArray, target: FloatArray) -> FloatArray:
    centre = target.mean(axis=0)
    a, b = source - source.mean(axis=0), target - centre
    u, singular, vt = np.linalg.svd(a.T @ b)
    # A mirrored hand must not become a match: flip the weakest axis instead of allowing a reflection.
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    norm = np.square(a).sum()
    scale = (singular * flip).sum() / norm if norm > 0 else 1.0
    return scale * (a @ (u * flip @ vt)) + centre


def pck(errors: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Share of correct joints (T,): per joint the share of frames within each threshold, averaged over joints."""
    seen = np.isfinite(errors)
    within = errors[None] <= np.asarray(thresholds)[:, None, None]
    joints = seen.any(axis=0)
    return (within.sum(axis=1)[:, joints] / seen.sum(axis=0)[joints]).mean(axis=1)


def auc(errors: FloatArray, thresholds: FloatArray) -> float:
    """Area under `pck` by trapezoids, divided by the range of thresholds: 0 to 1."""
    curve = pck(errors, thresholds)
    area = ((curve[1:] + curve[:-1]) / 2 * np.diff(thresholds)).sum()
    return float(area / (thresholds[-1] - thresholds[0]))


def pcf(errors: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Share of frames (T,) whose worst joint is within each threshold."""
    worst = np.nanmax(errors[np.isfinite(errors).any(axis=1)], axis=1)
    return (worst[None] <= np.asarray(thresholds)[:, None]).mean(axis=1)


def palm_frames(joints: FloatArray, side: Sequence[str]) -> FloatArray:
    """The hand's own axes as columns (N, 3, 3): wrist to middle MCP, towards the thumb's side, out of the back.

    Left hands get a left-handed frame, so that the same offset on either hand has the same coordinates.
    """
    along = _unit(joints[:, MIDDLE_MCP] - joints[:, WRIST])
    spread = joints[:, INDEX_MCP] - joints[:, LITTLE_MCP]
    across = _unit(spread - (spread * along).sum(-1, keepdims=True) * along)
    mirror = np.where(np.asarray(side) == "left", -1.0, 1.0)[:, None]
    return np.stack([along, across, mirror * np.cross(along, across)], axis=-1)


def remove_constant_offsets(predicted: FloatArray, truth: FloatArray, frames: FloatArray) -> FloatArray:
    """`predicted` with each joint's mean offset in the hand's frame taken out (N, J, 3).

    Data sets define joints differently (where in the wrist? on the skin or on the bone?), which shows as an offset
    that turns with the hand. To be fair, the offset taken out of a frame is the mean over the *other* frames; a
    single frame keeps its offsets. frames: (N, 3, 3), of `palm_frames`.
    """
    offsets = _in_frames(truth - predicted, frames)
    seen = np.isfinite(offsets)
    others = seen.sum(axis=0) - seen
    total = np.where(seen, offsets, 0.0)
    mean = (total.sum(axis=0) - total) / np.maximum(others, 1)
    return predicted + np.einsum("nij,nkj->nki", frames, mean)


def constant_offsets(predicted: FloatArray, truth: FloatArray, frames: FloatArray) -> FloatArray:
    """Each joint's mean of truth minus prediction in the hand's frame (J, 3): along, across, out of the back."""
    offsets = _in_frames(truth - predicted, frames)
    seen = np.isfinite(offsets)
    with np.errstate(invalid="ignore"):
        return np.where(seen, offsets, 0.0).sum(axis=0) / seen.sum(axis=0)


def _in_frames(vectors: FloatArray, frames: FloatArray) -> FloatArray:
    return np.einsum("nji,nkj->nki", frames, vectors)


def coverage(predicted: FloatArray, truth: FloatArray, covariance: FloatArray) -> dict[float, float]:
    """Share of joints whose truth lies within the predicted 50, 90 and 99 % ellipsoid.

    Calibrated uncertainty gives 0.5, 0.9 and 0.99; less is overconfident. covariance: (N, J, 3, 3), in the square of
    the positions' unit. Joints without a usable (finite, invertible) covariance are left out; NaN if none is left.
    """
    difference = (predicted - truth).reshape(-1, 3)
    covariance = covariance.reshape(-1, 3, 3)
    finite = np.isfinite(difference).all(axis=-1) & np.isfinite(covariance).all(axis=(-1, -2))
    difference, covariance = difference[finite], covariance[finite]
    invertible = np.linalg.det(covariance) > 0
    if not invertible.any():
        return {level: float("nan") for level in ELLIPSOID_RADIUS_SQUARED}
    difference, covariance = difference[invertible], covariance[invertible]
    squared = (difference * np.linalg.solve(covariance, difference[..., None])[..., 0]).sum(axis=-1)
    return {level: float((squared <= radius).mean()) for level, radius in ELLIPSOID_RADIUS_SQUARED.items()}


def ellipsoid_levels(predicted: FloatArray, truth: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of each joint (N, J), the level (0 to 1) of the ellipsoid on which the truth lies, and its squared Mahalanobis
    distance: the distribution function of chi-squared with three degrees of freedom, and its argument.

    Where covariances are calibrated, levels are uniform. covariance: (N, J, 3, 3); NaN where it is not usable.
    """
    difference = predicted - truth
    usable: NDArray[np.bool_] = np.asarray(
        np.isfinite(difference).all(axis=-1) & np.isfinite(covariance).all(axis=(-1, -2))
    )
    safe = np.where(usable[..., None, None], covariance, np.eye(3))
    usable = np.asarray(usable & (np.linalg.det(safe) > 0))
    squared: FloatArray = np.full(usable.shape, np.nan)
    chosen = difference[usable]
    squared[usable] = (chosen * np.linalg.solve(covariance[usable], chosen[..., None])[..., 0]).sum(axis=-1)
    half = squared / 2
    erf = np.vectorize(math.erf, otypes=[float])
    return erf(np.sqrt(half)) - 2 * np.sqrt(half / np.pi) * np.exp(-half), squared


def bootstrap_interval(
    values: FloatArray,
    statistic: Callable[[FloatArray], float] = mean_error,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic under resampling of frames, the first axis of `values`.

    Frames of one video resemble each other, so for a video the true interval is wider.
    """
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, len(values), (draws, len(values)))
    results = np.array([statistic(values[draw]) for draw in chosen])
    low, high = np.nanquantile(results, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _unit(vectors: FloatArray) -> NDArray[np.floating]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
