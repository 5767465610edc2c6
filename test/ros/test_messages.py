import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from bundles import rigid_hand
from hands import random_rotation, rotation_from
from urdf_reader import link_poses
from visualization_msgs.msg import Marker

from hand_pose_msgs.msg import Hand
from hand_pose_ros.inputs.images import image_to_array
from hand_pose_ros.kinematics.model import ANGLE_NAMES, LOWER, MEAN_SHAPE, UPPER, joints_from_angles
from hand_pose_ros.kinematics.shape import JointAngles
from hand_pose_ros.kinematics.urdf import hand_urdf, wrist_link
from hand_pose_ros.kinematics.wrist import mirror
from hand_pose_ros.ros.clouds import cloud_of_rows, cloud_xyz32
from hand_pose_ros.ros.messages import (
    ModelFacts,
    cloud_points,
    debug_picture,
    hand_array,
    header_of,
    image_message,
    joint_state,
    marker_array,
    sample_rows,
    tf_message,
)
from hand_pose_ros.skeleton import BONES, FINGERS, JOINT_NAMES
from hand_pose_ros.tracking import TrackedHand
from hand_pose_ros.types import HandEstimate, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)
FRAME = RgbdFrame(
    CAMERA,
    rgb=np.full((240, 320, 3), 50, np.uint8),
    depth_m=np.ones((240, 320), np.float32),
    stamp_ns=12_000_000_034,
    frame_id="optical",
)
MODEL = ModelFacts("name", "1.2.3", "abcdef", "CPUExecutionProvider")
ANGLES = {number: np.linspace(-0.5, 0.5, 21) + number for number in range(4)}


def tracked(number: int = 0, *, lost_joints: tuple[int, ...] = (), **changes) -> TrackedHand:
    joints = rigid_hand() + np.array([0.0, 0.0, 0.5])
    joints[list(lost_joints)] = np.nan
    covariance = np.tile(np.diag([1e-6, 4e-6, 9e-6]), (21, 1, 1)) * np.arange(1, 22)[:, None, None]
    estimate = HandEstimate(
        joints_m=joints,
        joint_cov_m2=covariance,
        joints_px=joints[:, :2] / joints[:, 2:] * 300 + (160, 120),
        cloud_m=joints + np.array([0, 0, 0.01]),
        side="right",
        side_confidence=0.8,
        confidence=0.9,
        modalities="rgbd",
        latent_mean=np.zeros(4),
        latent_var=np.ones(4),
    )
    return TrackedHand(number, replace(estimate, **changes))


def test_samples_are_rows_of_joints_that_say_whose_they_are():
    joints, whose = sample_rows([tracked(3), tracked(1)])
    assert joints.shape == (4, 21, 3) and whose.tolist() == [[3, 0], [3, 1], [1, 0], [1, 1]]
    cloud = cloud_of_rows(header_of(FRAME), joints, whose, ("hand", "sample"))
    assert (cloud.height, cloud.width, cloud.point_step, cloud.row_step) == (4, 21, 20, 420)
    assert [(field.name, field.offset) for field in cloud.fields] == [
        ("x", 0), ("y", 4), ("z", 8), ("hand", 12), ("sample", 16)
    ]  # fmt: skip
    values = np.frombuffer(bytes(cloud.data), np.dtype([(n, "<f4") for n in "xyz"] + [(n, "<u4") for n in "hs"]))
    values = values.reshape(4, 21)
    assert np.allclose(np.stack([values[name] for name in "xyz"], axis=-1), joints, atol=1e-6)
    assert (values["h"] == [[3], [3], [1], [1]]).all() and (values["s"] == [[0], [1], [0], [1]]).all()
    assert cloud_of_rows(header_of(FRAME), *sample_rows([]), ("hand", "sample")).height == 0


def test_a_hand_that_was_missed_is_estimated_from_nothing():
    message = hand_array(FRAME, [replace(tracked(), unseen_s=0.05)], ANGLES, MODEL, 0)
    assert message.hands[0].modalities == 0 and message.hands[0].joints[0].valid
    assert message.modalities == Hand.MODALITY_RGB | Hand.MODALITY_DEPTH


def test_constants_follow_the_skeleton():
    assert [getattr(Hand, name.upper()) for name in JOINT_NAMES] == list(range(21))


