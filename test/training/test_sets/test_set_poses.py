"""Poses of the test sets: towards the palm, apart from each other, reproducible."""

from __future__ import annotations

import numpy as np

from training.test_sets.poses import bone_turns, crossing, sample_pose
from training.test_sets.rig import Rig, pose

STRAIGHT = np.zeros((4, 3))


def joints_of(rig: Rig, flexion: np.ndarray, spread: float = 0.0) -> np.ndarray:
    return pose(rig, bone_turns(rig, flexion, np.full(4, spread), np.zeros(5), np.zeros(2)))[1]


def test_straight_is_straight_and_flexion_closes_the_hand(blocks: Rig) -> None:
    straight, bent = joints_of(blocks, STRAIGHT), joints_of(blocks, STRAIGHT + np.array([80, 90, 60]))
    for base in (5, 9, 13, 17):
        finger = straight[base + 1 : base + 4] - straight[base + 1]
        directions = finger[1:] / np.linalg.norm(finger[1:], axis=1, keepdims=True)
        assert directions[0] @ directions[1] > 0.999
        assert bent[base + 3, 1] < straight[base + 3, 1] - 0.04
        assert bent[base + 2, 2] < -0.02  # on the palm's side


def test_spread_goes_towards_the_thumb(blocks: Rig) -> None:
    assert (joints_of(blocks, STRAIGHT, 10)[[8, 12, 16, 20], 0] < joints_of(blocks, STRAIGHT)[[8, 12, 16, 20], 0]).all()


def test_the_wrist_moves_the_arm_alone(blocks: Rig) -> None:
    args = STRAIGHT, np.zeros(4), np.zeros(5)
    straight, bent = (pose(blocks, bone_turns(blocks, *args, np.array([w, 0.0]))) for w in (0, 30))
    np.testing.assert_allclose(straight[1], bent[1])
    moved = np.linalg.norm(straight[0] - bent[0], axis=1) > 1e-3
    assert 0 < moved.sum() <= 8


def test_crossed_fingers_are_seen(blocks: Rig) -> None:
    joints = joints_of(blocks, STRAIGHT)
    assert not crossing(joints)
    joints[[7, 8]] = joints[[11, 12]] + [0.002, 0, 0]
    assert crossing(joints)


def test_sampled_poses_are_free_reproducible_and_varied(real_rig: Rig) -> None:
    def draw(seed: int) -> np.ndarray:
        return sample_pose(real_rig, np.random.default_rng(seed))[1]

    poses = [draw(seed) for seed in range(12)]
    assert not any(crossing(joints) for joints in poses)
    np.testing.assert_array_equal(poses[3], draw(3))
    reach = [np.linalg.norm(joints[12] - joints[0]) for joints in poses]
    assert min(reach) < 0.12 < 0.15 < max(reach)
