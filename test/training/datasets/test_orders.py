"""Joints are sorted by their names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.skeleton import JOINT_NAMES
from hand_pose_ros.types import HandPoseError
from training.datasets.orders import OURS, TIPS_FIRST, TIPS_FIRST_WRIST_LAST, inwards, outwards, to_skeleton


@given(order=st.permutations(range(21)))
def test_any_order_is_undone(order: list[int]) -> None:
    joints = np.arange(63.0).reshape(21, 3)
    assert np.array_equal(to_skeleton(joints[order], [JOINT_NAMES[joint] for joint in order]), joints)


def test_what_is_not_there_is_nan_and_what_is_not_ours_is_left_out() -> None:
    result = to_skeleton(np.array([[1.0, 2.0], [3.0, 4.0]]), ("palm", "index_tip"))
    assert result[8].tolist() == [3.0, 4.0] and np.isnan(np.delete(result, 8, axis=0)).all()


def test_the_shared_orders() -> None:
    assert OURS == JOINT_NAMES
    assert TIPS_FIRST[:6] == ("wrist", "thumb_tip", "thumb_ip", "thumb_mcp", "thumb_cmc", "index_tip")
    assert TIPS_FIRST_WRIST_LAST[0] == "thumb_tip" and TIPS_FIRST_WRIST_LAST[-2:] == ("little_mcp", "wrist")
    assert inwards("ring") == tuple(reversed(outwards("ring")))


def test_another_number_of_joints_is_said() -> None:
    with pytest.raises(HandPoseError, match=r"labels of 21 joints were expected, not an array of shape \(16, 3\)"):
        to_skeleton(np.zeros((16, 3)), OURS)
