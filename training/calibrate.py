"""How experts are weighed, and how wide the latent's covariances must be to be true, measured on held-out hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.stats import chi2, spearmanr

from hand_pose_ros.backend import Network
from hand_pose_ros.bundle import CovarianceSpec
from hand_pose_ros.latent import posterior_samples, second_moments
from hand_pose_ros.metrics import align_procrustes, joint_errors, wrist_relative
from hand_pose_ros.types import Modality
from training.hands.model import Array
from training.held_out import BATCH, Seen, fuse

POSTERIOR_SAMPLES = 16
#: The level whose ellipsoids are made to hold exactly their share.
LEVEL = 0.9
#: Weights of colour beside depth that are tried.
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
#: Powers of the spread that are tried. More would fit a little better, and tell of half a metre where it extrapolates.
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Calibration:
    """What a covariance is worth on hands that it was not fitted on: their errors in mm, the share of joints in the 50,
    90 and 99 % ellipsoids, and the rank correlation of a hand's standard deviation with its error."""

    wrist_relative_mm: float
    aligned_mm: float
    in_ellipsoid: dict[str, float]
    rank_correlation: float


def choose_weight(decoder: Network, sets: Sequence[Seen], worth: float) -> tuple[float, dict[float, float]]:
    """The weight of colour's expert beside depth's that makes the joints best on the hands to fit on, the mean over the
    sets; or the smallest one whose error is larger by no more than the share `worth`, since looking at colour takes
    time, and has to earn it. And the mean errors relative to the wrist in mm, by weight."""

    def cost(weight: float) -> float:
        errors = []
        for seen in sets:
            mean, _ = fuse(seen, "rgbd", {"rgb": weight})
            predicted = decoder.run(z=mean[seen.fit].astype(np.float32))["joints"]
            errors.append(joint_errors(wrist_relative(predicted), wrist_relative(seen.joints[seen.fit])).mean())
        return 1000 * float(np.mean(errors))

    costs = {weight: cost(weight) for weight in WEIGHTS}
    return next(weight for weight in WEIGHTS if costs[weight] <= (1 + worth) * min(costs.values())), costs


def calibrate(
    decoder: Network, sets: Sequence[Seen], modality: Modality, weights: Mapping[str, float]
) -> CovarianceSpec:
    """The covariance of one modality, from the hands to fit on of all sets, each set counting as much."""
    errors, covariances, shares = [], [], []
    for seen in sets:
        _, error, covariance = _decode(decoder, seen, modality, weights)
        errors.append(error[seen.fit])
        covariances.append(covariance[seen.fit])
        shares.append(np.full(seen.fit.sum(), 1 / seen.fit.sum()))
    return fit_covariance(*(np.concatenate(parts) for parts in (errors, covariances, shares)))


def report(
    spec: CovarianceSpec, decoder: Network, seen: Seen, modality: Modality, weights: Mapping[str, float]
) -> Calibration:
    """What the covariance is worth on the hands that are not there to fit on."""
    predicted, error, latent = (part[~seen.fit] for part in _decode(decoder, seen, modality, weights))
    truth, full = seen.joints[~seen.fit], spec.calibrate(latent)
    distance = np.einsum("nji,njik,njk->nj", error, np.linalg.inv(full), error)
    size = np.sqrt(np.trace(full, axis1=-2, axis2=-1)).mean(1)
    return Calibration(
        round(float(joint_errors(wrist_relative(predicted), wrist_relative(truth)).mean() * 1000), 1),
        round(float(joint_errors(align_procrustes(predicted, truth), truth).mean() * 1000), 1),
        {f"{level:.0%}": round(float((distance < chi2.ppf(level, 3)).mean()), 3) for level in (0.5, 0.9, 0.99)},
        round(float(spearmanr(size, np.linalg.norm(error, axis=-1).mean(1)).statistic), 3),
    )


