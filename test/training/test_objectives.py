"""Losses against their definitions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from training.objectives import (
    JOINT_2D_SIGMA,
    JOINT_SIGMA_M,
    detection,
    joints_nll,
    kl_between,
    kl_to_prior,
    pose_error,
)

seeds = st.integers(0, 2**31 - 1)
few = settings(max_examples=20, deadline=None)


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(mean: Tensor, log_var: Tensor) -> Normal:
    return Normal(mean, (0.5 * log_var).exp())


@few
@given(seeds)
def test_kl_is_kl(seed: int) -> None:
    mean, log_var, other_mean, other_log_var = draw(seed, 4, 3, 8)
    own, other = gaussian(mean, log_var), gaussian(other_mean, other_log_var)
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    torch.testing.assert_close(kl_to_prior(mean, log_var), kl_divergence(own, prior).sum(1))
    torch.testing.assert_close(kl_between(mean, log_var, other_mean, other_log_var), kl_divergence(own, other).sum(1))
    torch.testing.assert_close(kl_between(mean, log_var, mean, log_var), torch.zeros(3, dtype=torch.float64))


@few
@given(seeds)
def test_joints_nll_is_a_gaussians_up_to_a_constant(seed: int) -> None:
    joints, joints_2d = draw(seed, 3, 21, 3) * 0.05, draw(seed + 1, 3, 21, 2) * 0.3
    predicted = joints + draw(seed + 2, 3, 21, 3) * 0.01, joints_2d + draw(seed + 3, 3, 21, 2) * 0.1

    def log_prob(at: tuple[Tensor, Tensor]) -> Tensor:
        parts = Normal(joints, JOINT_SIGMA_M).log_prob(at[0]), Normal(joints_2d, JOINT_2D_SIGMA).log_prob(at[1])
        return sum((part.sum((1, 2)) for part in parts), torch.zeros(3))

    best = joints, joints_2d
    torch.testing.assert_close(joints_nll(predicted, joints, joints_2d), log_prob(best) - log_prob(predicted))
    torch.testing.assert_close(joints_nll(best, joints, joints_2d), torch.zeros(3, dtype=torch.float64))


def test_a_shifted_hand_costs_less_than_one_bent_wrongly() -> None:
    joints, joints_2d = draw(0, 1, 21, 3) * 0.05, draw(1, 1, 21, 2) * 0.3
    assert pose_error((joints, joints_2d), joints, joints_2d).item() == 0
    shifted = joints + torch.tensor([0.01, 0.02, -0.03], dtype=torch.float64)
    bent = joints + 0.02 * torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(11)[:21, None]
    assert pose_error((shifted, joints_2d), joints, joints_2d).item() == pytest.approx(0.3 * 2)  # 2 cm on average
    assert pose_error((bent, joints_2d), joints, joints_2d).item() == pytest.approx(2, rel=0.02)
    assert pose_error((joints, joints_2d + 0.1), joints, joints_2d).item() == pytest.approx(0.3 * 13 * 0.1)


def test_detection_judges_the_side_only_where_there_is_a_hand() -> None:
    side, presence = torch.tensor([2.0, -1.0, 0.3]), torch.tensor([1.0, -2.0, 0.5])
    right, present = torch.tensor([1.0, 0.0, 1.0]), torch.tensor([1.0, 1.0, 0.0])
    expected_side = -Bernoulli(logits=side[:2]).log_prob(right[:2]).mean()
    expected_presence = -Bernoulli(logits=presence).log_prob(present).mean()
    torch.testing.assert_close(detection(side, presence, right, present), expected_side + expected_presence)
    nobody = torch.zeros(3)
    torch.testing.assert_close(
        detection(side, presence, right, nobody), -Bernoulli(logits=presence).log_prob(nobody).mean()
    )