def test_hand_array_says_where_when_what_and_from_what():
    hands = [tracked(3, confidence=0.6), tracked(1, side="left", modalities="rgb")]
    message = hand_array(FRAME, hands, ANGLES, MODEL, 1_500_000_000)
    assert (message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id) == (12, 34, "optical")
    told = (message.model_name, message.model_version, message.model_hash, message.model_provider)
    assert told == MODEL
    assert (message.inference_latency.sec, message.inference_latency.nanosec) == (1, 500_000_000)
    assert message.modalities == Hand.MODALITY_RGB | Hand.MODALITY_DEPTH
    assert [hand.id for hand in message.hands] == [1, 3], "most confident first"
    assert [hand.side for hand in message.hands] == [Hand.SIDE_LEFT, Hand.SIDE_RIGHT]
    assert [hand.modalities for hand in message.hands] == [Hand.MODALITY_RGB, 3]


def test_joints_carry_position_and_covariance():
    hand = tracked()
    for index, joint in enumerate(hand_array(FRAME, [hand], ANGLES, MODEL, 0).hands[0].joints):
        assert joint.valid
        assert (joint.position.x, joint.position.y, joint.position.z) == tuple(hand.estimate.joints_m[index])
        np.testing.assert_array_equal(joint.covariance, hand.estimate.joint_cov_m2[index].ravel())


@pytest.mark.parametrize("lost", [0, 4, 9])
def test_an_invalid_joint_is_nan_and_flagged_never_zero(lost):
    message = hand_array(FRAME, [tracked(lost_joints=(lost,))], ANGLES, MODEL, 0).hands[0]
    joint = message.joints[lost]
    assert not joint.valid and joint.score == 0 and joint.covariance[0] == -1
    assert np.isnan([joint.position.x, joint.position.y, joint.position.z]).all()
    assert sum(j.valid for j in message.joints) == 20
    # Wrist and knuckles carry the palm; a fingertip does not.
    palm_known = lost == 4
    assert np.isfinite(message.wrist.pose.position.x) == palm_known
    assert (message.wrist.covariance[0] == -1) != palm_known


def test_unknown_covariance_is_zero():
    hand = tracked(joint_cov_m2=np.full((21, 3, 3), np.nan))
    assert not hand_array(FRAME, [hand], ANGLES, MODEL, 0).hands[0].joints[5].covariance.any()


def test_only_colour_is_only_colour():
    assert hand_array(replace(FRAME, depth_m=None), [], ANGLES, MODEL, 0).modalities == Hand.MODALITY_RGB
    assert hand_array(replace(FRAME, rgb=None), [], ANGLES, MODEL, 0).modalities == Hand.MODALITY_DEPTH


def test_markers_are_stable_and_delete_what_vanished():
    header = header_of(FRAME)
    first = marker_array(header, [tracked(0), tracked(1)], set())
    keys = [(m.ns, m.id) for m in first.markers]
    assert len(set(keys)) == len(keys) and {m.action for m in first.markers} == {Marker.ADD}
    assert all(m.lifetime.sec or m.lifetime.nanosec for m in first.markers)
    second = marker_array(header, [tracked(1)], {0, 1})
    kept = [(m.ns, m.id) for m in second.markers if m.action == Marker.ADD]
    gone = [(m.ns, m.id) for m in second.markers if m.action == Marker.DELETE]
    assert sorted(kept + gone) == sorted(keys)
    assert {ns for ns, _ in gone} == {"hand_0"}
    assert marker_array(header, [], set()).markers == []


def test_markers_leave_out_invalid_joints():
    spheres, bones, *ellipsoids = marker_array(header_of(FRAME), [tracked(lost_joints=(4,))], set()).markers
    assert len(spheres.points) == len(spheres.colors) == 20
    assert len(bones.points) == len(bones.colors) == 2 * (len(BONES) - 1)
    assert [m.action == Marker.DELETE for m in ellipsoids] == [joint == 4 for joint in range(21)]


def test_ellipsoids_have_two_sigma_diameters():
    _, _, wrist, *_ = marker_array(header_of(FRAME), [tracked()], set()).markers
    assert sorted([wrist.scale.x, wrist.scale.y, wrist.scale.z]) == pytest.approx([0.004, 0.008, 0.012])
    q = wrist.pose.orientation
    assert q.x**2 + q.y**2 + q.z**2 + q.w**2 == pytest.approx(1.0)


def test_transforms_of_known_palms_only():
    header = header_of(FRAME)
    message = tf_message(header, [tracked(0), tracked(1, lost_joints=(0,))], with_joints=False)
    assert [transform.child_frame_id for transform in message.transforms] == ["hand_0/wrist", "right_wrist"]
    for transform in message.transforms:
        assert transform.header == header
    assert message.transforms[0].transform == message.transforms[1].transform


def test_the_urdf_s_root_is_the_best_hand_of_its_side():
    sides = {0: ("right", 0.7), 1: ("right", 0.9), 2: ("left", 0.6)}
    hands = [tracked(number, side=side, confidence=sure) for number, (side, sure) in sides.items()]
    message = tf_message(header_of(FRAME), hands, with_joints=False)
    names = [transform.child_frame_id for transform in message.transforms]
    assert names == ["hand_0/wrist", "hand_1/wrist", "right_wrist", "hand_2/wrist", "left_wrist"]


