"""What cameras, people and other processes do to a node that runs for a week, over real DDS."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundles import make_test_bundle
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_bench import CAMERA, PERIOD_NS, Bench, hand_depth
from sensor_msgs.msg import CameraInfo, Image

from hand_pose_ros.ros.messages import image_message
from hand_pose_ros.ros.node import HandPoseNode

WARN, OK, STALE = DiagnosticStatus.WARN, DiagnosticStatus.OK, DiagnosticStatus.STALE
ROOT = Path(__file__).resolve().parents[2]


def test_malformed_messages_are_survived_without_an_unexpected_error(active, bench):
    active(input_timeout=10.0)
    random = np.random.default_rng(0)
    for _ in range(150):
        bench.now_ns += PERIOD_NS
        header = bench.header(str(random.choice(["camera_color_optical_frame", "other", ""])))
        if random.integers(4) == 0:
            header.stamp.sec, header.stamp.nanosec = int(random.integers(-(2**31), 2**31)), int(random.integers(2**32))
        for publisher in (bench.rgb, bench.depth):
            message = Image(header=header, data=random.bytes(int(random.choice([0, 7, 3000]))))
            message.width, message.height = (int(random.choice([0, 1, 320, 2**32 - 1])) for _ in range(2))
            message.step, message.is_bigendian = int(random.choice([0, 960, 2**32 - 1])), int(random.integers(256))
            message.encoding = str(random.choice(["rgb8", "16UC1", "32FC1", "yuv422", "", "nonsense"]))
            publisher.publish(message)
        info = CameraInfo(header=header, width=320, height=240, distortion_model="plumb_bob")
        info.k = [float(value) for value in random.choice([0.0, 300.0, np.nan, -1.0, 1e300], 9)]
        info.d = [float(value) for value in random.choice([0.0, np.inf, 5.0], int(random.integers(9)))]
        bench.info.publish(info)
        bench.spin_for(0.005)
    bench.now_ns += 10**9
    told = [v.value for d in bench.diagnostics for s in d.status for v in s.values if v.key == "bad input"]
    assert any(told) and not [sentence for sentence in told if "could not be estimated" in sentence]
    for _ in range(20):
        answer = bench.answer(bench.send(hand_depth()), 2.0)
        if answer is not None and answer.hands:
            break
    assert answer is not None and len(answer.hands) == 1


def test_a_camera_that_restarts_with_another_resolution_is_used(active, bench):
    active()
    assert bench.answer(bench.send(hand_depth())) is not None
    for publisher in (bench.rgb, bench.depth, bench.info):
        bench.destroy_publisher(publisher)
    bench.spin_for(0.2)
    bench.rgb = bench.create_publisher(Image, "rgb/image_rect_color", 10)
    bench.depth = bench.create_publisher(Image, "depth_registered/image_rect", 10)
    bench.info = bench.create_publisher(CameraInfo, "rgb/camera_info", 10)
    half = replace(CAMERA, fx=150.0, fy=150.0, cx=79.5, cy=59.5, width=160, height=120)
    bench.now_ns = 5_000_000_000

    def send() -> int:
        bench.now_ns += PERIOD_NS
        bench.send_info(half)
        bench.rgb.publish(image_message(bench.header(), np.full((120, 160, 3), 90, np.uint8), "rgb8"))
        millimetres = (1000 * hand_depth()[::2, ::2]).astype(np.uint16)
        bench.depth.publish(image_message(bench.header(), millimetres, "16UC1"))
        return bench.now_ns

    for _ in range(60):
        answer = bench.answer(send(), 2.0)
        if answer is not None:
            break
    assert answer is not None and len(answer.hands) == 1
    assert answer.hands[0].wrist.pose.position.z == pytest.approx(0.5, abs=0.1)


def test_a_model_replaced_under_the_node_is_told_and_loaded_when_configured_anew(make_node, bench, bundle, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(bundle, model)
    node = make_node(model=str(model))
    node.trigger_configure()
    node.trigger_activate()
    bench.wait_for_node(node)
    before = bench.answer(bench.send(hand_depth()))
    shutil.rmtree(model)
    make_test_bundle(model, encoders=("depth", "cloud"))
    after = bench.answer(bench.send(hand_depth()))
    assert before is not None and after is not None and after.model_hash == before.model_hash
    bench.wait_for_status("model", WARN, "configure anew")
    for transition in (node.trigger_deactivate, node.trigger_cleanup, node.trigger_configure):
        assert transition() == TransitionCallbackReturn.SUCCESS
    bench.wait_for_status("model", OK, "runs on")
    (model / "encoder_depth.onnx").write_bytes(b"half a file")
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_cleaning_up_frees_the_model(make_node):
    node = make_node()
    node.trigger_configure()
    estimator = weakref.ref(node._tracker._estimator)
    sessions = [weakref.ref(network._session) for network in estimator().encoders.values()]
    node.trigger_cleanup()
    gc.collect()
    assert estimator() is None and [session() for session in sessions] == [None] * len(sessions)


def test_two_cameras_in_one_graph_keep_apart(bench, bundle):
    nodes = []
    for namespace in ("left", "right"):
        chosen = [Parameter("model", value=str(bundle)), Parameter("detector", value="depth")]
        node = HandPoseNode(namespace=namespace, parameter_overrides=chosen)
        bench.executor_.add_node(node)
        node.trigger_configure()
        node.trigger_activate()
        nodes.append(node)
    left, right = Bench("left"), Bench("right")
    for camera in (left, right):
        bench.executor_.add_node(camera)
        camera.executor_ = bench.executor_
    try:
        for camera, node, x in ((left, nodes[0], -0.05), (right, nodes[1], 0.05)):
            camera.wait_for_node(node)
            answer = camera.answer(camera.send(hand_depth((x, 0.0, 0.5))))
            assert answer is not None
            assert np.mean([joint.position.x for joint in answer.hands[0].joints]) == pytest.approx(x, abs=0.03)
        assert (len(left.hands), len(right.hands)) == (1, 1)
    finally:
        for node in (*nodes, left, right):
            bench.executor_.remove_node(node)
            node.destroy_node()


def start_node(bundle: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "hand_pose_ros.ros.node", "--ros-args", "-p", f"model:={bundle}"]
    command += ["-p", "detector:=depth"]
    return subprocess.Popen(command, cwd=ROOT)


CAMERA_PROCESS = """
import rclpy, time
from ros_bench import Bench, hand_depth
rclpy.init()
camera = Bench()
while True:
    camera.send(hand_depth())
    time.sleep(0.03)
