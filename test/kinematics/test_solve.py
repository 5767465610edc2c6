import numpy as np
import pytest
from hands import hand_shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.kinematics.model import ANGLE_NAMES, DIGITS, LOWER, MEAN_SHAPE, UPPER, joints_from_angles
from hand_pose_ros.kinematics.solve import solve_angles
from hand_pose_ros.skeleton import JOINT_NAMES

SEEDS = st.integers(0, 1_000_000)


def sample_angles(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(LOWER, UPPER)


def points_down(angles: np.ndarray) -> np.ndarray:
    """(5,): digits that are straight and stand upright on the palm, where abduction turns them in place."""
    joints = joints_from_angles(angles, MEAN_SHAPE)[DIGITS] - MEAN_SHAPE.bases_m[:, None]
    return np.abs(joints[:, 1:, [0, 2]]).max(axis=(1, 2)) < 0.008


@given(SEEDS, hand_shapes())
def test_angles_to_joints_to_angles(seed, shape):
    angles = sample_angles(seed)
    joints = joints_from_angles(angles, shape)
    found = solve_angles(joints, shape)
    np.testing.assert_allclose(joints_from_angles(found, shape), joints, atol=2e-5)
    if not points_down(angles).any():
        np.testing.assert_allclose(found, angles, atol=2e-3)


@settings(max_examples=30)
@given(SEEDS, st.floats(0.0, 0.003))
def test_no_angles_fit_noisy_bones_better_than_those_found(seed, noise):
    rng = np.random.default_rng(seed)
    angles = sample_angles(seed)
    noisy = joints_from_angles(angles, MEAN_SHAPE) + rng.normal(scale=noise, size=(21, 3))
    bones = np.diff(noisy[DIGITS], axis=1)
    bones *= (MEAN_SHAPE.phalanges_m / np.linalg.norm(bones, axis=-1))[..., None]
    target = np.cumsum(bones, axis=1)

    def misfit(candidate: np.ndarray) -> float:
        reached = joints_from_angles(candidate, MEAN_SHAPE)[DIGITS]
        return float(np.sum((reached[:, 1:] - reached[:, :1] - target) ** 2))

    found = solve_angles(noisy, MEAN_SHAPE)
    best = misfit(found)
    others = [angles, *(np.clip(found + rng.normal(scale=0.05, size=21), LOWER, UPPER) for _ in range(20))]
    assert best <= 1.02 * min(misfit(other) for other in others) + 1e-9


@settings(max_examples=30)
@given(SEEDS, st.floats(0.5, 2.0))
def test_bones_that_look_too_long_do_not_bend_the_fingers(seed, factor):
    angles = sample_angles(seed)
    found = solve_angles(factor * joints_from_angles(angles, MEAN_SHAPE), MEAN_SHAPE)
    expected = solve_angles(joints_from_angles(angles, MEAN_SHAPE), MEAN_SHAPE)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(SEEDS)
def test_out_of_reach_stops_at_the_limits(seed):
    rng = np.random.default_rng(seed)
    beyond = sample_angles(seed) + rng.choice([-1.0, 0.0, 1.0], 21)
    found = solve_angles(joints_from_angles(beyond, MEAN_SHAPE), MEAN_SHAPE)
    assert ((found >= LOWER - 1e-9) & (found <= UPPER + 1e-9)).all()


@pytest.mark.parametrize(
    ("lost", "unknown"),
    [
        ("index_tip", ["index_dip_flexion"]),
        ("index_dip", ["index_pip_flexion", "index_dip_flexion"]),
        ("ring_mcp", [name for name in ANGLE_NAMES if name.startswith("ring")]),
        ("thumb_ip", ["thumb_mcp_abduction", "thumb_mcp_flexion", "thumb_ip_flexion"]),
    ],
)
def test_a_missing_joint_makes_angles_nan_and_leaves_the_others(lost, unknown):
    angles = sample_angles(4)
    joints = joints_from_angles(angles, MEAN_SHAPE)
    joints[JOINT_NAMES.index(lost)] = np.nan
    found = solve_angles(joints, MEAN_SHAPE, np.tile(np.eye(3) * 1e-5, (21, 1, 1)))
    assert [name for name, angle in zip(ANGLE_NAMES, found, strict=True) if not np.isfinite(angle)] == unknown
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], angles[known], atol=0.02)


def test_a_joint_that_nobody_is_sure_of_counts_little():
    angles = np.full(21, 0.2)
    joints = joints_from_angles(angles, MEAN_SHAPE)
    dip = JOINT_NAMES.index("middle_dip")
    joints[dip] += [0.0, 0.0, 0.02]
    covariance = np.tile(np.eye(3) * 4e-6, (21, 1, 1))
    covariance[dip] = np.diag([4e-6, 4e-6, 4e-3])
    place = ANGLE_NAMES.index("middle_mcp_abduction")
    trusting = abs(solve_angles(joints, MEAN_SHAPE)[place] - 0.2)
    doubting = abs(solve_angles(joints, MEAN_SHAPE, covariance)[place] - 0.2)
    assert doubting < 0.02 < 0.1 < trusting


def test_an_unknown_covariance_is_no_reason_to_give_up():
    angles = sample_angles(5)
    found = solve_angles(joints_from_angles(angles, MEAN_SHAPE), MEAN_SHAPE, np.full((21, 3, 3), np.nan))
    np.testing.assert_allclose(found, angles, atol=1e-3)
