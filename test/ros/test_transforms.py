import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.ros.transforms import hand_transforms, quaternion_from_matrix, wrist_pose
from hand_pose_ros.skeleton import INDEX_MCP, JOINT_NAMES, LITTLE_MCP, MIDDLE_MCP

COVARIANCE = np.tile(np.eye(3) * 1e-6, (21, 1, 1))


def flat_right_hand() -> np.ndarray:
    """Right hand as its owner sees its back, fingers away from the camera's top: thumb on the left, back to us."""
    joints = np.zeros((21, 3))
    joints[:, 2] = 0.5
    for first, x in zip((1, 5, 9, 13, 17), (-0.05, -0.02, 0.0, 0.02, 0.04), strict=True):
        for step in range(4):
            joints[first + step, :2] = (x, -0.05 - 0.02 * (step + 1))
    return joints


def rotation_from(quaternion: np.ndarray) -> np.ndarray:
    x, y, z, w = quaternion
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * k + 2 * k @ k


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


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
    for _ in range(8000):
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


@given(st.integers(0, 10_000))
def test_quaternion_round_trip(seed):
    rotation = random_rotation(np.random.default_rng(seed))
    quaternion = quaternion_from_matrix(rotation)
    assert quaternion[3] >= 0
    assert np.linalg.norm(quaternion) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation_from(quaternion), rotation, atol=1e-9)


@pytest.mark.parametrize("diagonal", [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
def test_quaternion_of_half_turns(diagonal):
    np.testing.assert_allclose(rotation_from(quaternion_from_matrix(np.diag(diagonal))), np.diag(diagonal), atol=1e-12)


def test_quaternion_equals_tf_transformations():
    reference = pytest.importorskip("tf_transformations")
    for seed in range(50):
        rotation = np.eye(4)
        rotation[:3, :3] = random_rotation(np.random.default_rng(seed))
        expected = reference.quaternion_from_matrix(rotation)
        ours = quaternion_from_matrix(rotation[:3, :3])
        np.testing.assert_allclose(abs(np.dot(ours, expected)), 1.0, atol=1e-9)


def test_transforms_lead_to_the_joints():
    joints = flat_right_hand() @ random_rotation(np.random.default_rng(5)).T
    joints[4] = np.nan
    pose = wrist_pose(joints, COVARIANCE, "right")
    assert pose is not None
    wrist, *rest = hand_transforms("camera", 7, joints, pose, with_joints=True)
    assert (wrist.parent, wrist.child) == ("camera", "hand_7/wrist")
    assert {t.parent for t in rest} == {"hand_7/wrist"}
    assert [t.child for t in rest] == [f"hand_7/{n}" for n in JOINT_NAMES[1:] if n != "thumb_tip"]
    for transform in rest:
        joint = JOINT_NAMES.index(transform.child.removeprefix("hand_7/"))
        found = rotation_from(wrist.quaternion) @ transform.translation + wrist.translation
        np.testing.assert_allclose(found, joints[joint], atol=1e-9)
    assert len(list(hand_transforms("camera", 7, joints, pose, with_joints=False))) == 1
