"""A camera that publishes over real DDS and hears what the node answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from bundles import rigid_hand
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from hand_pose_msgs.msg import HandArray
from hand_pose_ros.camera import project
from hand_pose_ros.ros.messages import image_message
from hand_pose_ros.ros.node import HandPoseNode
from hand_pose_ros.skeleton import BONES
from hand_pose_ros.types import PinholeCamera

CAMERA = PinholeCamera(300.0, 300.0, 159.5, 119.5, 320, 240)
FRAME_ID = "camera_color_optical_frame"
PERIOD_NS = 33_000_000
#: Generous: discovery and starting a process take many seconds on a busy machine.
DEADLINE = 120.0


def hand_depth(center: tuple[float, float, float] = (0.0, 0.0, 0.5)) -> np.ndarray:
    """(H, W) float32 metres: the rigid test hand as fat bones at a center, nothing behind it."""
    depth = np.zeros((CAMERA.height, CAMERA.width), np.float32)
    pixels = project(rigid_hand() + center, CAMERA).round().astype(int)
    for parent, child in BONES:
        cv2.line(depth, pixels[parent].tolist(), pixels[child].tolist(), center[2] - 0.01, 14)
    return depth


class Bench(Node):
    """Publishes camera messages, keeps what the node answers, and spins both until something is true."""

    def __init__(self, namespace: str = "") -> None:
        super().__init__("bench", namespace=namespace)
        self.rgb = self.create_publisher(Image, "rgb/image_rect_color", 10)
        self.depth = self.create_publisher(Image, "depth_registered/image_rect", 10)
        self.info = self.create_publisher(CameraInfo, "rgb/camera_info", 10)
        self.hands: list[HandArray] = []
        self.diagnostics: list[DiagnosticArray] = []
        self.hands_reader = self.create_subscription(HandArray, "hand_pose/hands", self.hands.append, 100)
        self.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 100)
        self.executor_ = SingleThreadedExecutor()
        self.executor_.add_node(self)
        self.now_ns = 1_000_000_000_000
        self.distortion: list[float] = []

    def spin_until(self, true: Callable[[], Any], seconds: float = DEADLINE) -> bool:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                return False
            self.executor_.spin_once(timeout_sec=0.05)
        return True

    def spin_for(self, seconds: float) -> None:
        self.spin_until(lambda: False, seconds)

    def wait_for_node(self, node: HandPoseNode) -> None:
        """Until every topic of the active node is matched on both sides: what is best effort is lost before."""
        writers = {p.topic_name: p for p in (self.rgb, self.depth, self.info)}

        def matched() -> bool:
            inputs = list(node.subscriptions)
            wanted = [s for s in inputs if s.topic_name in writers]
            return (
                len(wanted) >= 2
                and all(s.get_publisher_count() for s in wanted)
                and all(writers[s.topic_name].get_subscription_count() for s in wanted)
                and self.hands_reader.get_publisher_count() > 0
            )

        assert self.spin_until(matched)
        hands = next(p for p in node.publishers if p.topic_name.endswith("/hands"))
        assert self.spin_until(hands.get_subscription_count)

    def first_answer(self, depth: np.ndarray) -> HandArray | None:
        """Of a node in another process, whose side of the matching cannot be seen: sends until it answers."""
        for _ in range(30):
            if answer := self.answer(self.send(depth), DEADLINE / 30):
                return answer
        return None

    def header(self, frame_id: str = FRAME_ID) -> Header:
        header = Header(frame_id=frame_id)
        header.stamp.sec, header.stamp.nanosec = divmod(self.now_ns, 1_000_000_000)
        return header

    def send_info(self, camera: PinholeCamera = CAMERA) -> None:
        message = CameraInfo(header=self.header(), width=camera.width, height=camera.height)
        message.k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
        message.d = self.distortion
        message.p = [camera.fx, 0.0, camera.cx, 0.0, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
        self.info.publish(message)

    def send(
        self,
        depth: np.ndarray | None = None,
        *,
        rgb: bool = True,
        depth_frame: str = FRAME_ID,
        rgb_encoding: str = "rgb8",
    ) -> int:
        """One instant: camera info, colour and (if given, in metres) depth; returns its stamp."""
        self.now_ns += PERIOD_NS
        self.send_info()
        if rgb:
            picture = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)
            self.rgb.publish(image_message(self.header(), picture, rgb_encoding))
        if depth is not None:
            millimetres = (depth * 1000).astype(np.uint16)
            self.depth.publish(image_message(self.header(depth_frame), millimetres, "16UC1"))
        return self.now_ns

    def answer(self, stamp: int, seconds: float = DEADLINE) -> HandArray | None:
        """The hands published for a stamp."""

        def found() -> list[HandArray]:
            return [m for m in self.hands if m.header.stamp.sec * 10**9 + m.header.stamp.nanosec == stamp]

        self.spin_until(found, seconds)
        return next(iter(found()), None)

    def status(self, part: str) -> Any:
        """The newest diagnostic status of a part of the node."""
        return next(s for s in reversed(self.diagnostics[-1].status) if s.name.endswith(f": {part}"))

    def wait_for_status(self, part: str, level: bytes, words: str) -> Any:
        self.diagnostics.clear()
        fits = lambda: (  # noqa: E731
            self.diagnostics and self.status(part).level == level and words in self.status(part).message
        )
        assert self.spin_until(fits), self.diagnostics and self.status(part)
        return self.status(part)
