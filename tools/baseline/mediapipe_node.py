"""MediaPipe Hands as a ROS node, as it is done today, for tools/bench_node.py. Runs in an environment of its own.

    python tools/baseline/mediapipe_node.py [--complexity 0|1]

It follows one hand in the colour picture, gives each landmark the depth at its pixel, and publishes the 21 points as a
PoseArray on `~/joints`, without poses where it sees no hand.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import Any

import mediapipe
import numpy as np
import rclpy
from geometry_msgs.msg import Point, Pose, PoseArray
from mediapipe_hands import estimate
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

#: The newest picture only, so that nothing is answered late.
QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class MediaPipeNode(Node):
    """Pairs pictures of the same stamp and answers each pair."""

    def __init__(self, complexity: int) -> None:
        super().__init__("mediapipe_hands")
        self._hands = mediapipe.solutions.hands.Hands(max_num_hands=1, model_complexity=complexity)
        self._camera = np.zeros(4)
        self._newest: dict[str, Image] = {}
        self._publisher = self.create_publisher(PoseArray, "~/joints", 5)
        self.create_subscription(CameraInfo, "rgb/camera_info", self._on_info, QOS)
        self.create_subscription(Image, "rgb/image_rect_color", lambda image: self._on_image("rgb", image), QOS)
        self.create_subscription(
            Image, "depth_registered/image_rect", lambda image: self._on_image("depth", image), QOS
        )

    def _on_info(self, info: Any) -> None:
        self._camera = np.array([info.k[0], info.k[4], info.k[2], info.k[5]])

    def _on_image(self, stream: str, image: Any) -> None:
        self._newest[stream] = image
        rgb, depth = self._newest.get("rgb"), self._newest.get("depth")
        if rgb is None or depth is None or rgb.header.stamp != depth.header.stamp or not self._camera.any():
            return
        pixels = np.frombuffer(rgb.data, np.uint8).reshape(rgb.height, rgb.width, 3)
        depth_m = np.frombuffer(depth.data, np.uint16).reshape(depth.height, depth.width) * np.float32(0.001)
        joints, _, _ = estimate(self._hands, pixels, depth_m, self._camera, 0.0)
        known = joints.tolist() if np.isfinite(joints).all() else []
        poses = [Pose(position=Point(x=x, y=y, z=z)) for x, y, z in known]
        self._publisher.publish(PoseArray(header=rgb.header, poses=poses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--complexity", type=int, choices=(0, 1), default=1, help="0: lite, 1: full")
    arguments = parser.parse_args()
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(MediaPipeNode(arguments.complexity))


if __name__ == "__main__":
    main()