def moved_mm(decoder: Network, before: Seen, after: Seen, modality: Modality) -> float:
    """How far apart the joints of the same hands are for two kinds of encoders, in the mean."""
    ways = [decoder.run(z=fuse(seen, modality, {})[0].astype(np.float32))["joints"] for seen in (before, after)]
    return float(joint_errors(*ways).mean() * 1000)


def fit_covariance(error: Array, latent: Array, weight: Array) -> CovarianceSpec:
    """The covariance's parameters for errors (N, 21, 3) and latent covariances (N, 21, 3, 3) of hands that count
    `weight` (N,)."""
    weight = weight / weight.sum()
    spread = np.trace(latent, axis1=-2, axis2=-1).mean(1)
    typical = float(np.exp(weight @ np.log(spread)))

    def fitted(power: float) -> tuple[float, list[tuple[float, float]]]:
        grown = latent * ((spread / typical) ** power)[:, None, None, None]
        joints = [fit_joint(error[:, j], grown[:, j], weight) for j in range(error.shape[1])]
        return sum(cost for cost, *_ in joints), [(scale, floor) for _, scale, floor in joints]

    tried = {power: fitted(power) for power in POWERS}
    power = min(tried, key=lambda power: tried[power][0])
    scale, floor = np.array(tried[power][1]).T
    return CovarianceSpec(scale, floor, power, typical)


def fit_joint(error: Array, covariance: Array, weight: Array) -> tuple[float, float, float]:
    """The mean negative log likelihood, scale and floor (m²) for one joint's errors (N, 3) and latent covariances
    (N, 3, 3) with weights (N,) that sum to 1.

    Their ratio maximises the likelihood of the errors; their size makes the 90 % ellipsoids hold 90 % of them, since
    errors have heavier tails than a Gaussian and a likelihood alone would follow the tails.
    """
    values, vectors = np.linalg.eigh(covariance)
    turned = np.einsum("nik,ni->nk", vectors, error) ** 2
    unit = float(weight @ turned.mean(1))

    def variances(parameters: Array) -> Array:
        return np.exp(parameters[0]) * values.clip(0) + np.exp(parameters[1]) * unit

    def cost(parameters: Array) -> float:
        variance = variances(parameters)
        return float(weight @ (np.log(variance) + turned / variance).sum(1))

    found = minimize(cost, np.zeros(2), method="Nelder-Mead")
    distance = (turned / variances(found.x)).sum(1)
    order = np.argsort(distance)
    size = np.interp(LEVEL, np.cumsum(weight[order]), distance[order]) / chi2.ppf(LEVEL, 3)
    return float(found.fun), float(np.exp(found.x[0]) * size), float(np.exp(found.x[1]) * unit * size)


def _decode(
    decoder: Network, seen: Seen, modality: Modality, weights: Mapping[str, float]
) -> tuple[Array, Array, Array]:
    """Joints (N, 21, 3), their errors, and their latent covariances (N, 21, 3, 3), in the crop frame."""
    mean, variance = fuse(seen, modality, weights)
    joints, covariances = [], []
    for start in range(0, len(mean), BATCH):
        some = slice(start, start + BATCH)
        latents = np.concatenate(
            [mean[some, None], posterior_samples(mean[some], variance[some], POSTERIOR_SAMPLES)], axis=1
        )
        decoded = decoder.run(z=latents.reshape(-1, mean.shape[1]).astype(np.float32))["joints"]
        decoded = decoded.reshape(len(latents), -1, 21, 3).astype(np.float64)
        joints.append(decoded[:, 0])
        covariances.append(second_moments(_shape(decoded[:, 1:] - decoded[:, :1], modality)))
    predicted = np.concatenate(joints)
    return predicted, _shape(predicted - seen.joints, modality), np.concatenate(covariances)


def _shape(deviations: Array, modality: Modality) -> Array:
    """Of colour alone those (..., 21, 3) of the hand's shape: where it is has a covariance of its own at run time."""
    return deviations - deviations.mean(-2, keepdims=True) if modality == "rgb" else deviations
