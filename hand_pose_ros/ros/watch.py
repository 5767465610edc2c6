"""Shows what a running node publishes, for `hand-pose view --node`."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, PointCloud2

from hand_pose_msgs.msg import Hand, HandArray
from hand_pose_ros.inputs.frames import stamp_ns
from hand_pose_ros.inputs.images import image_to_array
from hand_pose_ros.kinematics.model import ANGLE_NAMES
from hand_pose_ros.ros.replay import own_node
from hand_pose_ros.types import Side
from hand_pose_ros.viewing.scene import SeenHand
from hand_pose_ros.viewing.server import LiveView

_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.BEST_EFFORT)


def watch(node_name: str, view: LiveView, stop: threading.Event) -> int:
    """Number of HandArrays shown until `stop` is set. node_name: such as /hand_pose, with its namespace."""
    counts = 0

    def on_hands(message: HandArray) -> None:
        nonlocal counts
        counts += 1
        view.hands(stamp_ns(message.header), message.header.frame_id, seen_hands(message))

    def on_points(cloud: PointCloud2) -> None:
        view.points(stamp_ns(cloud.header), cloud.header.frame_id, points_of(cloud))

    def on_picture(image: Image) -> None:
        view.picture(stamp_ns(image.header), image.header.frame_id, image_to_array(image))

    with own_node("hand_pose_view") as node:
        node.create_subscription(HandArray, f"{node_name}/hands", on_hands, _QOS)
        node.create_subscription(PointCloud2, f"{node_name}/points", on_points, _QOS)
        node.create_subscription(Image, f"{node_name}/debug_image", on_picture, _QOS)
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        try:
            while not stop.is_set():
                executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass
        finally:
            executor.shutdown()
    return counts


def seen_hands(message: HandArray) -> list[SeenHand]:
    """The hands of a message; one of unknown side is left out, since nobody could say how its joints turn."""
    sides: dict[int, Side] = {Hand.SIDE_LEFT: "left", Hand.SIDE_RIGHT: "right"}
    return [_seen(hand, sides[hand.side]) for hand in message.hands if hand.side in sides]


def _seen(hand: Any, side: Side) -> SeenHand:
    positions = [(joint.position.x, joint.position.y, joint.position.z) for joint in hand.joints]
    covariances = np.array([joint.covariance for joint in hand.joints]).reshape(-1, 3, 3)
    # All zero: unknown.
    covariances[~covariances.any(axis=(1, 2))] = np.nan
    valid = np.array([joint.valid for joint in hand.joints])
    told = dict(zip(hand.joint_angle_names, hand.joint_angles, strict=False))
    return SeenHand(
        hand.id,
        side,
        hand.confidence,
        np.where(valid[:, None], np.array(positions), np.nan),
        np.where(valid[:, None, None], covariances, np.nan),
        np.array([told.get(name, np.nan) for name in ANGLE_NAMES]),
    )


def points_of(cloud: PointCloud2) -> np.ndarray:
    """(N, 3) from a cloud as clouds.py makes it."""
    return np.frombuffer(cloud.data, "<f4").reshape(-1, cloud.point_step // 4)[:, :3]