def test_joint_angles_are_named_and_nan_where_unknown():
    angles = ANGLES | {2: np.where(np.arange(21) == 3, np.nan, 0.25)}
    hands = hand_array(FRAME, [tracked(2), tracked(1, confidence=0.1)], angles, MODEL, 0).hands
    assert hands[0].joint_angle_names == list(ANGLE_NAMES)
    np.testing.assert_array_equal(hands[0].joint_angles, angles[2])
    np.testing.assert_allclose(hands[1].joint_angles, angles[1], atol=1e-6)


def test_joint_state_has_the_best_hand_of_either_side_and_no_unknown_angle():
    angles = ANGLES | {2: np.where(np.arange(21) == 3, np.nan, 0.25)}
    hands = [tracked(0, confidence=0.5), tracked(1, confidence=0.8), tracked(2, side="left")]
    message = joint_state(header_of(FRAME), hands, angles)
    assert message.header == header_of(FRAME)
    known = dict(zip(message.name, message.position, strict=True))
    assert len(known) == 41 and np.isfinite(message.position).all()
    assert known["right_index_pip_flexion"] == angles[1][ANGLE_NAMES.index("index_pip_flexion")]
    assert known["left_index_pip_flexion"] == 0.25
    assert f"left_{ANGLE_NAMES[3]}" not in known
    assert joint_state(header_of(FRAME), [], {}).name == []


def test_image_message_round_trip():
    for pixels, encoding in (
        (np.arange(24, dtype=np.uint8).reshape(2, 4, 3), "rgb8"),
        (np.arange(8, dtype=np.uint16).reshape(2, 4), "16UC1"),
        (np.arange(8, dtype=np.float32).reshape(2, 4), "32FC1"),
    ):
        np.testing.assert_array_equal(image_to_array(image_message(header_of(FRAME), pixels, encoding)), pixels)


def test_debug_picture_draws_on_colour_or_depth():
    for frame in (FRAME, replace(FRAME, rgb=None)):
        drawn, plain = debug_picture(frame, [tracked()]), debug_picture(frame, [])
        assert drawn.shape == plain.shape == (240, 320, 3)
        assert (drawn != plain).any()
    assert (FRAME.rgb == 50).all(), "the camera's picture is not painted over"


def test_cloud_holds_the_points_as_float32():
    points = cloud_points([tracked(0), tracked(1)])
    cloud = cloud_xyz32(header_of(FRAME), points)
    assert (cloud.height, cloud.width, cloud.point_step, cloud.row_step) == (1, 42, 12, 504)
    np.testing.assert_array_equal(np.frombuffer(cloud.data, np.float32).reshape(-1, 3), points.astype(np.float32))
    assert cloud_xyz32(header_of(FRAME), cloud_points([])).width == 0


def test_cloud_equals_sensor_msgs_py():
    reference = pytest.importorskip("sensor_msgs_py.point_cloud2")
    points = np.random.default_rng(0).normal(size=(50, 3))
    for given in (points, points[:0]):
        assert cloud_xyz32(header_of(FRAME), given) == reference.create_cloud_xyz32(header_of(FRAME), given)


@pytest.mark.parametrize("side", ["left", "right"])
def test_joint_state_urdf_and_transform_together_lead_to_the_joints(side):
    """As robot_state_publisher and tf2 put them together: the model stands where the hand is."""
    rng = np.random.default_rng(7)
    right = joints_from_angles(rng.uniform(0.7 * LOWER, 0.7 * UPPER), MEAN_SHAPE)
    joints = (right * mirror(side)) @ random_rotation(rng).T + [0.1, -0.1, 0.5]
    hand = tracked(side=side, joints_m=joints)
    header = header_of(FRAME)
    state = joint_state(header, [hand], JointAngles().update([hand], FRAME.stamp_ns))
    robot = ET.fromstring(hand_urdf(MEAN_SHAPE, side))
    poses = link_poses(robot, dict(zip(state.name, state.position, strict=True)))
    (root,) = (t for t in tf_message(header, [hand], False).transforms if t.child_frame_id == wrist_link(side))
    spin, place = root.transform.rotation, root.transform.translation
    turn = rotation_from(np.array([spin.x, spin.y, spin.z, spin.w]))
    for finger, (*_, tip) in FINGERS.items():
        found = turn @ poses[f"{side}_{finger}_tip"][:3, 3] + [place.x, place.y, place.z]
        np.testing.assert_allclose(found, joints[tip], atol=1e-3)
