"""Contacts: what overlaps is taken apart, what pinches meets, what does neither stays as it is."""

import numpy as np
import pytest

from training.hands.capsules import Capsules, measure_capsules
from training.hands.contacts import TOLERANCE, overlap, settle
from training.hands.model import Array, HandModel, HandShape, joint_positions, pose_bones
from training.hands.turns import HIGH, LOW, THUMB, bone_turns

FIST = np.array([84.0, 98, 60] * 4 + [0.0] * 4)


def joints_of(model: HandModel, shape: HandShape, poses: Array) -> Array:
    return joint_positions(model, shape, *pose_bones(shape, bone_turns(model, poses)))


@pytest.fixture(scope="module")
def capsules(model: HandModel, rest: HandShape) -> Capsules:
    return measure_capsules(model, rest)


def test_an_open_hand_stays_as_it_is(model: HandModel, capsules: Capsules) -> None:
    pose = np.zeros((1, 21))
    assert overlap(model, capsules, pose)[0] < TOLERANCE
    settled, _ = settle(model, capsules, pose)
    np.testing.assert_allclose(settled, pose, atol=3)


def test_a_thumb_in_a_fist_comes_out_of_the_fingers(model: HandModel, capsules: Capsules) -> None:
    pose = np.concatenate([FIST, [30.0, 10, 10, 20, 20]])[None]
    assert overlap(model, capsules, pose)[0] > 0.008
    settled, depth = settle(model, capsules, pose)
    assert depth[0] < TOLERANCE
    np.testing.assert_allclose(overlap(model, capsules, settled), depth)
    assert (settled >= LOW - 1e-9).all() and (settled <= HIGH + 1e-9).all()
    assert settled[0, [1, 4, 7, 10]].min() > 60  # still a fist


@pytest.mark.parametrize("finger", [1, 2, 3, 4])
def test_a_pinch_brings_pads_together(model: HandModel, rest: HandShape, capsules: Capsules, finger: int) -> None:
    pose = np.zeros((1, 21))
    pose[0, 3 * finger - 3 : 3 * finger] = 45, 45, 25
    pose[0, THUMB] = 20, -12, 15, 20, 25
    settled, depth = settle(model, capsules, pose, np.array([finger]))
    was, now = (joints_of(model, rest, p)[0] for p in (pose, settled))
    before, after = (np.linalg.norm(joints[4] - joints[4 * finger + 4]) for joints in (was, now))
    assert after < 0.030 and after < before
    assert depth[0] < TOLERANCE
