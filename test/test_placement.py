"""The translation from a hand's shape and its picture."""

import numpy as np
import pytest
from bundles import rigid_hand
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.placement import FARTHEST_M, HAND_SIZE_STD, NEAREST_M, place

HAND = rigid_hand()
translations = st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(0.3, 3.0)).map(np.array)


def rotations(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


def seen(joints: np.ndarray, translation: np.ndarray) -> np.ndarray:
    points = joints + translation
    return points[:, :2] / points[:, 2:]


@given(translations, st.integers(0, 2**32 - 1))
def test_recovers_the_translation_from_a_perfect_picture(translation: np.ndarray, seed: int) -> None:
    joints = HAND @ rotations(seed).T
    placement = place(joints, seen(joints, translation))
    np.testing.assert_allclose(placement.translation_m, translation, atol=1e-7)
    eigenvalues = np.linalg.eigvalsh(placement.covariance_m2)
    assert (eigenvalues > 0).all()
    along = np.sqrt(eigenvalues[-1]) / np.linalg.norm(translation)
    assert HAND_SIZE_STD <= along < 2 * HAND_SIZE_STD or translation[2] > 1.0


@settings(max_examples=30)
@given(translations, st.integers(0, 2**32 - 1))
def test_a_few_wrong_joints_move_the_hand_little(translation: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints = HAND @ rotations(seed).T
    tangents = seen(joints, translation)
    wrong = rng.choice(21, 3, replace=False)
    tangents[wrong] += rng.choice([-1, 1], (3, 2)) * 0.08 / translation[2]
    error = np.linalg.norm(place(joints, tangents).translation_m - translation)
    plain = np.linalg.norm(place_plainly(joints, tangents) - translation)
    assert error < max(0.5 * plain, 0.02 * translation[2])


def place_plainly(joints: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    rows = [[1, 0, -u] for u in tangents[:, 0]] + [[0, 1, -v] for v in tangents[:, 1]]
    target = np.r_[tangents[:, 0] * joints[:, 2] - joints[:, 0], tangents[:, 1] * joints[:, 2] - joints[:, 1]]
    return np.linalg.lstsq(np.array(rows), target, rcond=None)[0]


def test_weights_of_zero_ignore_joints() -> None:
    translation = np.array([0.05, -0.1, 0.7])
    tangents = seen(HAND, translation)
    tangents[:8] = 0.5
    weights = np.r_[np.zeros(8), np.ones(13)]
    np.testing.assert_allclose(place(HAND, tangents, weights).translation_m, translation, atol=1e-7)


def test_the_covariance_is_that_of_the_errors() -> None:
    """Noise in the picture alone, the hand's size being known: errors and covariance agree."""
    rng = np.random.default_rng(3)
    translation, noise = np.array([0.1, 0.05, 0.6]), 0.005
    placements = [
        place(HAND, seen(HAND, translation) + rng.normal(0, noise, (21, 2)), size_std=0.0) for _ in range(400)
    ]
    errors = np.array([p.translation_m for p in placements]) - translation
    expected = np.mean([p.covariance_m2 for p in placements], axis=0)
    ratio = np.sqrt(np.diag(errors.T @ errors / len(errors)) / np.diag(expected))
    assert (ratio > 0.7).all() and (ratio < 1.4).all()


def test_a_hand_of_unknown_size_is_uncertain_along_the_ray() -> None:
    translation = np.array([0.3, 0.0, 0.9])
    covariance = place(HAND, seen(HAND, translation)).covariance_m2
    bigger = place(HAND * (1 + HAND_SIZE_STD), seen(HAND, translation)).translation_m - translation
    variance_there = bigger @ np.linalg.solve(covariance, bigger)
    assert variance_there == pytest.approx(1.0, rel=0.15)  # one standard deviation away


@pytest.mark.parametrize("spread", [0.0, 1e-9])
def test_a_hand_without_extent_is_put_somewhere_sensible_and_said_to_be_unsure(spread: float) -> None:
    tangents = np.array([0.2, -0.1]) + spread * HAND[:, :2]
    placement = place(HAND, tangents)
    assert np.isfinite(placement.translation_m).all() and np.isfinite(placement.covariance_m2).all()
    assert placement.translation_m[2] == FARTHEST_M
    assert np.sqrt(placement.covariance_m2[2, 2]) >= FARTHEST_M * 0.99


def test_an_inside_out_picture_stays_before_the_camera() -> None:
    placement = place(HAND, -seen(HAND, np.array([0.0, 0.0, 0.6])))
    assert (HAND + placement.translation_m)[:, 2].min() >= NEAREST_M - 1e-9
    assert np.sqrt(placement.covariance_m2[2, 2]) > 0.1
