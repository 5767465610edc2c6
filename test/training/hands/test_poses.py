"""Poses stay within what hands can do, and bend the way hands bend."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from training.hands.capsules import measure_capsules
from training.hands.contacts import TOLERANCE, overlap
from training.hands.model import (
    BONE_COUNT,
    FINGER_BONES,
    Array,
    HandModel,
    HandShape,
    joint_positions,
    pose_bones,
)
from training.hands.pose_bank import PoseBank
from training.hands.poses import draw_poses, sample_poses, sample_turns
from training.hands.shapes import sample_shapes
from training.hands.turns import HIGH, LOW, THUMB

COUNT = 1500
TIPS = (4, 8, 12, 16, 20)


@pytest.fixture(scope="module")
def turns(model: HandModel, rest: HandShape) -> Array:
    return sample_turns(model, repeated(rest, COUNT), np.random.default_rng(2))


@pytest.fixture(scope="module")
def joints(model: HandModel, rest: HandShape, turns: Array) -> Array:
    """(N, 21, 3) the mean hand in many poses."""
    return posed(model, rest, turns)


def repeated(rest: HandShape, count: int) -> HandShape:
    return HandShape(*(np.repeat(a, count, axis=0) for a in vars(rest).values()))


def posed(model: HandModel, rest: HandShape, turns: Array) -> Array:
    shape = repeated(rest, len(turns))
    return joint_positions(model, shape, *pose_bones(shape, turns))


def bend(model: HandModel, rest: HandShape, turns: Array, bone: int) -> Array:
    """Degrees of flexion of a finger's second or third bone against the one before, seen along the flexion axis."""
    heads = rest.heads[0]
    end = heads[bone + 1] if bone % 3 else rest.tips[0, bone // 3 - 1]
    before, own = heads[bone] - heads[bone - 1], (end - heads[bone]) @ turns[:, bone].swapaxes(1, 2)
    return np.degrees(np.arctan2(np.cross(before, own) @ model.flex_axes[bone], own @ before))


def test_turns_are_rotations_and_the_wrists_is_none(turns: Array) -> None:
    np.testing.assert_allclose(turns @ turns.swapaxes(-1, -2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    np.testing.assert_array_equal(turns[:, 0], np.broadcast_to(np.eye(3), (COUNT, 3, 3)))


@pytest.mark.parametrize("finger", [1, 2, 3, 4])
def test_fingers_bend_within_their_limits(model: HandModel, rest: HandShape, turns: Array, finger: int) -> None:
    _, middle, last = FINGER_BONES[finger]
    for bone, low, high in ((middle, -8, 112), (last, -12, 82)):
        angles = bend(model, rest, turns, bone)
        assert low - 0.1 <= angles.min() < 10 and high - 20 < angles.max() <= high + 0.1


@pytest.mark.parametrize("finger", [1, 2, 3, 4])
def test_knuckles_bend_within_their_limits(joints: Array, finger: int) -> None:
    """Against the palm's plane; the axes lie askew and fingers spread, hence the tolerance."""
    along = joints[:, 4 * finger + 2] - joints[:, 4 * finger + 1]
    angles = np.degrees(np.arctan2(-along[:, 2], along[:, 1]))
    assert angles.min() > -30 - 15 and angles.max() < 92 + 20
    assert np.percentile(angles, 5) < 5 and np.percentile(angles, 95) > 58


def test_thumb_bends_within_its_limits(model: HandModel, turns: Array) -> None:
    for column, bone in ((3, 2), (4, 3)):
        vectors = Rotation.from_matrix(turns[:, bone]).as_rotvec(degrees=True)
        angles = vectors @ model.flex_axes[bone]
        np.testing.assert_allclose(vectors, angles[:, None] * model.flex_axes[bone], atol=1e-6)
        low, high = LOW[THUMB][column], HIGH[THUMB][column]
        assert low - 1e-6 <= angles.min() and angles.max() <= high + 1e-6
        assert np.ptp(angles) > 0.9 * (high - low)


@pytest.mark.parametrize("bone", [b for bones in FINGER_BONES[1:] for b in bones])
def test_flexion_moves_the_finger_tip_to_the_palm_and_the_wrist(model: HandModel, rest: HandShape, bone: int) -> None:
    turns = np.broadcast_to(np.eye(3), (2, BONE_COUNT, 3, 3)).copy()
    turns[1, bone] = Rotation.from_rotvec(model.flex_axes[bone] * np.radians(30)).as_matrix()
    was, now = posed(model, rest, turns)
    tip = TIPS[(bone - 1) // 3]
    assert now[tip, 2] < was[tip, 2] - 0.005
    assert np.linalg.norm(now[tip] - now[0]) < np.linalg.norm(was[tip] - was[0]) - 0.001
    others = [t for t in TIPS if t != tip]
    np.testing.assert_allclose(now[others], was[others], atol=1e-9)


@pytest.mark.parametrize("bone", FINGER_BONES[0])
def test_flexion_moves_the_thumb_across_the_palm(model: HandModel, rest: HandShape, bone: int) -> None:
    turns = np.broadcast_to(np.eye(3), (2, BONE_COUNT, 3, 3)).copy()
    turns[1, bone] = Rotation.from_rotvec(model.flex_axes[bone] * np.radians(30)).as_matrix()
    was, now = posed(model, rest, turns)
    assert now[4, 0] > was[4, 0] + 0.005
    distance = [np.linalg.norm(j[4] - j[17]) for j in (was, now)]  # to the little finger's knuckle
    assert distance[1] < distance[0] - 0.005


def test_curled_fingers_end_before_the_palm(joints: Array) -> None:
    """Seen from the palm (-z): the tip of a finger bent in all joints is nearer than its knuckle."""
    for finger in (1, 2, 3, 4):
        knuckle, tip = joints[:, 4 * finger + 1], joints[:, 4 * finger + 4]
        curled = tip[:, 1] < knuckle[:, 1] + 0.03
        assert 0.2 < curled.mean() < 0.9
        deep = knuckle[curled, 2] - tip[curled, 2]
        assert np.median(deep) > 0.02 and (deep > 0).mean() > 0.8


def test_straight_fingers_lie_side_by_side(joints: Array) -> None:
    straight = (joints[:, TIPS[1:], 2] > -0.05).all(1) & (joints[:, TIPS[1:], 1] > 0.12).all(1)
    across = joints[straight][:, TIPS[1:], 0]
    assert straight.sum() > 30
    assert (np.diff(across, axis=1) > 0).mean() > 0.97


def test_there_are_open_hands_fists_and_single_fingers(model: HandModel, rest: HandShape, turns: Array) -> None:
    bends = np.stack([bend(model, rest, turns, FINGER_BONES[f][1]) for f in (1, 2, 3, 4)], axis=1)
    assert (bends < 30).all(1).mean() > 0.05
    assert (bends > 75).all(1).mean() > 0.05
    pointing = (bends[:, 0] < 30) & (bends[:, 1:] > 70).all(1)
    assert pointing.mean() > 0.005
    straight = np.stack([bend(model, rest, turns, b) for b in (5, 6, 8, 9, 11, 12, 14, 15)], axis=1)
    assert (np.abs(straight) < 12).all(1).mean() > 0.08


def test_fingers_do_not_pass_through_each_other(model: HandModel) -> None:
    """What is drawn often overlaps; what is sampled hardly ever, for hands of all builds."""
    shape = sample_shapes(model, np.random.default_rng(4), 400)
    capsules = measure_capsules(model, shape)
    drawn, _ = draw_poses(np.random.default_rng(5), 400)
    assert (overlap(model, capsules, drawn) > TOLERANCE).mean() > 0.3
    poses = sample_poses(model, shape, np.random.default_rng(5))
    assert (overlap(model, capsules, poses) > TOLERANCE).mean() < 0.01


def test_thumbs_meet_every_finger(joints: Array) -> None:
    """Where tip is near tip: the pads of a pinch are a finger's thickness apart, tips at the skin."""
    near = np.linalg.norm(joints[:, TIPS[1:]] - joints[:, TIPS[:1]], axis=2) < 0.028
    assert (near.mean(0) > 0.005).all() and near.any(1).mean() > 0.07


def test_a_bank_of_poses_is_drawn_from(model: HandModel, rest: HandShape) -> None:
    """A pose like no other, both times: a hand bent at the index's middle joint alone, to one angle."""
    odd = np.zeros((2, 21))
    odd[:, 1] = 60.0
    poses = sample_poses(model, repeated(rest, 600), np.random.default_rng(1), PoseBank(odd))
    like = (np.abs(poses[:, :12] - odd[0, :12]) < 25).all(1)
    assert 0.15 < like.mean() < 0.45


def test_poses_come_from_the_generator_alone(model: HandModel, rest: HandShape, turns: Array) -> None:
    shape = repeated(rest, COUNT)
    np.testing.assert_array_equal(sample_turns(model, shape, np.random.default_rng(2)), turns)
    assert (sample_turns(model, shape, np.random.default_rng(3)) != turns).any()
