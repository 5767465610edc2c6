"""Calibrated covariances hold as many errors as they claim, and colour is weighed by what it brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bundles import make_test_bundle
from scipy.stats import chi2

from hand_pose_ros.backend import Network
from hand_pose_ros.types import FloatArray
from training.calibrate import choose_weight, fit_covariance, fit_joint
from training.held_out import Seen

COUNT = 4000
EQUAL = np.full(COUNT, 1 / COUNT)


def random_covariances(rng: np.random.Generator) -> FloatArray:
    basis = rng.normal(0, 0.006, (COUNT, 3, 3)) * rng.uniform(0.2, 2, (COUNT, 1, 1))
    return basis @ basis.transpose(0, 2, 1)


def errors_of(rng: np.random.Generator, covariances: FloatArray) -> FloatArray:
    return np.einsum("...ij,...j->...i", np.linalg.cholesky(covariances), rng.normal(size=covariances.shape[:-1]))


@pytest.mark.parametrize(("scale", "floor"), [(4.0, 1e-5), (0.5, 4e-4)])
def test_scale_and_floor_are_recovered(scale: float, floor: float) -> None:
    rng = np.random.default_rng(0)
    latent = random_covariances(rng)
    _, fitted_scale, fitted_floor = fit_joint(errors_of(rng, scale * latent + floor * np.eye(3)), latent, EQUAL)
    assert fitted_scale == pytest.approx(scale, rel=0.2)
    assert fitted_floor == pytest.approx(floor, rel=0.25)


def test_heavy_tails_do_not_widen_the_ninety_percent_ellipsoid() -> None:
    rng = np.random.default_rng(1)
    latent = np.broadcast_to(1e-4 * np.eye(3), (COUNT, 3, 3))
    error = rng.normal(0, 0.01, (COUNT, 3)) * np.where(rng.random((COUNT, 1)) < 0.03, 10.0, 1.0)
    _, scale, floor = fit_joint(error, latent, EQUAL)
    distance = (error**2).sum(1) / (scale * 1e-4 + floor)
    assert (distance < chi2.ppf(0.9, 3)).mean() == pytest.approx(0.9, abs=0.005)


@pytest.mark.parametrize("power", [0.0, 0.75])
def test_how_much_faster_errors_grow_than_the_posterior_is_recovered(power: float) -> None:
    rng = np.random.default_rng(2)
    latent = random_covariances(rng)[:, None].repeat(2, 1)
    spread = np.trace(latent[:, 0], axis1=1, axis2=2)
    true = 2.0 * latent * ((spread / np.exp(np.log(spread).mean())) ** power)[:, None, None, None] + 1e-6 * np.eye(3)
    spec = fit_covariance(errors_of(rng, true), latent, EQUAL)
    assert spec.power == pytest.approx(power, abs=0.25)
    np.testing.assert_allclose(spec.scale, 2.0, rtol=0.25)


def test_a_small_set_counts_as_much_as_a_large_one() -> None:
    """Hands of a set whose errors are larger, few but heavy, and many light ones: the fit lies between."""
    rng = np.random.default_rng(3)
    latent = np.broadcast_to(1e-4 * np.eye(3), (COUNT, 3, 3))
    few = np.arange(COUNT) < COUNT // 10
    error = rng.normal(0, 0.01, (COUNT, 3)) * np.where(few[:, None], 2.0, 1.0)
    weight = np.where(few, 5.0, 5.0 / 9.0) / COUNT
    _, scale, floor = fit_joint(error, latent, weight)
    distance = (error**2).sum(1) / (scale * 1e-4 + floor)
    inside = distance < chi2.ppf(0.9, 3)
    assert (inside[few].mean() + inside[~few].mean()) / 2 == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("colour_std", "least"), [(0.02, 0.5), (2.0, 0.0)])
def test_colour_is_weighed_by_what_it_betters(tmp_path: Path, colour_std: float, least: float) -> None:
    """Two experts that claim to be equally sure of where a hand is; colour's errors are as large as depth's, or
    many times as large, and then it is not looked at."""
    bundle = make_test_bundle(tmp_path / "hand")
    rng = np.random.default_rng(4)
    true = rng.normal(0, 0.3, (COUNT, 8))
    experts = {
        key: (true + rng.normal(0, std, true.shape), np.full(true.shape, 2 * np.log(0.02)))
        for key, std in (("rgb", colour_std), ("depth", 0.02))
    }
    decoder = WristOnly(bundle / "decoder_joints.onnx")
    seen = Seen(experts, decoder.run(z=true.astype(np.float32))["joints"], np.ones(COUNT, dtype=bool))
    weight, errors_mm = choose_weight(decoder, [seen], 0.02)
    assert least <= weight <= (1.0 if least else 0.0)
    assert errors_mm[weight] <= 1.02 * min(errors_mm.values())


class WristOnly(Network):
    """The rigid hand's decoder, its wrist staying where it is: so that errors relative to the wrist are seen."""

    def run(self, **inputs: FloatArray) -> dict[str, FloatArray]:
        joints = super().run(**inputs)["joints"].copy()
        joints[:, 0] = 0
        return {"joints": joints}
