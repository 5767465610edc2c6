import numpy as np
import pytest
from hands import COVARIANCE, flat_right_hand, random_rotation
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.kinematics.wrist import wrist_pose
from hand_pose_ros.ros.transforms import hand_transforms, quaternion_from_matrix
from hand_pose_ros.skeleton import JOINT_NAMES


def rotation_from(quaternion: np.ndarray) -> np.ndarray:
    x, y, z, w = quaternion
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * k + 2 * k @ k


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
