"""Metric code against its own definitions and against means published by the authors of the predictions."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros import metrics

# Published mean errors in mm of the predictions in the reference files.
NYU_CAMERA = (588.03, 587.07, 320.0, 240.0)
ICVL_CAMERA = (240.99, 240.96, 160.0, 120.0)
PUBLISHED = [
    ("nyu", "ICCVW17_NYU_DeepPrior++", 12.24),
    ("nyu", "CVPR18_NYU_V2V_PoseNet", 8.42),
    ("nyu", "CVPR19_NYU_CrossInfoNet", 10.08),
    ("nyu", "ArXiv_NYU_TriHorn_Net", 7.68),
    ("nyu", "IJCAI16_NYU_DeepModel", 17.04),
    ("icvl", "CVPR18_ICVL_V2V_PoseNet", 6.28),
    ("icvl", "ArXiv_ICVL_TriHorn_Net", 5.73),
    ("icvl", "IJCAI16_ICVL_DeepModel", 11.56),
]


def random_hands(seed: int, count: int = 5) -> np.ndarray:
    """Hands of 21 spread-out joints at arm's length, metres."""
    return np.random.default_rng(seed).normal((0.0, 0.0, 0.5), 0.06, size=(count, 21, 3))


def random_rotations(seed: int, count: int = 5) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, 3, 3)))
    return q * np.linalg.det(q)[:, None, None]


def read_uvd_mm(path: Path, camera: tuple[float, float, float, float]) -> np.ndarray:
    fx, fy, cx, cy = camera
    u, v, d = np.moveaxis(np.loadtxt(path).reshape(len(path.read_text().splitlines()), -1, 3), -1, 0)
    return np.stack([(u - cx) * d / fx, (v - cy) * d / fy, d], axis=-1)


@pytest.mark.parametrize(("dataset", "method", "published_mm"), PUBLISHED)
def test_published_means_are_reproduced(shared_data: Path, dataset: str, method: str, published_mm: float) -> None:
    folder = shared_data / "metric_references" / dataset
    camera = NYU_CAMERA if dataset == "nyu" else ICVL_CAMERA
    truth = read_uvd_mm(folder / f"{dataset}_test_groundtruth_label.txt", camera)
    predicted = read_uvd_mm(folder / f"{method}.txt", camera)
    errors = metrics.joint_errors(predicted, truth)
    assert metrics.mean_error(errors) == pytest.approx(published_mm, abs=0.01)
    assert metrics.per_joint_error(errors)[0] == pytest.approx(published_mm, abs=0.01)


def test_both_mean_conventions_differ_where_joints_are_missing() -> None:
    errors = np.array([[1.0, 10.0], [3.0, np.nan], [5.0, np.nan]])
    assert metrics.mean_error(errors) == pytest.approx(19 / 4)
    assert metrics.per_joint_error(errors) == (pytest.approx(6.5), pytest.approx(6.5))


def test_no_errors_at_all_is_nan_not_a_warning() -> None:
    nothing = np.full((2, 21), np.nan)
    assert np.isnan(metrics.mean_error(nothing)) and np.isnan(metrics.per_joint_error(nothing)).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.3, 3.0))
def test_alignment_undoes_any_similarity(seed: int, scale: float) -> None:
    truth = random_hands(seed)
    moved = scale * np.einsum("nij,nkj->nki", random_rotations(seed + 1), truth) + 0.2
    assert np.allclose(metrics.align_procrustes(moved, truth), truth, atol=1e-9)


def test_alignment_never_reflects() -> None:
    truth = random_hands(3)
    aligned = metrics.align_procrustes(truth * (-1.0, 1.0, 1.0), truth)
    assert metrics.mean_error(metrics.joint_errors(aligned, truth)) > 0.02


def test_alignment_is_at_least_as_good_as_doing_nothing() -> None:
    truth, predicted = random_hands(4), random_hands(5)
    before = np.square(predicted - truth).sum((1, 2))
    after = np.square(metrics.align_procrustes(predicted, truth) - truth).sum((1, 2))
    assert (after <= before + 1e-12).all()


def test_alignment_leaves_out_missing_joints() -> None:
    truth = random_hands(6)
    moved = 2.0 * truth
    moved[0, 4] = np.nan
    moved[1, 2:] = np.nan
    aligned = metrics.align_procrustes(moved, truth)
    assert np.isnan(aligned[0, 4]).all() and np.isnan(aligned[1]).all()
    assert np.allclose(aligned[0, 5:], truth[0, 5:])


