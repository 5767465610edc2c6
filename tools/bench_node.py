"""The real node fed at 30 Hz over DDS: latency from image stamp to received hands, lost pairs, CPU and memory, against
a subscriber that does nothing with the same pictures.

.venv/bin/python tools/bench_node.py [--seconds 60] [--model BUNDLE] [--recording FOLDER] [--modalities auto|rgb|depth]

Camera, node and listener are processes of their own on one machine. A picture's stamp is the moment before it is
published; "lost" counts pictures whose stamp never came back.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RATE = 30.0
WARM_UP = 30  # pictures before counting


def camera(folder: Path, seconds: float) -> None:
    """Publish the folder's frames to and fro at 30 Hz, stamped with the present."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CameraInfo, Image
    from std_msgs.msg import Header

    from hand_pose_ros.frames_folder import open_folder
    from hand_pose_ros.ros.messages import image_message

    frames = open_folder(folder)
    there = [frames.read(i) for i in range(len(frames))]
    order = there + there[-2:0:-1]
    header = Header(frame_id="camera_color_optical_frame")
    pictures: list[tuple[Any, Any]] = []
    for frame in order:
        assert frame.rgb is not None and frame.depth_m is not None
        millimetres = (1000 * frame.depth_m).astype(np.uint16)
        pictures.append((image_message(header, frame.rgb, "rgb8"), image_message(header, millimetres, "16UC1")))
    pinhole = order[0].camera
    info: Any = CameraInfo(width=pinhole.width, height=pinhole.height, header=header)
    info.k = [pinhole.fx, 0.0, pinhole.cx, 0.0, pinhole.fy, pinhole.cy, 0.0, 0.0, 1.0]
    info.p = [pinhole.fx, 0.0, pinhole.cx, 0.0, 0.0, pinhole.fy, pinhole.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    rclpy.init()
    node = rclpy.create_node("bench_camera")
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    rgb = node.create_publisher(Image, "rgb/image_rect_color", qos)
    depth = node.create_publisher(Image, "depth_registered/image_rect", qos)
    infos = node.create_publisher(CameraInfo, "rgb/camera_info", qos)
    while min(p.get_subscription_count() for p in (rgb, depth)) == 0:
        time.sleep(0.05)
    time.sleep(1.0)
    begin = time.monotonic()
    count = WARM_UP + round(seconds * RATE)
    for i in range(count):
        time.sleep(max(0.0, begin + i / RATE - time.monotonic()))
        colour, range_picture = pictures[i % len(pictures)]
        stamp = node.get_clock().now().to_msg()
        info.header.stamp = colour.header.stamp = range_picture.header.stamp = stamp
        infos.publish(info)
        rgb.publish(colour)
        depth.publish(range_picture)
    time.sleep(1.0)


def empty_subscriber() -> None:
    """Answers each depth picture with an empty HandArray of the same stamp, and looks at nothing."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    from hand_pose_msgs.msg import HandArray

    rclpy.init()
    node = rclpy.create_node("hand_pose")
    answers = node.create_publisher(HandArray, "~/hands", 5)
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, "rgb/image_rect_color", lambda _: None, qos)

    def answer(picture: Any) -> None:
        answers.publish(HandArray(header=picture.header))

    node.create_subscription(Image, "depth_registered/image_rect", answer, qos)
    rclpy.spin(node)


def listen(camera_process: subprocess.Popen, answering: subprocess.Popen) -> tuple[list[float], int, float, float]:
    """Latencies in ms of all answers until the camera ends, answers with a hand, and the answering process's CPU
    (share of one core) and resident memory (MB)."""
    import rclpy

    from hand_pose_msgs.msg import HandArray

    node = rclpy.create_node("bench_listener")
    latencies: list[float] = []
    seen = [0]

    def answered(message: HandArray) -> None:
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        latencies.append((node.get_clock().now().nanoseconds - stamp) / 1e6)
        seen[0] += bool(message.hands)

    node.create_subscription(HandArray, "/hand_pose/hands", answered, 50)
    start = None
    while camera_process.poll() is None:
        rclpy.spin_once(node, timeout_sec=0.2)
        if start is None and len(latencies) > WARM_UP:
            start = (time.monotonic(), cpu_seconds(answering.pid))
        if start is not None:
            usage = (time.monotonic() - start[0], cpu_seconds(answering.pid) - start[1])
    if start is None:
        raise SystemExit("bench: the node answered nothing; run hand_pose_node alone and read what it prints")
    status = Path(f"/proc/{answering.pid}/status").read_text()
    memory = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    node.destroy_node()
    return latencies, seen[0], usage[1] / usage[0], memory


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, command: list[str], arguments: argparse.Namespace) -> None:
    answering = subprocess.Popen(command)
    command = [sys.executable, __file__, "--role", "camera", "--recording", str(arguments.recording)]
    command += ["--seconds", str(arguments.seconds)]
    filming = subprocess.Popen(command)
    try:
        latencies, with_hands, cpu, memory = listen(filming, answering)
    finally:
        for process in (filming, answering):
            process.send_signal(signal.SIGINT)
        for process in (filming, answering):
            process.wait(10)
    sent = round(arguments.seconds * RATE)
    counted = np.array(latencies[WARM_UP:])
    lost = sent + WARM_UP - len(latencies)
    median, p99 = np.percentile(counted, [50, 99])
    times = f"{median:9.1f}{p99:9.1f}{counted.max():9.1f}{lost:7d} of {sent + WARM_UP}"
    print(f"{name:22}{times}{100 * cpu:9.0f}{memory:9.0f}{with_hands:9d}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--model", default="hand", help="model bundle: a name under models/ or a path")
    parser.add_argument("--recording", type=Path, default=ROOT / "demo" / "recording", help="frames folder")
    parser.add_argument("--modalities", default="auto", help="of the node")
    parser.add_argument("--role", choices=("camera", "empty"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "camera":
        camera(arguments.recording, arguments.seconds)
        return 0
    if arguments.role == "empty":
        with suppress(KeyboardInterrupt):
            empty_subscriber()
        return 0
    from hand_pose_ros.ros.live import isolate

    isolate()
    import rclpy

    rclpy.init()
    print(f"{arguments.seconds:.0f} s at {RATE:.0f} Hz, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':22}{'median':>9}{'p99':>9}{'worst ms':>9}{'lost':>7}{'':8}{'CPU %':>9}{'MB':>9}{'hands':>9}")
    node = [sys.executable, "-m", "hand_pose_ros.ros.node", "--ros-args", "--log-level", "warn"]
    node += ["-p", f"model:={arguments.model}", "-p", f"modalities:={arguments.modalities}"]
    measure("empty subscriber", [sys.executable, __file__, "--role", "empty"], arguments)
    measure("hand_pose_node", node, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
