"""Distances between surfaces given as points, and the F-scores of hand meshes.

Clouds are (P, 3) in any one unit; a distance has the unit of its input. For a mean over frames, call per frame.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from hand_pose_ros.types import FloatArray, HandPoseError

#: FreiHAND's thresholds for `f_score`, mm.
F_THRESHOLDS_MM = (5.0, 15.0)


def chamfer_distance(predicted: FloatArray, truth: FloatArray) -> float:
    """Mean distance to the nearest point of the other cloud, both directions added (not squared; Yang et al. 2019)."""
    to_truth, to_predicted = _nearest(predicted, truth)
    return float(to_truth.mean() + to_predicted.mean())


def earth_movers_distance(predicted: FloatArray, truth: FloatArray) -> float:
    """Mean distance under the best one-to-one assignment, exact; in about the cube of P.

    Raises HandPoseError where the clouds have different numbers of points.
    """
    _check(predicted, truth)
    if len(predicted) != len(truth):
        raise HandPoseError(
            f"the earth mover's distance assigns one point to one, but the clouds have {len(predicted)} and "
            f"{len(truth)}; sample both to the same number"
        )
    distances = cdist(predicted, truth)
    return float(distances[linear_sum_assignment(distances)].mean())


def f_score(predicted: FloatArray, truth: FloatArray, threshold: float) -> float:
    """Harmonic mean of precision and recall at a distance (FreiHAND's F@5 mm and F@15 mm, over mesh vertices): 0 to 1.

    Precision is the share of predicted points with a true one within the threshold, recall the reverse. The "aligned"
    F-scores of papers are those of vertices after `hand_pose_ros.metrics.align_procrustes`.
    """
    to_truth, to_predicted = _nearest(predicted, truth)
    precision, recall = (to_truth < threshold).mean(), (to_predicted < threshold).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall > 0 else 0.0


def _nearest(predicted: FloatArray, truth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each point's distance to the other cloud: (P,) and (Q,)."""
    _check(predicted, truth)
    return cKDTree(truth).query(predicted)[0], cKDTree(predicted).query(truth)[0]


def _check(*clouds: FloatArray) -> None:
    for cloud in clouds:
        if cloud.ndim != 2 or cloud.shape[1] != 3 or len(cloud) == 0 or not np.isfinite(cloud).all():
            raise HandPoseError(f"a cloud must be finite points (P, 3), P ≥ 1, not an array of shape {cloud.shape}")
