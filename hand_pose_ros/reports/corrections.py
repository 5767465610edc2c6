"""What an error is made of: how much of it goes when one kind of mistake is taken out.

Each correction is one experiment on the same predictions, so their gains do not add up. All work on positions relative
to the wrist, in the unit of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_ros import metrics
from hand_pose_ros.types import FloatArray

AS_IT_IS = "as it is"
#: By name, what each experiment does to the prediction.
CORRECTIONS = {
    AS_IT_IS: "wrists moved onto each other",
    "joint definition": "each joint's constant offset in the hand's frame, measured on the other frames, taken out",
    "position": "moved onto the truth by the mean of all joints in place of the wrist",
    "scale": "each frame made larger or smaller about the wrist",
    "rotation": "each frame turned about the wrist as a whole",
    "all three": "moved, turned and scaled onto the truth (Procrustes)",
    "all four": "the offsets taken out, then moved, turned and scaled: what is left is the fingers' pose",
}


@dataclass(frozen=True)
class RigidFit:
    """How each frame's prediction would have to change about the wrist. scale: (N,), above 1 where it is too small.
    angle_deg: (N,) of the best rotation."""

    scale: FloatArray
    angle_deg: FloatArray


def corrected_errors(predicted: FloatArray, truth: FloatArray, side: Sequence[str]) -> dict[str, FloatArray]:
    """Joint errors (N, J) after each of CORRECTIONS. predicted, truth: (N, 21, 3); NaN joints count nowhere."""
    without_offsets = metrics.remove_constant_offsets(predicted, truth, metrics.palm_frames(predicted, side))
    at_wrist, true_at_wrist = metrics.wrist_relative(predicted), metrics.wrist_relative(truth)
    rotations, scales = _fit_about_wrist(at_wrist, true_at_wrist)
    pairs = (
        (at_wrist, true_at_wrist),
        (metrics.wrist_relative(without_offsets), true_at_wrist),
        (_centred(predicted, truth), _centred(truth, truth)),
        (at_wrist * scales[:, None, None], true_at_wrist),
        (np.einsum("nij,nkj->nki", rotations, at_wrist), true_at_wrist),
        (metrics.align_procrustes(predicted, truth), truth),
        (metrics.align_procrustes(without_offsets, truth), truth),
    )
    return {name: metrics.joint_errors(*pair) for name, pair in zip(CORRECTIONS, pairs, strict=True)}


def rigid_fit(predicted: FloatArray, truth: FloatArray) -> RigidFit:
    """Best scale and best rotation of each frame about the wrist, each by itself."""
    rotations, scales = _fit_about_wrist(metrics.wrist_relative(predicted), metrics.wrist_relative(truth))
    cosine = (np.trace(rotations, axis1=1, axis2=2) - 1) / 2
    return RigidFit(scales, np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def split_along_ray(predicted: FloatArray, truth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Errors (N, J) of positions in the camera's frame: along the ray to the true joint, and across it."""
    ray = truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    difference = predicted - truth
    along = (difference * ray).sum(axis=-1)
    return np.abs(along), np.linalg.norm(difference - along[..., None] * ray, axis=-1)


def _fit_about_wrist(at_wrist: FloatArray, true_at_wrist: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rotations (N, 3, 3) and scales (N,) in least squares, each alone; NaN for frames without joints in common."""
    rotations: FloatArray = np.full((len(at_wrist), 3, 3), np.nan)
    scales: FloatArray = np.full(len(at_wrist), np.nan)
    for index, (source, target) in enumerate(zip(at_wrist, true_at_wrist, strict=True)):
        both = np.isfinite(source).all(axis=-1) & np.isfinite(target).all(axis=-1)
        if both.sum() < 3:
            continue
        a, b = source[both], target[both]
        scales[index] = (a * b).sum() / np.square(a).sum()
        u, _, vt = np.linalg.svd(b.T @ a)  # Kabsch's rotation
        rotations[index] = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return rotations, scales


def _centred(points: FloatArray, truth: FloatArray) -> FloatArray:
    """Relative to the mean of the joints that have a truth."""
    seen = np.isfinite(truth).all(axis=-1, keepdims=True)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    return points - np.where(seen, points, 0.0).sum(axis=1, keepdims=True) / count
