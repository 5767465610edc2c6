import numpy as np
import pytest
from hands import COVARIANCE, flat_right_hand, random_rotation

from hand_pose_ros.kinematics.wrist import from_right_hand, to_right_hand, wrist_pose
from hand_pose_ros.skeleton import INDEX_MCP, LITTLE_MCP, MIDDLE_MCP


def test_axes_of_a_right_hand_seen_from_its_back():
    pose = wrist_pose(flat_right_hand(), COVARIANCE, "right")
    assert pose is not None
    np.testing.assert_allclose(pose.position, [0, 0, 0.5])
    # x up in the picture to the knuckles, y out of the back towards the camera, z to the little finger.
    np.testing.assert_allclose(pose.rotation.T, [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)


def test_a_left_hand_has_its_back_on_y_too():
    mirrored = flat_right_hand() * (-1, 1, 1)
    pose = wrist_pose(mirrored, COVARIANCE, "left")
    assert pose is not None
    np.testing.assert_allclose(pose.rotation.T, [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("side", ["left", "right"])
def test_pose_turns_with_the_hand(side):
    rng = np.random.default_rng(3)
    turn = random_rotation(rng)
    joints = flat_right_hand() + rng.normal(scale=0.003, size=(21, 3))
    before = wrist_pose(joints, COVARIANCE, side)
    after = wrist_pose(joints @ turn.T, COVARIANCE, side)
    assert before is not None and after is not None
    np.testing.assert_allclose(after.rotation, turn @ before.rotation, atol=1e-9)
    assert np.linalg.det(after.rotation) == pytest.approx(1.0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_covariance_agrees_with_sampled_joints(side):
    rng = np.random.default_rng(4)
    joints = flat_right_hand() @ random_rotation(rng).T
    joints[INDEX_MCP] += joints[MIDDLE_MCP] * 0.01  # no symmetry to hide behind
    roots = rng.normal(scale=2e-4, size=(21, 3, 3))
    covariance = roots @ roots.transpose(0, 2, 1)
    pose = wrist_pose(joints, covariance, side)
    assert pose is not None

    samples = []
    for _ in range(4000):
        moved = joints + np.einsum("jab,jb->ja", roots, rng.normal(size=(21, 3)))
        other = wrist_pose(moved, covariance, side)
        assert other is not None
        small = other.rotation @ pose.rotation.T
        turn = np.array([small[2, 1] - small[1, 2], small[0, 2] - small[2, 0], small[1, 0] - small[0, 1]]) / 2
        samples.append(np.concatenate([other.position - pose.position, turn]))
    sampled = np.cov(np.array(samples).T)
    scale = np.sqrt(np.outer(np.diag(sampled), np.diag(sampled)))
    np.testing.assert_allclose(pose.covariance / scale, sampled / scale, atol=0.06)


@pytest.mark.parametrize("broken", [INDEX_MCP, LITTLE_MCP, MIDDLE_MCP, 0])
def test_no_pose_without_the_palm(broken):
    joints = flat_right_hand()
    joints[broken] = np.nan
    assert wrist_pose(joints, COVARIANCE, "right") is None


def test_no_pose_when_the_palm_is_a_line():
    joints = np.linspace(0, 0.1, 21)[:, None] * np.ones(3)
    assert wrist_pose(joints, COVARIANCE, "right") is None


@pytest.mark.parametrize("side", ["left", "right"])
def test_every_hand_becomes_a_right_one_and_back(side):
    rng = np.random.default_rng(6)
    joints = (flat_right_hand() * (1 if side == "right" else -1, 1, 1)) @ random_rotation(rng).T
    pose = wrist_pose(joints, COVARIANCE, side)
    assert pose is not None
    local = to_right_hand(joints, pose, side)
    np.testing.assert_allclose(local[MIDDLE_MCP], [0.07, 0, 0], atol=1e-12)
    assert local[LITTLE_MCP, 2] > local[INDEX_MCP, 2]
    np.testing.assert_allclose(from_right_hand(local, pose, side), joints, atol=1e-12)
