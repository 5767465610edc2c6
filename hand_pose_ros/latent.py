"""The latent space: Gaussians with diagonal covariance, multiplied and sampled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hand_pose_ros.types import FloatArray


def product_of_experts(means: Sequence[FloatArray], log_vars: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Posterior mean and variance, each (N, D), of the prior N(0, I) times the experts, each (N, D).

    Precisions add (Wu and Goodman, NeurIPS 2018, eq. 3). An expert that has nothing to say has log_var = inf
    and a finite mean. Without experts the shapes are unknown: there must be at least one.
    """
    precisions = np.exp(-np.stack([np.asarray(log_var, dtype=np.float64) for log_var in log_vars]))
    variance = 1.0 / (1.0 + precisions.sum(axis=0))
    return variance * (precisions * np.stack(means)).sum(axis=0), variance


@lru_cache(maxsize=8)
def standard_samples(count: int, size: int) -> FloatArray:
    """(count, size) draws of N(0, I), always the same, in pairs e and -e (so `count` is even) with unit second moment.

    The same draws in every frame keep covariances from flickering; the pairs make their mean exactly 0.
    """
    if count < 2 or count % 2:
        raise ValueError(f"the number of posterior samples must be even and at least 2, not {count}")
    half = np.random.default_rng(20).standard_normal((count // 2, size))
    half /= np.sqrt(np.mean(half**2, axis=0))
    samples = np.concatenate([half, -half])
    samples.setflags(write=False)
    return samples


def posterior_samples(mean: FloatArray, variance: FloatArray, count: int) -> FloatArray:
    """(N, count, D) samples of N(mean, diag(variance)), mean and variance being (N, D)."""
    return mean[:, None] + np.sqrt(variance)[:, None] * standard_samples(count, mean.shape[-1])


def second_moments(deviations: FloatArray) -> FloatArray:
    """(..., J, 3, 3) in m² of decoded samples' deviations (..., K, J, 3) from the decoded mean."""
    columns = np.moveaxis(deviations, -3, -1)
    return columns @ np.swapaxes(columns, -1, -2) / deviations.shape[-3]