def test_auc_of_a_constant_error_is_the_remaining_share_of_the_range() -> None:
    fine = np.linspace(0, 50, 5001)
    assert metrics.auc(np.full((4, 21), 10.0), fine) == pytest.approx(0.8, abs=1e-3)
    for grid in metrics.GRIDS_MM.values():
        assert metrics.auc(np.zeros((4, 21)), grid) == 1.0
        assert metrics.auc(np.full((4, 21), 60.0), grid) == 0.0


def test_the_spurr_grid_starts_at_21_05() -> None:
    grid = metrics.GRIDS_MM["20-50 (entries 8 to 19 of the same grid)"]
    assert grid[0] == pytest.approx(21.0526, abs=1e-4) and grid[-1] == 50.0 and len(grid) == 12


def test_pcf_looks_at_the_worst_joint() -> None:
    errors = np.full((4, 21), 1.0)
    errors[0, 3] = 30.0
    errors[1, 2] = np.nan
    assert metrics.pcf(errors, np.array([10.0, 40.0])) == pytest.approx([0.75, 1.0])


def test_palm_frames_are_orthonormal_and_mirror_with_the_hand() -> None:
    joints = random_hands(7)
    right = metrics.palm_frames(joints, ["right"] * 5)
    left = metrics.palm_frames(joints * (-1.0, 1.0, 1.0), ["left"] * 5)
    assert np.allclose(np.einsum("nji,njk->nik", right, right), np.eye(3))
    assert np.allclose(np.linalg.det(right), 1.0) and np.allclose(np.linalg.det(left), -1.0)
    assert np.allclose(left, right * np.array([-1.0, 1.0, 1.0])[:, None])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_offsets_fixed_in_the_hand_are_found_and_removed(seed: int) -> None:
    truth = random_hands(seed, count=6)
    frames = metrics.palm_frames(truth, ["right"] * 6)
    offsets = np.random.default_rng(seed + 1).normal(scale=0.01, size=(21, 3))
    predicted = truth - np.einsum("nij,kj->nki", frames, offsets)
    assert np.allclose(metrics.constant_offsets(predicted, truth, frames), offsets)
    assert np.allclose(metrics.remove_constant_offsets(predicted, truth, frames), truth)


def test_noise_is_not_taken_for_a_constant_offset() -> None:
    truth = random_hands(8, count=4)
    predicted = truth + np.random.default_rng(9).normal(scale=0.01, size=truth.shape)
    cleaned = metrics.remove_constant_offsets(predicted, truth, metrics.palm_frames(truth, ["right"] * 4))
    before = metrics.mean_error(metrics.joint_errors(predicted, truth))
    assert metrics.mean_error(metrics.joint_errors(cleaned, truth)) > before


def test_a_single_frame_keeps_its_offsets() -> None:
    truth, predicted = random_hands(1, 1), random_hands(2, 1)
    frames = metrics.palm_frames(truth, ["right"])
    assert np.array_equal(metrics.remove_constant_offsets(predicted, truth, frames), predicted)


def test_coverage_of_calibrated_gaussians_is_nominal() -> None:
    generator = np.random.default_rng(0)
    factor = generator.normal(scale=0.01, size=(400, 21, 3, 3))
    covariance = factor @ np.swapaxes(factor, -1, -2)
    truth = random_hands(0, 400)
    predicted = truth + np.einsum("njik,njk->nji", factor, generator.normal(size=(400, 21, 3)))
    shares = metrics.coverage(predicted, truth, covariance)
    assert [shares[level] for level in (0.5, 0.9, 0.99)] == pytest.approx([0.5, 0.9, 0.99], abs=0.015)
    confident = metrics.coverage(predicted, truth, covariance / 9)
    assert confident[0.9] < 0.5


def test_coverage_leaves_out_unknown_covariances() -> None:
    truth = random_hands(1)
    unknown = np.zeros((5, 21, 3, 3))
    assert np.isnan(metrics.coverage(truth, truth, unknown)[0.9])
    unknown[0, 0] = np.eye(3)
    assert metrics.coverage(truth, truth, unknown)[0.9] == 1.0


def test_bootstrap_interval_holds_the_mean_and_narrows_with_more_frames() -> None:
    values = np.random.default_rng(0).exponential(10.0, size=(400, 21))
    low, high = metrics.bootstrap_interval(values)
    assert low < values.mean() < high
    few_low, few_high = metrics.bootstrap_interval(values[:20])
    assert few_high - few_low > 2 * (high - low)
