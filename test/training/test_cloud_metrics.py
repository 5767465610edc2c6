"""Distances between clouds against their definitions."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.types import HandPoseError
from training.cloud_metrics import chamfer_distance, earth_movers_distance, f_score


def cloud(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=30.0, size=(count, 3))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_distances_are_symmetric_and_zero_for_a_shuffled_copy(seed: int) -> None:
    one, other = cloud(seed), cloud(seed + 1)
    shuffled = np.random.default_rng(seed).permutation(one)
    for distance in (chamfer_distance, earth_movers_distance):
        assert distance(one, shuffled) == pytest.approx(0.0, abs=1e-9)
        assert distance(one, other) == pytest.approx(distance(other, one))
    # The nearest point is never farther than the assigned one, in either direction.
    assert chamfer_distance(one, other) <= 2 * earth_movers_distance(one, other) + 1e-9


def test_chamfer_adds_both_directions() -> None:
    near, far = np.zeros((1, 3)), np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 0.0]])
    assert chamfer_distance(near, far) == pytest.approx(0 + 3)


def test_earth_movers_distance_is_the_best_of_all_assignments() -> None:
    one, other = cloud(1, 5), cloud(2, 5)
    every = [np.linalg.norm(one - other[list(order)], axis=1).mean() for order in permutations(range(5))]
    assert earth_movers_distance(one, other) == pytest.approx(min(every))


def test_chamfer_hides_what_earth_movers_distance_sees() -> None:
    # One point of the prediction stands for two of the truth: every nearest distance is small, but points must move.
    truth = np.array([[0.0, 0, 0], [0.1, 0, 0], [50.0, 0, 0], [50.1, 0, 0]])
    clumped = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.05, 0, 0], [50.0, 0, 0]])
    assert chamfer_distance(clumped, truth) < 0.1 and earth_movers_distance(clumped, truth) > 10


def test_f_score_is_the_harmonic_mean_of_precision_and_recall() -> None:
    truth = np.array([[0.0, 0, 0], [100.0, 0, 0]])
    predicted = np.array([[1.0, 0, 0], [2.0, 0, 0], [3.0, 0, 0], [500.0, 0, 0]])
    precision, recall = 3 / 4, 1 / 2
    assert f_score(predicted, truth, 5.0) == pytest.approx(2 * precision * recall / (precision + recall))
    assert f_score(truth, truth, 5.0) == 1.0
    assert f_score(predicted + 1000.0, truth, 5.0) == 0.0


def test_what_is_no_pair_of_clouds_is_said() -> None:
    with pytest.raises(HandPoseError, match="40 and 41"):
        earth_movers_distance(cloud(0), cloud(1, 41))
    for broken in (np.zeros((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan)):
        with pytest.raises(HandPoseError, match="a cloud must be finite"):
            chamfer_distance(broken, cloud(0))
