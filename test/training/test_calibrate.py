"""Calibrated covariances hold as many errors as they claim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from training.calibrate import fit_joint

COUNT = 4000


@pytest.mark.parametrize(("scale", "floor"), [(4.0, 1e-5), (0.5, 4e-4)])
def test_scale_and_floor_are_recovered(scale: float, floor: float) -> None:
    rng = np.random.default_rng(0)
    basis = rng.normal(0, 0.006, (COUNT, 3, 3)) * rng.uniform(0.2, 2, (COUNT, 1, 1))
    latent = basis @ basis.transpose(0, 2, 1)
    true = scale * latent + floor * np.eye(3)
    error = np.einsum("nij,nj->ni", np.linalg.cholesky(true), rng.normal(size=(COUNT, 3)))
    fitted_scale, fitted_floor = fit_joint(error, latent)
    assert fitted_scale == pytest.approx(scale, rel=0.2)
    assert fitted_floor == pytest.approx(floor, rel=0.25)


def test_heavy_tails_do_not_widen_the_ninety_percent_ellipsoid() -> None:
    rng = np.random.default_rng(1)
    latent = np.broadcast_to(1e-4 * np.eye(3), (COUNT, 3, 3))
    error = rng.normal(0, 0.01, (COUNT, 3)) * np.where(rng.random((COUNT, 1)) < 0.03, 10.0, 1.0)
    scale, floor = fit_joint(error, latent)
    distance = (error**2).sum(1) / (scale * 1e-4 + floor)
    assert (distance < chi2.ppf(0.9, 3)).mean() == pytest.approx(0.9, abs=0.005)
