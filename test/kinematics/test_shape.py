from dataclasses import replace

import numpy as np
import pytest
from hands import hand_shapes, random_rotation
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.kinematics.model import ANGLE_NAMES, LOWER, MEAN_SHAPE, UPPER, HandShape, joints_from_angles
from hand_pose_ros.kinematics.shape import FORGET_NS, JointAngles, ShapeMean, measure, measure_hands
from hand_pose_ros.kinematics.wrist import mirror
from hand_pose_ros.tracking import TrackedHand
from hand_pose_ros.types import HandEstimate, HandPoseError

ANGLES = np.random.default_rng(0).uniform(0.6 * LOWER, 0.6 * UPPER)


def in_camera(angles: np.ndarray, shape: HandShape, side: str, seed: int = 0) -> np.ndarray:
    """Joints (21, 3) of a hand somewhere before the camera."""
    turn = random_rotation(np.random.default_rng(seed))
    return (joints_from_angles(angles, shape) * mirror(side)) @ turn.T + [0.1, -0.05, 0.6]


def tracked(joints: np.ndarray, side: str, *, number: int = 0) -> TrackedHand:
    estimate = HandEstimate(
        joints_m=joints,
        joint_cov_m2=np.tile(np.diag([1e-6, 1e-6, 9e-6]), (21, 1, 1)),
        joints_px=np.zeros((21, 2)),
        cloud_m=joints,
        side=side,
        side_confidence=0.9,
        confidence=0.9,
        modalities="rgbd",
        latent_mean=np.zeros(2),
        latent_var=np.ones(2),
    )
    return TrackedHand(number, estimate)


def same(one: HandShape, other: HandShape, atol: float) -> None:
    np.testing.assert_allclose(one.bases_m, other.bases_m, atol=atol)
    np.testing.assert_allclose(one.phalanges_m, other.phalanges_m, atol=atol)


@given(hand_shapes())
def test_measuring_finds_the_shape(shape):
    same(measure(joints_from_angles(ANGLES, shape)), shape, 1e-9)


@pytest.mark.parametrize("side", ["left", "right"])
def test_measuring_many_hands_ignores_where_they_are_and_who_errs(side):
    rng = np.random.default_rng(1)
    joints = np.array(
        [in_camera(rng.uniform(LOWER, UPPER), MEAN_SHAPE, side, seed) for seed in range(30)]
    ) + rng.normal(scale=1e-4, size=(30, 21, 3))
    joints[3, 5] = np.nan
    joints[4] *= 1.5
    same(measure_hands(joints, side), MEAN_SHAPE, 5e-4)


def test_nothing_to_measure_is_an_error():
    with pytest.raises(HandPoseError, match="none of the 3 hands has all its joints"):
        measure_hands(np.full((3, 21, 3), np.nan), "right")


def test_the_mean_settles_and_skips_what_is_missing():
    rng = np.random.default_rng(2)
    mean = ShapeMean()
    true = replace(MEAN_SHAPE, phalanges_m=MEAN_SHAPE.phalanges_m * 1.3)
    for _ in range(200):
        joints = joints_from_angles(ANGLES, true) + rng.normal(scale=1e-3, size=(21, 3))
        joints[4] = np.nan
        mean.add(joints)
    found = mean.shape
    np.testing.assert_allclose(found.phalanges_m[1:], true.phalanges_m[1:], atol=1e-3)
    assert found.phalanges_m[0, 2] == MEAN_SHAPE.phalanges_m[0, 2], "never seen: the mean hand's"


@pytest.mark.parametrize("side", ["left", "right"])
@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_angles_are_the_same_wherever_the_hand_is_and_on_either_side(side, seed):
    hand = tracked(in_camera(ANGLES, MEAN_SHAPE, side, seed), side, number=3)
    found = JointAngles().update([hand], 0)
    assert list(found) == [3]
    np.testing.assert_allclose(found[3], ANGLES, atol=0.02)


def test_a_track_keeps_bone_lengths():
    """A bone that looks longer for one picture does not bend the finger."""
    solver = JointAngles()
    for picture in range(30):
        solver.update([tracked(in_camera(ANGLES, MEAN_SHAPE, "right"), "right")], picture)
    stretched = replace(MEAN_SHAPE, phalanges_m=MEAN_SHAPE.phalanges_m * 1.2)
    found = solver.update([tracked(in_camera(ANGLES, stretched, "right"), "right")], 31)[0]
    assert np.abs(found - ANGLES).max() < 0.1
    kept = solver._hands[0].shape.shape
    same(kept, MEAN_SHAPE, 1e-3)


@pytest.mark.parametrize("change", [{"side": "left"}, {"stamp_ns": 100 + FORGET_NS + 1}, {"stamp_ns": 50}])
def test_another_hand_is_measured_anew(change):
    solver = JointAngles()
    solver.update([tracked(in_camera(ANGLES, MEAN_SHAPE, "right"), "right")], 100)
    large = HandShape(MEAN_SHAPE.bases_m * 1.4, MEAN_SHAPE.phalanges_m * 1.4)
    now = {"side": "right", "stamp_ns": 101} | change
    solver.update([tracked(in_camera(ANGLES, large, now["side"]), now["side"])], now["stamp_ns"])
    same(solver._hands[0].shape.shape, large, 1e-6)


def test_without_the_palm_all_angles_are_nan():
    joints = in_camera(ANGLES, MEAN_SHAPE, "right")
    joints[9] = np.nan
    found = JointAngles().update([tracked(joints, "right")], 0)[0]
    assert found.shape == (len(ANGLE_NAMES),) and np.isnan(found).all()
