"""Whole hands drawn from the posterior: what a covariance for each joint cannot say, how the joints go together."""

from __future__ import annotations

import numpy as np

from hand_pose_ros.latent import standard_samples
from hand_pose_ros.types import FloatArray, HandEstimate

_SMALLEST = 1e-12


def hand_samples(estimate: HandEstimate) -> FloatArray:
    """(K, 21, 3) metres, camera frame: equally likely hands, whose joints have the estimate's means and covariances.

    A hand is the estimate plus the deviation of a decoded posterior sample, each joint's scaled as far as its
    covariance allows. What of the covariance is left then, calibration and the place in space, moves all joints at
    once. The draws are always the same, so samples do not flicker.
    """
    deviations = estimate.joint_deviations_m
    count = len(deviations)
    latent = np.einsum("kji,kjl->jil", deviations, deviations) / count
    covariance = estimate.joint_cov_m2
    # The largest s with covariance - s * latent still a covariance: by the generalised eigenvalues of the two.
    root = np.linalg.cholesky(covariance + _SMALLEST * np.eye(3))
    whitened = np.linalg.solve(root, np.linalg.solve(root, latent).transpose(0, 2, 1))
    largest = np.linalg.eigvalsh(whitened)[:, -1]
    scale = 1 / np.maximum(largest, _SMALLEST)
    scale = np.where(largest > _SMALLEST, scale, 0.0)
    variances, axes = np.linalg.eigh(covariance - scale[:, None, None] * latent)
    left = axes * np.sqrt(np.maximum(variances, 0))[:, None, :] @ axes.transpose(0, 2, 1)
    together = np.einsum("jil,kl->kji", left, standard_samples(count, 3))
    return estimate.joints_m + np.sqrt(scale)[:, None] * deviations + together
