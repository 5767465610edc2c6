"""The node's subscriptions to boxes around hands that somebody else finds."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import PolygonStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from hand_pose_ros.detector.finders import GivenBoxes
from hand_pose_ros.inputs.frames import stamp_ns

POLYGONS, DETECTIONS = "hand_boxes", "hand_detections"
#: As many boxes of one picture as may come at once.
BOX_QOS = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)


class BoxInputs:
    """Takes each polygon on `hand_boxes` as around one hand (several of the same stamp are several hands, one without
    points none) and, where vision_msgs is installed, each detection on `hand_detections`; in pixels of the image.
    """

    def __init__(self, node: Node, boxes: GivenBoxes) -> None:
        self._node, self._boxes = node, boxes
        self._subscriptions = [node.create_subscription(PolygonStamped, POLYGONS, self._on_polygon, BOX_QOS)]
        try:
            from vision_msgs.msg import Detection2DArray
        except ImportError:  # not on PyPI
            return
        self._subscriptions.append(node.create_subscription(Detection2DArray, DETECTIONS, self._on_detections, BOX_QOS))

    def destroy(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _on_polygon(self, message: PolygonStamped) -> None:
        take_polygon(self._boxes, message)

    def _on_detections(self, message: Any) -> None:
        take_detections(self._boxes, message)


def take_polygon(boxes: GivenBoxes, message: PolygonStamped) -> None:
    """The upright box around a polygon."""
    points = np.array([(point.x, point.y) for point in message.polygon.points], np.float64)
    if not len(points):
        boxes.clear(stamp_ns(message.header))
        return
    low, high = points.min(axis=0), points.max(axis=0)
    boxes.add(stamp_ns(message.header), np.concatenate([low, high - low]))


def take_detections(boxes: GivenBoxes, message: Any) -> None:
    """All of a vision_msgs/Detection2DArray, with the score of each's best hypothesis."""
    boxes.clear(stamp_ns(message.header))
    for detection in message.detections:
        middle, size = detection.bbox.center.position, np.array([detection.bbox.size_x, detection.bbox.size_y])
        corner = np.array([middle.x, middle.y]) - size / 2
        score = max((result.hypothesis.score for result in detection.results), default=1.0)
        boxes.add(stamp_ns(message.header), np.concatenate([corner, size]), float(score))
