"""Pictures as cameras send them, over real DDS: compressed, unregistered, at different rates, from clocks that jump."""

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_bench import CAMERA, FRAME_ID, PERIOD_NS, hand_depth
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from hand_pose_msgs.msg import Hand, HandArray
from hand_pose_ros.ros.camera_inputs import input_topics
from hand_pose_ros.ros.messages import image_message
from hand_pose_ros.ros.parameters import Parameters

ERROR, WARN, OK, STALE = DiagnosticStatus.ERROR, DiagnosticStatus.WARN, DiagnosticStatus.OK, DiagnosticStatus.STALE
WHERE = (0.05, 0.02, 0.5)


def middle(hand: Hand) -> np.ndarray:
    return np.mean([(joint.position.x, joint.position.y, joint.position.z) for joint in hand.joints], axis=0)


def answers(bench, send) -> HandArray:
    """The first answer to pictures sent until one comes: not everything is matched at once."""
    for _ in range(60):
        answer = bench.answer(send(), 2.0)
        if answer is not None:
            return answer
    raise AssertionError("no answer")


def test_topics_follow_namespace_transport_and_registration():
    node = SimpleNamespace(resolve_topic_name=lambda name: f"/robot/{name}")

    def topics(streams, **changes):
        return input_topics(node, Parameters(**changes), streams)

    plain = topics(["rgb", "depth"], rgb_transport="compressed", depth_transport="compressedDepth")
    assert plain.rgb == "/robot/rgb/image_rect_color/compressed"
    assert plain.depth == "/robot/depth_registered/image_rect/compressedDepth" and plain.depth_info == ""
    own = topics(["rgb", "depth"], register_depth=True)
    assert (own.depth, own.camera_info) == ("/robot/depth/image_rect", "/robot/rgb/camera_info")
    assert own.depth_info == "/robot/depth/camera_info"
    alone = topics(["depth"], register_depth=True)
    assert (alone.camera_info, alone.depth_info) == ("/robot/depth/camera_info", "")


@pytest.mark.parametrize("kind", ["jpeg", "png"])
@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_compressed_colour_and_depth(active, bench, kind, encoding):
    rgb = bench.create_publisher(CompressedImage, "rgb/image_rect_color/compressed", 10)
    depth = bench.create_publisher(CompressedImage, "depth_registered/image_rect/compressedDepth", 10)
    metres, a, b = hand_depth(WHERE), 10100.0, 1 - 10100.0 / 10.0
    if encoding == "16UC1":
        values = (1000 * metres).astype(np.uint16)
    else:
        values = np.where(metres > 0, a / np.maximum(metres, 0.1) + b, 0).astype(np.uint16)

    def send() -> int:
        bench.now_ns += PERIOD_NS
        bench.send_info()
        picture = cv2.imencode(f".{kind}", np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8))[1].tobytes()
        rgb.publish(CompressedImage(header=bench.header(), format=f"rgb8; {kind} compressed bgr8", data=picture))
        data = struct.pack("<iff", 1, a, b) + cv2.imencode(".png", values)[1].tobytes()
        depth.publish(CompressedImage(header=bench.header(), format=f"{encoding}; compressedDepth png", data=data))
        return bench.now_ns

    node = active_without_waiting(active, bench, rgb_transport="compressed", depth_transport="compressedDepth")
    answer = answers(bench, send)
    assert answer.modalities == Hand.MODALITY_RGB | Hand.MODALITY_DEPTH
    np.testing.assert_allclose(middle(answer.hands[0]), WHERE, atol=0.03)
    assert node.count_subscribers("rgb/image_rect_color") == 0


def active_without_waiting(active, bench, **parameters):
    """The bench's own three topics are not those that the node listens to here."""
    wait, bench.wait_for_node = bench.wait_for_node, lambda node: None
    try:
        return active(**parameters)
    finally:
        bench.wait_for_node = wait


def static_transform(x: float) -> TFMessage:
    made = TransformStamped(child_frame_id="depth_optical", transform=Transform())
    made.header.frame_id = FRAME_ID
    made.transform = Transform(translation=Vector3(x=x), rotation=Quaternion(w=1.0))
    return TFMessage(transforms=[made])


