"""How wide the latent's covariances must be to be true, measured on synthetic hands that nothing was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.stats import chi2

from hand_pose_ros.backend import Network
from hand_pose_ros.bundle import ENCODERS_OF
from hand_pose_ros.latent import posterior_samples, product_of_experts, second_moments
from hand_pose_ros.metrics import align_procrustes, joint_errors, wrist_relative
from hand_pose_ros.types import Modality
from training.hands.model import Array
from training.hands.pictures import RgbdBatch
from training.networks import RGB_MEAN, RGB_STD

POSTERIOR_SAMPLES = 16
BATCH = 64
#: The level whose ellipsoids are made to hold exactly their share.
LEVEL = 0.9


@dataclass(frozen=True)
class Calibration:
    """scale (21,), floor_m2 (21,) as the bundle wants them; what the validation hands showed, errors in mm and the
    share of joints in the 50, 90 and 99 % ellipsoids."""

    scale: Array
    floor_m2: Array
    wrist_relative_mm: float
    aligned_mm: float
    coverage: dict[float, float]


def choose_weight(encoders: Mapping[str, Network], decoder: Network, batches: Iterable[RgbdBatch]) -> float:
    """The weight of colour's expert beside depth's that makes the joints best, on the half that calibration fits on."""
    batches = list(batches)

    def cost(weight: float) -> float:
        decoded = _decode_all(encoders, decoder, batches[::2], "rgbd", {"rgb": weight})
        errors = [joint_errors(wrist_relative(predicted), wrist_relative(truth)) for predicted, _, truth in decoded]
        return float(np.concatenate(errors).mean())

    return min((1.0, 0.7, 0.5, 0.3, 0.2, 0.1), key=cost)


def calibrate(
    encoders: Mapping[str, Network],
    decoder: Network,
    batches: Iterable[RgbdBatch],
    modality: Modality,
    weights: Mapping[str, float],
) -> Calibration:
    """Fit the covariance of one modality on every other batch and report on the others."""
    decoded = _decode_all(encoders, decoder, batches, modality, weights)
    predicted, covariance, truth = (np.concatenate(x) for x in zip(*decoded, strict=True))
    error = predicted - truth
    if modality == "rgb":
        # where the hand is comes from solving the camera's translation, which has a covariance of its own
        error = error - error.mean(1, keepdims=True)
    held_out = np.arange(len(error)) // BATCH % 2 == 1
    parameters = np.array([fit_joint(error[~held_out, j], covariance[~held_out, j]) for j in range(error.shape[1])])
    scale, floor = parameters.T
    full = scale[:, None, None] * covariance + floor[:, None, None] * np.eye(3)
    distance = np.einsum("nji,njik,njk->nj", error, np.linalg.inv(full), error)[held_out]
    return Calibration(
        scale,
        floor,
        float(joint_errors(wrist_relative(predicted), wrist_relative(truth))[held_out].mean() * 1000),
        float(joint_errors(align_procrustes(predicted, truth), truth)[held_out].mean() * 1000),
        {level: float((distance < chi2.ppf(level, 3)).mean()) for level in (0.5, 0.9, 0.99)},
    )


def fit_joint(error: Array, covariance: Array) -> tuple[float, float]:
    """scale and floor (m²) for one joint's errors (N, 3) and latent covariances (N, 3, 3).

    Their ratio maximises the likelihood of the errors; their size makes the 90 % ellipsoids hold 90 % of them, since
    errors have heavier tails than a Gaussian and a likelihood alone would follow the tails.
    """
    values, vectors = np.linalg.eigh(covariance)
    turned = np.einsum("nik,ni->nk", vectors, error) ** 2
    unit = turned.mean()

    def variances(parameters: Array) -> Array:
        return np.exp(parameters[0]) * values.clip(0) + np.exp(parameters[1]) * unit

    def cost(parameters: Array) -> float:
        variance = variances(parameters)
        return float((np.log(variance) + turned / variance).sum(1).mean())

    best = minimize(cost, np.zeros(2), method="Nelder-Mead").x
    distance = (turned / variances(best)).sum(1)
    size = np.quantile(distance, LEVEL) / chi2.ppf(LEVEL, 3)
    return float(np.exp(best[0]) * size), float(np.exp(best[1]) * unit * size)


def _decode_all(
    encoders: Mapping[str, Network],
    decoder: Network,
    batches: Iterable[RgbdBatch],
    modality: Modality,
    weights: Mapping[str, float],
) -> Iterator[tuple[Array, Array, Array]]:
    """Per batch: decoded joints (B, 21, 3), latent covariances (B, 21, 3, 3) and true joints, all in the crop frame."""
    for batch in batches:
        seen = {
            "rgb": {"x": encoder_input(batch.rgb)},
            "depth": {"x": batch.depth[:, None], "tan_half": batch.tan_half},
        }
        used = [key for key in ENCODERS_OF[modality] if key in encoders]
        experts = [encoders[key].run(**seen[key]) for key in used]
        log_vars = [e["log_var"] - np.log(weights.get(key, 1.0)) for key, e in zip(used, experts, strict=True)]
        mean, variance = product_of_experts([e["mean"] for e in experts], log_vars)
        draws = posterior_samples(mean, variance, POSTERIOR_SAMPLES)
        latents = np.concatenate([mean[:, None], draws], axis=1).astype(np.float32)
        joints = decoder.run(z=latents.reshape(-1, mean.shape[1]))["joints"]
        joints = joints.reshape(len(mean), -1, 21, 3).astype(np.float64)
        yield joints[:, 0], second_moments(joints[:, 1:] - joints[:, :1]), batch.joints


def encoder_input(rgb: Array) -> Array:
    """Colour crops (B, S, S, 3) uint8 as the exported encoder takes them."""
    mean, std = (np.array(statistics, dtype=np.float32) for statistics in (RGB_MEAN, RGB_STD))
    normalised = (rgb.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))
