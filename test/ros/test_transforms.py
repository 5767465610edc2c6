import numpy as np
from hands import COVARIANCE, flat_right_hand, random_rotation, rotation_from

from hand_pose_ros.kinematics.wrist import wrist_pose
from hand_pose_ros.ros.transforms import hand_transforms
from hand_pose_ros.skeleton import JOINT_NAMES


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