def test_depth_of_its_own_camera_is_registered_through_tf(active, bench):
    depth = bench.create_publisher(Image, "depth/image_rect", 10)
    info = bench.create_publisher(CameraInfo, "depth/camera_info", 10)
    node = active_without_waiting(active, bench, register_depth=True)

    def send() -> int:
        bench.send(None)
        header = bench.header("depth_optical")
        message = CameraInfo(header=header, width=CAMERA.width, height=CAMERA.height)
        message.k = [CAMERA.fx, 0.0, CAMERA.cx, 0.0, CAMERA.fy, CAMERA.cy, 0.0, 0.0, 1.0]
        info.publish(message)
        depth.publish(image_message(header, (1000 * hand_depth(WHERE)).astype(np.uint16), "16UC1"))
        return bench.now_ns

    def complained() -> bool:
        send()
        bench.spin_for(0.1)
        return bool(bench.diagnostics) and "no transform connects 'depth_optical'" in bench.status("inputs").message

    assert bench.spin_until(complained)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    bench.create_publisher(TFMessage, "/tf_static", latched).publish(static_transform(0.04))
    assert bench.spin_until(lambda: node._inputs._transforms._links)
    answer = answers(bench, send)
    assert answer.header.frame_id == FRAME_ID and answer.modalities == 3
    np.testing.assert_allclose(middle(answer.hands[0]), np.add(WHERE, (0.04, 0, 0)), atol=0.03)


def listed(bench, words: str) -> bool:
    """Whether diagnostics list a QoS mismatch."""
    bench.spin_for(0.05)
    values = [v for d in bench.diagnostics for s in d.status for v in s.values if v.key == "QoS mismatches"]
    return any(words in value.value for value in values)


def test_a_static_transform_that_is_not_latched_is_named_on_diagnostics(active, bench):
    active_without_waiting(active, bench, register_depth=True)
    bench.create_publisher(TFMessage, "/tf_static", 10)
    assert bench.spin_until(lambda: listed(bench, "/tf_static: QoS policy DURABILITY"))


def test_a_reader_that_asks_for_too_much_is_named(active, bench):
    active()
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    bench.create_subscription(HandArray, "hand_pose/hands", lambda _: None, latched)
    assert bench.spin_until(lambda: listed(bench, "/hand_pose/hands: QoS policy DURABILITY"))


def test_depth_at_half_the_rate_pairs_without_a_warning(active, bench):
    active(input_timeout=2.0)
    assert bench.answer(bench.send(hand_depth())) is not None
    bench.diagnostics.clear()
    for _ in range(8):
        bench.send(None)
        stamp = bench.send(hand_depth())
        answer = bench.answer(stamp)
        assert answer is not None and answer.modalities == 3
    bench.spin_for(0.3)
    assert all(s.level == OK for d in bench.diagnostics for s in d.status if s.name.endswith(": inputs"))


@pytest.mark.parametrize("stopped", ["rgb", "depth"])
def test_a_stream_that_stops_or_returns_changes_message_and_diagnostics(active, bench, stopped):
    active()
    one = Hand.MODALITY_DEPTH if stopped == "rgb" else Hand.MODALITY_RGB
    assert bench.answer(bench.send(hand_depth())) is not None

    def send_one() -> int:
        return bench.send(hand_depth() if stopped == "rgb" else None, rgb=stopped != "rgb")

    first_alone = None
    for _ in range(12):
        stamp = send_one()
        bench.spin_for(0.033)
        alone = [m for m in bench.hands if m.modalities == one]
        if alone and first_alone is None:
            first_alone = stamp
            break
    assert first_alone is not None
    # By the stamps: within 0.3 s of the last picture of the stream that stopped.
    first = alone[0].header.stamp
    paired = [m for m in bench.hands if m.modalities == 3][-1].header.stamp
    assert (first.sec - paired.sec) * 10**9 + first.nanosec - paired.nanosec <= 300_000_000

    def told(level: bytes, words: str) -> bool:
        (send_one if level == WARN else lambda: bench.send(hand_depth()))()
        bench.spin_for(0.03)
        found = [(s.level, s.message) for d in bench.diagnostics for s in d.status if s.name.endswith(": inputs")]
        return any(level == le and words in message for le, message in found)

    assert bench.spin_until(lambda: told(WARN, "going on without one stream"))
    bench.diagnostics.clear()
    assert bench.spin_until(lambda: told(OK, "receiving"))
    answer = bench.answer(bench.send(hand_depth()))
    assert answer is not None and answer.modalities == 3


