"""The node over real DDS, with a bundle whose answers are known."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from ros_bench import CAMERA, FRAME_ID, PERIOD_NS, hand_depth
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from hand_pose_msgs.msg import Hand
from hand_pose_ros.kinematics.model import ANGLE_NAMES
from hand_pose_ros.ros.messages import image_message
from hand_pose_ros.ros.node import HandPoseNode

ERROR, WARN, OK, STALE = DiagnosticStatus.ERROR, DiagnosticStatus.WARN, DiagnosticStatus.OK, DiagnosticStatus.STALE
#: A wall, three metres away.
EMPTY = np.full((CAMERA.height, CAMERA.width), 3.0, np.float32)


def middle(hand: Hand) -> np.ndarray:
    return np.mean([(joint.position.x, joint.position.y, joint.position.z) for joint in hand.joints], axis=0)


def test_hands_carry_the_image_stamp_frame_and_model(active, bench):
    active()
    answer = bench.answer(bench.send(hand_depth((0.05, 0.02, 0.5))))
    assert answer is not None
    assert answer.header.frame_id == FRAME_ID
    assert answer.modalities == Hand.MODALITY_RGB | Hand.MODALITY_DEPTH
    assert (answer.model_name, answer.model_version, len(answer.model_hash)) == ("test-hand", "0.0.1", 12)
    assert answer.model_provider == "CPUExecutionProvider", (
        "CUDA, which comes first by default, is not in the CPU's wheel"
    )
    (hand,) = answer.hands
    np.testing.assert_allclose(middle(hand), (0.05, 0.02, 0.5), atol=0.03)
    assert all(joint.valid and joint.covariance[0] > 0 for joint in hand.joints)
    assert (hand.id, hand.side, hand.modalities) == (0, Hand.SIDE_RIGHT, 3)
    assert hand.wrist.pose.position == hand.joints[Hand.WRIST].position
    orientation = hand.wrist.pose.orientation
    assert math.isclose(math.hypot(orientation.x, orientation.y, orientation.z, orientation.w), 1.0)


def test_no_hand_is_an_empty_array(active, bench):
    active()
    answer = bench.answer(bench.send(EMPTY))
    assert answer is not None and answer.hands == []


def test_a_followed_hand_keeps_its_id(active, bench):
    active()
    ids = set()
    for step in range(5):
        answer = bench.answer(bench.send(hand_depth((0.02 * step, 0.0, 0.5))))
        assert answer is not None
        np.testing.assert_allclose(middle(answer.hands[0]), (0.02 * step, 0.0, 0.5), atol=0.03)
        ids |= {hand.id for hand in answer.hands}
    assert ids == {0}


@pytest.mark.parametrize(("modalities", "used"), [("rgb", Hand.MODALITY_RGB), ("depth", Hand.MODALITY_DEPTH)])
def test_one_stream_alone(active, bench, modalities, used):
    active(modalities=modalities)
    answer = bench.answer(bench.send(hand_depth(), rgb=modalities == "rgb"))
    assert answer is not None and answer.modalities == used
    assert [hand.modalities for hand in answer.hands] == [used]


def test_a_stream_that_stops_degrades_and_comes_back(active, bench):
    active(input_timeout=0.1)
    answer = bench.answer(bench.send(hand_depth()))
    assert answer is not None and answer.modalities == 3
    for _ in range(8):
        stamp = bench.send(None)
        bench.spin_for(0.03)
    answer = bench.answer(stamp)
    assert answer is not None and answer.modalities == Hand.MODALITY_RGB
    bench.answer(bench.send(hand_depth()))
    answer = bench.answer(bench.send(hand_depth()))
    assert answer is not None and answer.modalities == 3


def test_time_going_backwards_starts_anew(active, bench):
    active()
    assert bench.answer(bench.send(hand_depth())) is not None
    bench.now_ns -= 500 * PERIOD_NS
    answer = bench.answer(bench.send(hand_depth((-0.1, 0.0, 0.6))))
    assert answer is not None and answer.hands[0].id == 0


@pytest.mark.parametrize(
    ("bad", "topic", "words"),
    [
        ("depth size", "/depth_registered/image_rect", "registered"),
        ("depth frame", "/depth_registered/image_rect", "registered"),
        ("rgb encoding", "/rgb/image_rect_color", "encoding"),
        ("rgb truncated", "/rgb/image_rect_color", "cut short"),
        ("uncalibrated", "/rgb/camera_info", "uncalibrated"),
        ("info size", "/rgb/image_rect_color", "camera info says"),
    ],
)
def test_bad_input_is_named_and_the_next_frame_is_used(active, bench, bad, topic, words):
    active(input_timeout=10.0)
    assert bench.answer(bench.send(hand_depth())) is not None
    if bad == "depth size":
        bench.send(hand_depth()[:100])
    elif bad == "depth frame":
        bench.send(hand_depth(), depth_frame="camera_depth_optical_frame")
    elif bad == "rgb encoding":
        bench.send(hand_depth(), rgb_encoding="16UC1")
    elif bad == "rgb truncated":
        bench.send(None, rgb=False)
        bench.rgb.publish(Image(header=bench.header(), height=240, width=320, step=960, encoding="rgb8", data=b"ab"))
        bench.depth.publish(image_message(bench.header(), (hand_depth() * 1000).astype(np.uint16), "16UC1"))
    elif bad == "uncalibrated":
        bench.info.publish(CameraInfo(header=bench.header(), width=320, height=240))
    elif bad == "info size":
        bench.now_ns += PERIOD_NS
        bench.send_info(replace(CAMERA, width=640))
        bench.rgb.publish(image_message(bench.header(), np.zeros((240, 320, 3), np.uint8), "rgb8"))
        bench.depth.publish(image_message(bench.header(), EMPTY.astype(np.uint16), "16UC1"))
    status = bench.wait_for_status("inputs", ERROR, words)
    assert status.message.startswith(topic)
    answer = bench.answer(bench.send(hand_depth()))
    assert answer is not None and len(answer.hands) == 1
    bench.wait_for_status("inputs", OK, "receiving")


def test_points_markers_debug_image_and_tf(active, bench):
    names = ("points", "markers", "debug_image", "joint_states", "samples", "tf")
    received: dict[str, list] = {name: [] for name in names}
    bench.create_subscription(PointCloud2, "hand_pose/points", received["points"].append, 10)
    bench.create_subscription(MarkerArray, "hand_pose/markers", received["markers"].append, 10)
    bench.create_subscription(PointCloud2, "hand_pose/samples", received["samples"].append, 10)
    bench.create_subscription(Image, "hand_pose/debug_image", received["debug_image"].append, 10)
    bench.create_subscription(JointState, "hand_pose/joint_states", received["joint_states"].append, 10)
    bench.create_subscription(TFMessage, "/tf", received["tf"].append, 10)
    node = active(modalities="depth", publish_joint_tf=True, predict_for=0.0)
    views = ("~/points", "~/markers", "~/debug_image", "~/joint_states", "~/samples")
    publishers = [p for p in node.publishers if p.topic_name in [node.resolve_topic_name(v) for v in views]]
    assert bench.spin_until(lambda: all(p.get_subscription_count() for p in publishers))

    stamp = bench.send(hand_depth(), rgb=False)
    assert bench.spin_until(lambda: all(received.values()))
    for messages in (received["points"], received["debug_image"], received["joint_states"]):
        assert messages[0].header.frame_id == FRAME_ID
        assert messages[0].header.stamp.sec * 10**9 + messages[0].header.stamp.nanosec == stamp
    assert received["points"][0].width == 64
    assert (received["samples"][0].height, received["samples"][0].width) == (16, 21)
    assert (received["debug_image"][0].height, received["debug_image"][0].width) == (240, 320)
    sided = [f"{received['tf'][0].transforms[1].child_frame_id.removesuffix('wrist')}{name}" for name in ANGLE_NAMES]
    assert received["joint_states"][0].name == sided
    transforms = received["tf"][0].transforms
    assert (transforms[0].header.frame_id, transforms[0].child_frame_id) == (FRAME_ID, "hand_0/wrist")
    assert {t.child_frame_id for t in transforms} >= {"hand_0/thumb_tip", "hand_0/little_tip"} and len(transforms) == 22
    assert {marker.action for marker in received["markers"][0].markers} == {Marker.ADD}

    bench.send(EMPTY, rgb=False)
    assert bench.spin_until(lambda: len(received["markers"]) > 1)
    assert {marker.action for marker in received["markers"][1].markers} == {Marker.DELETE}
    assert len(received["tf"]) == 1  # no hand, no transform


def test_outputs_nobody_wants_are_not_made(active, bench, monkeypatch):
    active(publish_tf=False)
    monkeypatch.setattr("hand_pose_ros.ros.messages.marker_array", None)
    monkeypatch.setattr("hand_pose_ros.ros.messages.sample_rows", None)
    monkeypatch.setattr("hand_pose_ros.ros.messages.debug_picture", None)
    monkeypatch.setattr("hand_pose_ros.ros.messages.joint_state", None)
    monkeypatch.setattr("hand_pose_ros.ros.messages.tf_message", None)
    monkeypatch.setattr("hand_pose_ros.ros.outputs.cloud_xyz32", None)
    for _ in range(2):
        assert bench.answer(bench.send(hand_depth())) is not None
    bench.wait_for_status("inputs", OK, "receiving")


def test_lifecycle_from_start_to_cleanup_and_again(active, make_node, bench):
    node = active()
    assert bench.answer(bench.send(hand_depth())) is not None
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert bench.spin_until(lambda: bench.rgb.get_subscription_count() == 0)
    assert bench.answer(bench.send(hand_depth()), seconds=1.0) is None
    bench.wait_for_status("inputs", OK, "inactive")

    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    bench.wait_for_node(node)
    assert bench.answer(bench.send(hand_depth())) is not None

    node.trigger_deactivate()
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert bench.spin_until(lambda: bench.count_publishers("hand_pose/hands") == 0)
    assert node._state_machine.current_state[0] == State.PRIMARY_STATE_UNCONFIGURED
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    bench.wait_for_node(node)
    assert bench.answer(bench.send(hand_depth())) is not None
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"model": "/no/such/model"}, "/no/such/model"),
        ({"providers": ["NoSuchProvider"]}, "NoSuchProvider"),
    ],
)
def test_what_cannot_be_loaded_fails_configure_with_a_sentence(make_node, bench, parameters, words):
    node = make_node(**parameters)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert node._state_machine.current_state[0] == State.PRIMARY_STATE_UNCONFIGURED
    assert words in bench.wait_for_status("model", ERROR, words).message


def test_a_model_without_the_modality_fails_configure(make_node, bench, tmp_path):
    from bundles import make_test_bundle

    blind = make_test_bundle(tmp_path / "rgb_only", encoders=("rgb",))
    assert make_node(model=str(blind), modalities="depth").trigger_configure() == TransitionCallbackReturn.FAILURE
    bench.wait_for_status("model", ERROR, "supports rgb but modalities is depth")


def test_a_missing_topic_is_named(active, bench):
    active(modalities="rgbd", input_timeout=0.2)
    bench.wait_for_status("inputs", ERROR, "nothing received on /rgb/image_rect_color")
    bench.answer(bench.send(hand_depth()))
    bench.spin_for(0.3)
    bench.wait_for_status("inputs", STALE, "silent")


def test_parameters_change_as_a_batch_or_not_at_all(active):
    node = active()

    def change(**values):
        return node.set_parameters_atomically([Parameter(name, value=value) for name, value in values.items()])

    assert change(side="left", min_confidence=0.2).successful
    assert (node.parameters.side, node.parameters.min_confidence) == ("left", 0.2)
    rejected = change(min_confidence=0.9, side="up")
    assert not rejected.successful and "left" in rejected.reason
    assert not change(publish_tf=False, publish_joint_tf=True).successful
    assert not change(min_confidence=2.0).successful
    assert not change(model="other").successful
    assert (node.parameters.side, node.parameters.min_confidence, node.parameters.publish_tf) == ("left", 0.2, True)
    assert change(sync_tolerance=0.0, input_timeout=1.0).successful
    synchronizer = node._inputs._synchronizer
    assert synchronizer.tolerance_ns == 0 and synchronizer.timeout_ns == 10**9


def test_subscribes_best_effort_and_publishes_reliably(active, bench):
    node = active()
    for topic in ("/rgb/image_rect_color", "/depth_registered/image_rect", "/rgb/camera_info"):
        (info,) = bench.get_subscriptions_info_by_topic(topic)
        assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    for topic in ("hands", "points", "markers", "debug_image"):
        (info,) = bench.get_publishers_info_by_topic(node.resolve_topic_name(f"~/{topic}"))
        assert info.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        assert info.qos_profile.durability == DurabilityPolicy.VOLATILE


def test_simulated_time_that_stands_still_stops_neither_hands_nor_diagnostics(active, bench):
    active(use_sim_time=True)
    assert bench.answer(bench.send(hand_depth())) is not None
    bench.wait_for_status("inputs", OK, "receiving")


@contextmanager
def remapped(bench, bundle, rule: str, **options) -> Iterator[HandPoseNode]:
    chosen = {"model": str(bundle), "detector": "depth", "diagnostics_period": 0.1}
    node = HandPoseNode(
        cli_args=["--ros-args", "-r", rule],
        parameter_overrides=[Parameter(name, value=value) for name, value in chosen.items()],
        **options,
    )
    bench.executor_.add_node(node)
    node.trigger_configure()
    node.trigger_activate()
    yield node
    bench.executor_.remove_node(node)
    node.destroy_node()


def test_remapped_inputs_are_used_and_named_in_diagnostics(bench, bundle):
    with remapped(bench, bundle, "rgb/image_rect_color:=/camera/color", namespace="robot"):
        assert bench.spin_until(lambda: bench.count_subscribers("/camera/color") == 1)
        assert bench.spin_until(lambda: bench.count_subscribers("/robot/rgb/camera_info") == 1)
        bench.wait_for_status("inputs", ERROR, "nothing received on /camera/color")
        assert bench.status("inputs").name == "robot/hand_pose: inputs"


def test_raw_images_of_a_lens_with_distortion_are_undistorted(bench, bundle):
    bench.rgb = bench.create_publisher(Image, "/camera/image_raw", 10)
    bench.distortion = [-0.8, 0.0, 0.0, 0.0, 0.0]
    with remapped(bench, bundle, "rgb/image_rect_color:=/camera/image_raw") as node:
        bench.wait_for_node(node)
        off_centre = (0.12, 0.05, 0.5)
        answer = bench.answer(bench.send(hand_depth(off_centre)))
        assert answer is not None and len(answer.hands) == 1
        # The picture was drawn without distortion, so undoing one moves the hand outwards.
        assert middle(answer.hands[0])[0] > 0.124


def test_pictures_that_come_before_their_camera_info_are_not_lost(active, bench):
    active(modalities="rgb")
    bench.now_ns += PERIOD_NS
    bench.rgb.publish(image_message(bench.header(), np.zeros((240, 320, 3), np.uint8), "rgb8"))
    stamp = bench.now_ns
    assert bench.answer(stamp, seconds=0.5) is None
    bench.send_info()
    assert bench.answer(stamp) is not None


def test_two_hands_keep_apart(active, bench):
    active(max_hands=2, modalities="depth")
    for step in range(3):
        left, right = hand_depth((-0.14 + 0.01 * step, 0.0, 0.55)), hand_depth((0.14, 0.0, 0.55))
        answer = bench.answer(bench.send(np.maximum(left, right), rgb=False))
        assert answer is not None
        where = {hand.id: round(middle(hand)[0], 2) for hand in answer.hands}
        assert len(where) == 2
        if step == 0:
            first = where
    assert {number: x > 0 for number, x in where.items()} == {number: x > 0 for number, x in first.items()}
