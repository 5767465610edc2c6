"""The node's publishers of hands: made when it is configured, destroyed when it is cleaned up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, qos_policy_name_from_kind
from sensor_msgs.msg import Image, JointState, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from hand_pose_msgs.msg import HandArray
from hand_pose_ros.kinematics.shape import JointAngles
from hand_pose_ros.ros import messages
from hand_pose_ros.ros.clouds import cloud_of_rows, cloud_xyz32
from hand_pose_ros.ros.parameters import Parameters
from hand_pose_ros.tracking import TrackedHand
from hand_pose_ros.types import RgbdFrame

#: Reliable: this matches every consumer.
OUTPUT_QOS = QoSProfile(depth=5)
#: As tf2's own broadcaster, which is not on PyPI.
TF_QOS = QoSProfile(depth=100)


class Outputs:
    """Publishes what was found in a picture; what costs time only while somebody subscribes to it.

    model: told in every message. qos_mismatch: told topic and policy of a subscription that asks for more than is
    offered and so hears nothing.
    """

    def __init__(
        self, node: LifecycleNode, model: messages.ModelFacts, qos_mismatch: Callable[[str, str], None]
    ) -> None:
        self._node, self._model, self._qos_mismatch = node, model, qos_mismatch
        self._hands = self._publisher(HandArray, "~/hands", OUTPUT_QOS)
        self._points = self._publisher(PointCloud2, "~/points", OUTPUT_QOS)
        self._markers = self._publisher(MarkerArray, "~/markers", OUTPUT_QOS)
        self._debug_image = self._publisher(Image, "~/debug_image", OUTPUT_QOS)
        self._tf = self._publisher(TFMessage, "/tf", TF_QOS)
        self._joint_states = self._publisher(JointState, "~/joint_states", OUTPUT_QOS)
        self._samples = self._publisher(PointCloud2, "~/samples", OUTPUT_QOS)
        self._all = [
            self._samples, self._hands, self._points, self._markers, self._debug_image, self._joint_states, self._tf
        ]  # fmt: skip
        self._joint_angles = JointAngles()
        self._shown: set[int] = set()

    def publish(self, frame: RgbdFrame, hands: Sequence[TrackedHand], chosen: Parameters, work_ns: int) -> int:
        """Publishes the hands, then the views of them; returns when the hands were out, nanoseconds by the node's
        clock. work_ns: spent on them so far."""
        hands = list(hands)
        angles = self._joint_angles.update(hands, frame.stamp_ns)
        self._hands.publish(messages.hand_array(frame, hands, angles, self._model, work_ns))
        published_ns = self._node.get_clock().now().nanoseconds
        header = messages.header_of(frame)
        if chosen.publish_tf and hands:
            self._tf.publish(messages.tf_message(header, hands, chosen.publish_joint_tf))
        if self._joint_states.get_subscription_count():
            self._joint_states.publish(messages.joint_state(header, hands, angles))
        if self._points.get_subscription_count():
            self._points.publish(cloud_xyz32(header, messages.cloud_points(hands)))
        if self._samples.get_subscription_count():
            joints, whose = messages.sample_rows(hands)
            self._samples.publish(cloud_of_rows(header, joints, whose, ("hand", "sample")))
        if self._markers.get_subscription_count():
            self._markers.publish(messages.marker_array(header, hands, self._shown))
            self._shown = {hand.id for hand in hands}
        if self._debug_image.get_subscription_count():
            picture = messages.debug_picture(frame, hands)
            self._debug_image.publish(messages.image_message(header, picture, "rgb8"))
        return published_ns

    def _publisher(self, kind: type, topic: str, qos: QoSProfile) -> Any:
        name = self._node.resolve_topic_name(topic)

        def mismatch(event: Any) -> None:
            self._qos_mismatch(name, qos_policy_name_from_kind(event.last_policy_kind))

        events = PublisherEventCallbacks(incompatible_qos=mismatch, use_default_callbacks=False)
        return self._node.create_lifecycle_publisher(kind, topic, qos, event_callbacks=events)

    def destroy(self) -> None:
        for publisher in self._all:
            self._node.destroy_lifecycle_publisher(publisher)