def test_a_mode_change_does_not_wait_for_the_next_report(active, bench):
    active(diagnostics_period=60.0)
    assert bench.answer(bench.send(hand_depth())) is not None
    bench.wait_for_status("estimates", OK, "estimating")
    bench.diagnostics.clear()
    assert bench.spin_until(lambda: bench.diagnostics and bench.status("inputs").level == STALE, 20.0)


def test_a_clock_set_back_forgets_pictures_and_transforms(active, bench):
    clock = bench.create_publisher(Clock, "/clock", 10)
    node = active(use_sim_time=True)

    def tick(sec: int) -> bool:
        message = Clock()
        message.clock.sec = sec
        clock.publish(message)
        bench.spin_for(0.05)
        return node.get_clock().now().nanoseconds == sec * 10**9

    assert bench.spin_until(lambda: tick(5000))
    bench.send(None)
    synchronizer = node._inputs._synchronizer
    assert bench.spin_until(lambda: synchronizer._sides["rgb"].waiting)
    assert bench.spin_until(lambda: tick(4000))
    assert not synchronizer._sides["rgb"].waiting and synchronizer._sides["rgb"].last_ns is None
    assert bench.answer(bench.send(hand_depth())) is not None


def test_late_and_repeated_pictures_change_nothing(active, bench):
    active()
    answer = bench.answer(bench.send(hand_depth((0.0, 0.0, 0.5))))
    assert answer is not None
    now_ns, count = bench.now_ns, len(bench.hands)
    for late_by in (0, 1, 2):
        bench.now_ns = now_ns - late_by * PERIOD_NS - PERIOD_NS
        bench.send(hand_depth((-0.1, 0.0, 0.6)))
    bench.now_ns = now_ns
    answer = bench.answer(bench.send(hand_depth((0.01, 0.0, 0.5))))
    assert answer is not None and len(bench.hands) == count + 1
    assert [hand.id for hand in answer.hands] == [0]
    bench.diagnostics.clear()
    assert bench.spin_until(lambda: bench.diagnostics)
    counts = {v.key: v.value for v in bench.status("inputs").values}
    assert counts["/rgb/image_rect_color late or repeated"] == counts["/depth_registered/image_rect late or repeated"]
    assert counts["/rgb/image_rect_color late or repeated"] == "3"


def test_no_pair_goes_astray(active, bench):
    active(input_timeout=10.0)

    def counts() -> dict[str, int]:
        bench.diagnostics.clear()
        bench.spin_until(lambda: bench.diagnostics)
        told = {v.key: v.value for part in ("estimates", "inputs") for v in bench.status(part).values}
        return {key: int(told[key]) for key in told if key.startswith("pairs ") or key == "pairs" if "%" not in key}

    assert bench.answer(bench.send(hand_depth())) is not None
    bench.send(hand_depth()[:100])
    bench.wait_for_status("inputs", ERROR, "registered")
    for _ in range(40):
        last = bench.send(hand_depth())
    assert bench.answer(last) is not None
    assert bench.spin_until(lambda: counts()["pairs answered"] == len(bench.hands))
    found = counts()
    assert found["pairs unusable"] == 1 and found["pairs without calibration"] == 0
    assert found.pop("pairs") == sum(found.values())


def test_pairs_that_come_before_their_calibration_are_counted(active, bench):
    active(input_timeout=10.0)
    bench.send_info = lambda: None
    for _ in range(3):
        bench.send(hand_depth())

    def waiting() -> list[str]:
        return [v.value for d in bench.diagnostics for s in d.status for v in s.values if v.key == "pairs"]

    assert bench.spin_until(lambda: waiting()[-1:] == ["3"])
    del bench.send_info
    bench.send_info()
    assert bench.answer(bench.now_ns) is not None
    bench.diagnostics.clear()
    assert bench.spin_until(lambda: bench.diagnostics)
    counts = {v.key: v.value for v in bench.status("estimates").values}
    assert (counts["pairs without calibration"], counts["pairs answered"]) == ("2", "1")
