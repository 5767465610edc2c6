"""The joints' definition."""

import numpy as np
from scipy.spatial.transform import Rotation

from hand_pose_ros.skeleton import FINGERS, INDEX_MCP, LITTLE_MCP, WRIST
from training.hands.joints import JOINT_BONE, MANO_MEAN, PALM, fit_mano_offsets, rest_joints
from training.hands.model import HandModel

TIPS = [finger[-1] for finger in FINGERS.values()]
BONE_HEADS = [WRIST, *(joint for finger in FINGERS.values() for joint in finger[:3])]


def test_bone_ends_are_put_in_the_skeletons_order() -> None:
    heads = np.arange(16.0)[:, None] + [0.1, 0.2, 0.3]
    tips = 100 + np.arange(5.0)[:, None] + [0.1, 0.2, 0.3]
    joints = rest_joints(heads, tips)
    np.testing.assert_array_equal(joints[BONE_HEADS], heads)
    np.testing.assert_array_equal(joints[TIPS], tips)
    np.testing.assert_array_equal(JOINT_BONE[BONE_HEADS], np.arange(16))
    np.testing.assert_array_equal(JOINT_BONE[TIPS], [3, 6, 9, 12, 15])


def test_manos_mean_hand_is_a_right_one() -> None:
    """(index - wrist) x (little - wrist) points out of a right hand's palm, where the thumb is."""
    to_index, to_little, to_thumb = (MANO_MEAN[j] - MANO_MEAN[WRIST] for j in (INDEX_MCP, LITTLE_MCP, 4))
    assert np.cross(to_index, to_little) @ to_thumb > 0


def test_a_hand_that_already_is_manos_needs_no_offsets() -> None:
    turn = Rotation.from_rotvec([0.4, -1.0, 2.0])
    hand = 1.15 * turn.apply(MANO_MEAN) + [0.1, 0.2, 0.3]
    np.testing.assert_allclose(fit_mano_offsets(hand[BONE_HEADS], hand[TIPS]), 0, atol=2e-5)


def test_only_the_palms_joints_are_moved_and_not_far(model: HandModel) -> None:
    moved = np.linalg.norm(model.joint_offsets, axis=1)
    assert (moved > 0).nonzero()[0].tolist() == PALM
    assert moved.max() < 0.02
