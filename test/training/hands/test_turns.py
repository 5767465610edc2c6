"""Rotations of the joints, and what the angles of a pose do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from training.hands.model import Array, HandModel, HandShape, joint_positions, pose_bones
from training.hands.turns import HIGH, LOW, bone_turns, rotate


def joints_of(model: HandModel, rest: HandShape, poses: Array) -> Array:
    shape = HandShape(*(np.repeat(a, len(poses), axis=0) for a in vars(rest).values()))
    return joint_positions(model, shape, *pose_bones(shape, bone_turns(model, poses)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-7, 7))
def test_rotate_is_a_rotation_vectors(seed: int, angle: float) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    axis /= np.linalg.norm(axis)
    out = np.empty((3, 3))
    rotate(axis, angle, out)
    np.testing.assert_allclose(out, Rotation.from_rotvec(axis * angle).as_matrix(), atol=1e-12)


def test_the_zero_pose_has_straight_fingers_in_the_palms_plane(model: HandModel, rest: HandShape) -> None:
    joints = joints_of(model, rest, np.zeros((1, 21)))[0]
    for finger in (1, 2, 3, 4):
        chain = np.diff(joints[4 * finger + 2 : 4 * finger + 5], axis=0)
        assert chain[0] @ chain[1] > 0.99 * np.linalg.norm(chain[0]) * np.linalg.norm(chain[1])
        assert np.abs(chain[:, 2]).max() < 0.003


@pytest.mark.parametrize("finger", [1, 2, 3, 4])
def test_spread_moves_the_tip_towards_the_thumb(model: HandModel, rest: HandShape, finger: int) -> None:
    poses = np.zeros((2, 21))
    poses[1, 11 + finger] = 10
    was, now = joints_of(model, rest, poses)[:, 4 * finger + 4]
    assert now[0] < was[0] - 0.005 and abs(now[2] - was[2]) < 0.002


def test_thumb_abducts_out_of_the_palm_when_negative(model: HandModel, rest: HandShape) -> None:
    poses = np.zeros((2, 21))
    poses[1, 17] = -15
    was, now = joints_of(model, rest, poses)[:, 4]
    assert now[2] < was[2] - 0.01


def test_limits_are_in_order_and_hold_the_straight_hand() -> None:
    assert (LOW < 0).all() and (HIGH > 0).all()
