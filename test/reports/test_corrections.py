"""Each kind of mistake, made on purpose, is the one whose correction takes it away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros import metrics
from hand_pose_ros.reports.corrections import AS_IT_IS, CORRECTIONS, corrected_errors, rigid_fit, split_along_ray

SIDE = ["right"] * 8


def hands(seed: int = 0, count: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal((0.0, 0.0, 500.0), 60.0, size=(count, 21, 3))


def about_wrist(points: np.ndarray, change) -> np.ndarray:
    wrist = points[:, :1]
    return wrist + change(points - wrist)


def rotation(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])


def means(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {name: metrics.mean_error(e) for name, e in corrected_errors(predicted, truth, SIDE).items()}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.6, 1.6))
def test_a_wrong_scale(seed: int, scale: float) -> None:
    truth = hands(seed)
    predicted = about_wrist(truth, lambda p: p * scale)
    found = means(predicted, truth)
    assert found["scale"] == pytest.approx(0, abs=1e-9) and found["all three"] == pytest.approx(0, abs=1e-6)
    assert found["rotation"] == pytest.approx(found[AS_IT_IS])
    np.testing.assert_allclose(rigid_fit(predicted, truth).scale, 1 / scale)


def test_a_wrong_rotation() -> None:
    truth = hands(1)
    predicted = about_wrist(truth, lambda p: p @ rotation(25).T)
    found = means(predicted, truth)
    assert found["rotation"] == pytest.approx(0, abs=1e-9) and found["scale"] > 5
    np.testing.assert_allclose(rigid_fit(predicted, truth).angle_deg, 25.0, atol=1e-6)


def test_a_misplaced_wrist_alone_is_a_matter_of_position() -> None:
    truth = hands(2)
    predicted = truth.copy()
    predicted[:, 0] += (21.0, 0.0, 0.0)
    found = means(predicted, truth)
    assert found[AS_IT_IS] == pytest.approx(20.0)  # all joints but the wrist itself are 21 off
    assert found["position"] == pytest.approx((20 * 1 + 20) / 21)


def test_another_definition_of_joints() -> None:
    truth = hands(3)
    frames = metrics.palm_frames(truth, SIDE)
    predicted = truth - np.einsum("nij,j->ni", frames, (0.0, 0.0, 12.0))[:, None] * (np.arange(21) == 8)[:, None]
    found = means(predicted, truth)
    assert found["joint definition"] == pytest.approx(0, abs=1e-9) and found["all four"] == pytest.approx(0, abs=1e-6)
    assert found["scale"] > 0.3 and set(found) == set(CORRECTIONS)


def test_joints_that_are_not_labelled_count_nowhere() -> None:
    truth = hands(4)
    predicted = about_wrist(truth, lambda p: p * 1.2)
    truth[:, 5] = np.nan
    truth[0, 3:] = np.nan
    found = corrected_errors(predicted, truth, SIDE)
    assert all(np.isnan(errors[:, 5]).all() for errors in found.values())
    assert metrics.mean_error(found["scale"]) == pytest.approx(0, abs=1e-9)


def test_a_reflected_hand_is_not_turned_into_its_mirror_image() -> None:
    truth = hands(5)
    assert means(about_wrist(truth, lambda p: p * (-1, 1, 1)), truth)["rotation"] > 20


def test_errors_split_along_the_ray() -> None:
    truth = hands(6)
    ray = truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    sideways = np.cross(ray, (0.0, 1.0, 0.0))
    sideways /= np.linalg.norm(sideways, axis=-1, keepdims=True)
    along, across = split_along_ray(truth - 30 * ray + 4 * sideways, truth)
    np.testing.assert_allclose(along, 30)
    np.testing.assert_allclose(across, 4)
