"""What the benchmarks of the node share: a camera that plays a recording over DDS, and a listener that times the
answers and counts what became of every picture. Camera, node and listener are processes of their own.

    python tools/node_harness.py camera|empty ...      the processes that the benchmarks start
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hand_pose_ros.ros.processes import end

ROOT = Path(__file__).resolve().parents[1]
#: Seconds in which a process may end by itself.
PATIENCE_S = 20
RATE = 30.0
WARM_UP = 30  # pictures before counting
TOPICS = ("rgb/image_rect_color", "depth_registered/image_rect", "rgb/camera_info")


@dataclass(frozen=True)
class Answer:
    """stamp_ns: of the picture, and so of the answer. latency_ms: from there until it was heard. joints_m: (21, 3) of
    the first hand, None where there is none. hands: how many."""

    stamp_ns: int
    latency_ms: float
    joints_m: np.ndarray | None
    hands: int


@dataclass(frozen=True)
class Run:
    """One process fed for some time. sent: (N,) stamps; frames: (N,) which frame of the recording each of them was.
    cpu: share of one core; cpu_ms: its time for each answer. accounts: the last counts on /diagnostics, empty for who
    publishes none."""

    sent: np.ndarray
    frames: np.ndarray
    answers: list[Answer]
    cpu: float
    cpu_ms: float
    memory_mb: float
    accounts: dict[str, int]

    @property
    def latency_ms(self) -> np.ndarray:
        """Of the pictures after the warm-up."""
        warm_ns = self.sent[0] + WARM_UP / RATE * 1e9
        return np.array([answer.latency_ms for answer in self.answers if answer.stamp_ns >= warm_ns])

    @property
    def lost(self) -> int:
        """Pictures whose stamp never came back."""
        return len(self.sent) - len(self.answers)

    def losses(self) -> str:
        """What became of the pictures without an answer, by the node's own counts; '' where there are none."""
        return losses(len(self.sent), len(self.answers), self.accounts) if self.accounts else ""


def losses(sent: int, heard: int, accounts: dict[str, int]) -> str:
    """Where pictures stayed that were sent and not heard of again, in words; accounts: the node's."""
    pairs, answered = accounts.get("pairs", 0), accounts.get("pairs answered", 0)
    found = {"never became a pair": sent - pairs}
    found |= {key: count for key, count in accounts.items() if key.endswith(("lost on the way", "in the queue"))}
    found |= {key: count for key, count in accounts.items() if key.startswith("pairs ") and key != "pairs answered"}
    found |= {"answered but not heard": answered - heard}
    return ", ".join(f"{count} {words}" for words, count in found.items() if count)


def measure(
    command: Sequence[str],
    recording: Path,
    seconds: float,
    hands: int = 1,
    *,
    topic: str = "/hand_pose/hands",
    log: Path | None = None,
) -> Run:
    """Runs a command that answers pictures on `topic`, feeds it and listens. hands: see `crowd`. log: where to put what
    the command says."""
    with ExitStack() as opening, TemporaryDirectory() as folder:
        noted = Path(folder) / "sent.npz"
        said = opening.enter_context(log.open("wb")) if log else None
        answering = subprocess.Popen(command, stderr=said)
        opening.callback(end, answering, PATIENCE_S)

        def film() -> subprocess.Popen:
            filming = camera_process(recording, seconds, hands, noted)
            opening.callback(end, filming, PATIENCE_S)
            return filming

        answers, cpu, cpu_ms, memory_mb, accounts = _listen(film, answering, topic)
        with np.load(noted) as sent:
            return Run(sent["stamp_ns"], sent["frame"], answers, cpu, cpu_ms, memory_mb, accounts)


def camera_process(recording: Path, seconds: float, hands: int, log: Path) -> subprocess.Popen:
    command = [sys.executable, __file__, "camera", str(recording), str(seconds), str(hands), str(log)]
    return subprocess.Popen(command)


def wait_for_publisher(node: Any, subscription: Any, publishing: subprocess.Popen) -> None:
    """Returns when the subscription is matched: answers before that would be published, and not heard. Raises
    SystemExit where the process that should publish ends."""
    import rclpy

    while subscription.get_publisher_count() == 0:
        if publishing.poll() is not None:
            raise SystemExit(f"bench: what should answer ended with status {publishing.returncode}; run it alone")
        rclpy.spin_once(node, timeout_sec=0.1)