"""


def test_a_camera_that_was_killed_comes_back(active, bench):
    node = active(input_timeout=0.3)
    rgb = node.resolve_topic_name("rgb/image_rect_color")
    for publisher in (bench.rgb, bench.depth, bench.info):
        bench.destroy_publisher(publisher)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "test")])}
    for _ in range(2):
        camera = subprocess.Popen([sys.executable, "-c", CAMERA_PROCESS], env=environment)
        bench.hands.clear()
        try:
            assert bench.spin_until(lambda: sum(len(message.hands) for message in bench.hands) > 3)
        finally:
            camera.kill()
            camera.wait()
        bench.wait_for_status("inputs", STALE, f"{rgb} silent for")


def test_a_node_that_was_killed_comes_back(bench, bundle):
    for _ in range(2):
        node = start_node(bundle)
        try:
            answer = bench.first_answer(hand_depth())
            assert answer is not None and len(answer.hands) == 1
        finally:
            node.kill()
            node.wait()
        bench.hands.clear()


LISTENER = """
import rclpy
from hand_pose_msgs.msg import HandArray
rclpy.init()
node = rclpy.create_node("deaf")
node.create_subscription(HandArray, "hand_pose/hands", lambda _: None, 1)
rclpy.spin(node)
"""


def test_a_subscriber_that_stopped_reading_holds_nobody_up(active, bench):
    listener = subprocess.Popen([sys.executable, "-c", LISTENER])
    try:
        active()
        assert bench.spin_until(lambda: bench.count_subscribers("hand_pose/hands") == 2)
        assert bench.answer(bench.send(hand_depth())) is not None
        listener.send_signal(signal.SIGSTOP)
        for _ in range(60):
            assert bench.answer(bench.send(hand_depth())) is not None
    finally:
        listener.kill()
        listener.wait()
