"""Hands drawn from the posterior are hands, with the covariances that are published."""

from dataclasses import replace

import numpy as np
from bundles import rigid_hand
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.samples import hand_samples
from hand_pose_ros.types import HandEstimate


def estimate(deviations, covariance) -> HandEstimate:
    joints = rigid_hand() + np.array([0.0, 0.0, 0.5])
    return HandEstimate(
        joints_m=joints, joint_cov_m2=covariance, joints_px=np.zeros((21, 2)), cloud_m=joints, side="right",
        side_confidence=0.9, confidence=0.9, modalities="rgbd", latent_mean=np.zeros(8), latent_var=np.ones(8),
        joint_deviations_m=deviations,
    )  # fmt: skip


def bending(count: int = 64, size_m: float = 0.01) -> np.ndarray:
    """Deviations of hands that are open or closed: all joints along z, the farther from the wrist the more."""
    amount = np.random.default_rng(0).normal(0, size_m, count)
    lever = np.linalg.norm(rigid_hand() - rigid_hand()[0], axis=1) / 0.1
    deviations = np.zeros((count, 21, 3))
    deviations[..., 2] = amount[:, None] * lever
    return deviations - deviations.mean(axis=0)


def covariances(sigma_m: float, stretch: float = 1.0) -> np.ndarray:
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(21, 3, 3)))[0]
    return turn @ (np.diag([1.0, stretch, stretch**2]) * sigma_m**2) @ turn.transpose(0, 2, 1)


@given(st.floats(1e-4, 0.1), st.floats(0.2, 5), st.floats(0, 0.05))
def test_each_joint_has_the_published_mean_and_covariance(sigma, stretch, size):
    wanted = covariances(sigma, stretch)
    given_hand = estimate(bending(256, size), wanted)
    deviations = hand_samples(given_hand) - given_hand.joints_m
    assert np.isfinite(deviations).all()
    largest = np.linalg.eigvalsh(wanted)[:, -1]
    assert np.abs(deviations.mean(axis=0)).max() < 1e-6 + 1e-3 * np.sqrt(largest.max())
    found = np.einsum("kji,kjl->jil", deviations, deviations) / len(deviations)
    # 256 draws of the rest are not quite independent of the hand's
    assert (np.abs(found - wanted).max(axis=(1, 2)) < 0.5 * largest).all()


def test_joints_move_together_as_the_posterior_has_them():
    samples = hand_samples(estimate(bending(), covariances(0.02)))
    tips = samples[:, [8, 12, 16], 2] - samples[:, [8, 12, 16], 2].mean(axis=0)
    together = np.corrcoef(tips.T)
    assert together[0, 1] > 0.5 and together[1, 2] > 0.5


def test_without_a_latent_spread_the_hand_moves_as_a_whole():
    wanted = np.tile(np.diag([1e-6, 1e-6, 4e-4]), (21, 1, 1))
    hand = estimate(np.zeros((16, 21, 3)), wanted)
    moved = hand_samples(hand) - hand.joints_m
    assert np.allclose(moved, moved[:, :1], atol=1e-9) and np.ptp(moved[..., 2]) > 0.01
    assert np.array_equal(hand_samples(hand), hand_samples(replace(hand))), "always the same draws"