def _listen(
    film: Callable[[], subprocess.Popen], answering: subprocess.Popen, topic: str
) -> tuple[list[Answer], float, float, float, dict[str, int]]:
    """Starts the camera and hears answers until it ends; also the answering process's CPU, memory and accounts."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from geometry_msgs.msg import PoseArray

    from hand_pose_msgs.msg import HandArray

    node = rclpy.create_node("bench_listener")
    answers: list[Answer] = []
    accounts: dict[str, int] = {}

    def answered(message: Any) -> None:
        now = node.get_clock().now().nanoseconds
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        hands = message.hands if isinstance(message, HandArray) else ([message] if message.poses else [])
        answers.append(Answer(stamp, (now - stamp) / 1e6, _joints(hands[0]) if hands else None, len(hands)))

    # MediaPipe's environment has not our messages.
    kind = HandArray if topic.endswith("hands") else PoseArray
    heard = node.create_subscription(kind, topic, answered, 50)
    node.create_subscription(DiagnosticArray, "/diagnostics", lambda message: accounts.update(accounts_of(message)), 50)
    wait_for_publisher(node, heard, answering)
    filming = film()
    first, start, before, usage = None, None, 0, (0.0, 0.0)
    while filming.poll() is None:
        rclpy.spin_once(node, timeout_sec=0.2)
        if first is None and answers:
            first = time.monotonic()
        if start is None and first is not None and time.monotonic() - first > WARM_UP / RATE:
            start, before = (time.monotonic(), cpu_seconds(answering.pid)), len(answers)
        if start is not None:
            usage = (cpu_seconds(answering.pid) - start[1], time.monotonic() - start[0])
    if not usage[1]:
        raise SystemExit("bench: nothing was answered; run the node alone and read what it prints")
    memory_mb = resident_mb(answering.pid)
    node.destroy_node()
    cpu_ms = 1e3 * usage[0] / max(len(answers) - before, 1)
    return answers, usage[0] / usage[1], cpu_ms, memory_mb, accounts


def _joints(hand: Any) -> np.ndarray:
    places = [pose.position for pose in hand.poses] if hasattr(hand, "poses") else [j.position for j in hand.joints]
    return np.array([(place.x, place.y, place.z) for place in places])


def accounts_of(message: Any) -> dict[str, int]:
    """The counts since activation of a diagnostics report."""
    told = {value.key: value.value for status in message.status for value in status.values}
    return {key: int(value) for key, value in told.items() if value.isdigit()}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def crowd(rgb: np.ndarray, depth_m: np.ndarray, hands: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture with its hand one, two or four times: at half the size and twice the distance, side by side."""
    if hands == 1:
        return rgb, depth_m
    height, width = depth_m.shape
    small_rgb, small_depth_m = rgb[::2, ::2], 2 * depth_m[::2, ::2]
    out_rgb, out_depth_m = np.zeros_like(rgb), np.zeros_like(depth_m)
    rows = (height // 4,) if hands == 2 else (0, height // 2)
    for top in rows:
        for left in (0, width // 2):
            place = slice(top, top + height // 2), slice(left, left + width // 2)
            out_rgb[place], out_depth_m[place] = small_rgb, small_depth_m
    return out_rgb, out_depth_m


def camera(folder: Path, seconds: float, hands: int, log: Path) -> None:
    """Publishes the folder's frames to and fro at 30 Hz, stamped with the moment before; notes the stamps in `log`."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CameraInfo, Image
    from std_msgs.msg import Header

    from hand_pose_ros.frames_folder import open_folder
    from hand_pose_ros.ros.messages import image_message

    frames = open_folder(folder)
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    header = Header(frame_id="camera_color_optical_frame")
    pictures: list[tuple[Any, Any]] = []
    for index in range(len(frames)):
        frame = frames.read(index)
        assert frame.rgb is not None and frame.depth_m is not None
        rgb_picture, depth_m = crowd(frame.rgb, frame.depth_m, hands)
        millimetres = (1000 * depth_m).astype(np.uint16)
        pictures.append((image_message(header, rgb_picture, "rgb8"), image_message(header, millimetres, "16UC1")))
    pinhole = frames.read(0).camera
    info: Any = CameraInfo(width=pinhole.width, height=pinhole.height, header=header)
    info.k = [pinhole.fx, 0.0, pinhole.cx, 0.0, pinhole.fy, pinhole.cy, 0.0, 0.0, 1.0]
    info.p = [pinhole.fx, 0.0, pinhole.cx, 0.0, 0.0, pinhole.fy, pinhole.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    rclpy.init()
    node = rclpy.create_node("bench_camera")
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    rgb, depth, infos = (
        node.create_publisher(t, n, qos) for t, n in zip((Image, Image, CameraInfo), TOPICS, strict=True)
    )
    # Either of the two: who looks at one stream subscribes to no more.
    while max(publisher.get_subscription_count() for publisher in (rgb, depth)) == 0:
        time.sleep(0.05)
    time.sleep(1.0)
    begin, i = time.monotonic(), 0
    sent: list[tuple[int, int]] = []
    while i < WARM_UP + round(seconds * RATE):
        time.sleep(max(0.0, begin + i / RATE - time.monotonic()))
        colour, range_picture = pictures[order[i % len(order)]]
        now = node.get_clock().now()
        info.header.stamp = colour.header.stamp = range_picture.header.stamp = now.to_msg()
        infos.publish(info)
        rgb.publish(colour)
        depth.publish(range_picture)
        sent.append((now.nanoseconds, order[i % len(order)]))
        # As a camera does: what it had no time for is not made up for.
        i = max(i + 1, int((time.monotonic() - begin) * RATE))
    time.sleep(1.5)  # for the last answers, and the last report
    stamps, numbers = np.array(sent, np.int64).T
    np.savez(log, stamp_ns=stamps, frame=numbers)


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
    node.create_subscription(Image, TOPICS[0], lambda _: None, qos)

    def answer(picture: Any) -> None:
        answers.publish(HandArray(header=picture.header))

    node.create_subscription(Image, TOPICS[1], answer, qos)
    rclpy.spin(node)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    roles = parser.add_subparsers(dest="role", required=True)
    filming = roles.add_parser("camera")
    filming.add_argument("recording", type=Path)
    filming.add_argument("seconds", type=float)
    filming.add_argument("hands", type=int, choices=(1, 2, 4))
    filming.add_argument("log", type=Path)
    roles.add_parser("empty")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        if arguments.role == "camera":
            camera(arguments.recording, arguments.seconds, arguments.hands, arguments.log)
        else:
            empty_subscriber()
    return 0


if __name__ == "__main__":
    sys.exit(main())
