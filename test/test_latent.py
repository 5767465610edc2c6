"""Products of Gaussians, and samples of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hand_pose_ros.latent import posterior_samples, product_of_experts, second_moments, standard_samples

values = arrays(np.float64, (3, 2, 5), elements=st.floats(-3, 3))


@given(values, values)
def test_the_product_is_the_product_of_densities(means: np.ndarray, log_vars: np.ndarray) -> None:
    mean, variance = product_of_experts(list(means), list(log_vars))

    def log_density(z: np.ndarray) -> np.ndarray:
        return -0.5 * (z**2 + ((z - means) ** 2 * np.exp(-log_vars)).sum(axis=0))

    # A Gaussian's log density is a parabola with its top at the mean and curvature -1 / variance.
    step = 1e-3
    left, top, right = (log_density(mean + d) for d in (-step, 0.0, step))
    np.testing.assert_allclose((right - left) / (2 * step), 0.0, atol=1e-6 / step * np.exp(3) * 1e-3)
    np.testing.assert_allclose((left - 2 * top + right) / step**2, -1.0 / variance, rtol=1e-3)


@given(values, values)
def test_order_does_not_matter_and_more_experts_never_know_less(means: np.ndarray, log_vars: np.ndarray) -> None:
    mean, variance = product_of_experts(list(means), list(log_vars))
    again, same = product_of_experts(list(means[::-1]), list(log_vars[::-1]))
    np.testing.assert_allclose(again, mean, atol=1e-12)
    np.testing.assert_allclose(same, variance, atol=1e-12)
    assert (variance < product_of_experts([means[0]], [log_vars[0]])[1]).all()
    assert (variance < 1).all()


def test_silent_expert_leaves_the_prior() -> None:
    mean, variance = product_of_experts([np.zeros((1, 4))], [np.full((1, 4), np.inf)])
    assert (mean == 0).all() and (variance == 1).all()


@given(st.integers(1, 40), st.integers(1, 70))
def test_standard_samples_have_mean_0_and_variance_1_and_never_change(half: int, size: int) -> None:
    samples = standard_samples(2 * half, size)
    np.testing.assert_allclose(samples.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((samples**2).mean(axis=0), 1)
    np.testing.assert_array_equal(samples[:half], -samples[half:])
    assert standard_samples(2 * half, size) is samples


@pytest.mark.parametrize("count", [0, 3])
def test_odd_or_no_samples_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="even"):
        standard_samples(count, 4)


def test_spread_of_samples_through_a_linear_decoder_is_its_covariance() -> None:
    """cov = A diag(variance) A^T, up to the chance correlations between the sampled latents."""
    rng = np.random.default_rng(1)
    decode = rng.normal(size=(2, 3, 4))  # two joints, four latents
    mean, variance = rng.normal(size=(1, 4)), np.array([[0.5, 0.1, 2.0, 1.0]])
    samples = posterior_samples(mean, variance, 4000)
    got = second_moments(np.einsum("jcd,nkd->nkjc", decode, samples - mean[:, None]))
    expected = np.einsum("jcd,d,jed->jce", decode, variance[0], decode)
    np.testing.assert_allclose(got[0], expected, atol=0.06 * np.abs(expected).max())
    assert (np.linalg.eigvalsh(got) >= 0).all()
