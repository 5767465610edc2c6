"""The node's subscriptions to a camera, from activating to deactivating: they end in pairs of pictures.

Everything here runs on the executor's thread; the pictures are decoded by whoever takes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from sensor_msgs.msg import CameraInfo, Image

from hand_pose_ros.inputs.camera_info import camera_from_info, distortion_caution, is_rectified
from hand_pose_ros.inputs.frames import InputTopics, frame_from_pair, stamp_ns
from hand_pose_ros.inputs.sync import Pair, Stream, Synchronizer
from hand_pose_ros.ros.diagnostics import Diagnostics
from hand_pose_ros.ros.parameters import Parameters
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

#: Best effort: this matches every camera driver. Five pictures, since colour and depth wait for each other.
INPUT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(frozen=True)
class Sight:
    """What the camera saw at one instant, not yet decoded; arrived_ns: steady time."""

    pair: Pair[Any]
    camera: PinholeCamera
    topics: InputTopics
    arrived_ns: int

    def frame(self) -> RgbdFrame:
        """Decodes it. Raises HandPoseError that names the topic at fault."""
        return frame_from_pair(self.pair, self.camera, self.topics)


class CameraInputs:
    """Subscribes to the streams, pairs their pictures and hands each pair to `take` with its calibration.

    fallback: go on with one of two streams when the other stops. complain: told what is wrong with the input.
    """

    def __init__(
        self,
        node: Node,
        streams: Sequence[Stream],
        fallback: bool,
        parameters: Parameters,
        diagnostics: Diagnostics,
        take: Callable[[Sight], None],
        complain: Callable[[str], None],
    ) -> None:
        self._node, self._diagnostics, self._take, self._complain = node, diagnostics, take, complain
        self._topics = input_topics(node)
        self._camera: PinholeCamera | None = None
        self._waiting: Pair[Any] | None = None
        tolerance_ns, timeout_ns = _tolerance_and_timeout(parameters)
        self._synchronizer: Synchronizer[Any] = Synchronizer(tolerance_ns, timeout_ns, fallback, streams)
        names: dict[Stream, str] = {"rgb": self._topics.rgb, "depth": self._topics.depth}
        # Camera info belongs to colour, or to depth where that is all.
        self._first_image = names[streams[0]]
        topics = [*(names[stream] for stream in streams), self._topics.camera_info]
        diagnostics.activated(topics, fallback, timeout_ns, time.monotonic_ns())
        self._subscriptions = [self._subscribe(CameraInfo, self._topics.camera_info, self._on_camera_info)]
        for stream in streams:
            on_image = partial(self._on_image, stream, names[stream])
            self._subscriptions.append(self._subscribe(Image, names[stream], on_image))

    def apply(self, parameters: Parameters) -> None:
        """Takes over what can change while running."""
        tolerance_ns, timeout_ns = _tolerance_and_timeout(parameters)
        self._synchronizer.tolerance_ns, self._synchronizer.timeout_ns = tolerance_ns, timeout_ns
        self._diagnostics.timeout_ns = timeout_ns

    def destroy(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> Any:
        def mismatch(event: Any) -> None:
            self._diagnostics.qos_mismatch(topic, qos_policy_name_from_kind(event.last_policy_kind))

        events = SubscriptionEventCallbacks(incompatible_qos=mismatch)
        return self._node.create_subscription(kind, topic, callback, INPUT_QOS, event_callbacks=events)

    def _on_camera_info(self, info: CameraInfo) -> None:
        self._diagnostics.received(self._topics.camera_info, time.monotonic_ns())
        try:
            self._camera = camera_from_info(info, rectified=is_rectified(self._first_image))
        except HandPoseError as error:
            self._camera = None
            self._complain(f"{self._topics.camera_info}: {error}")
            return
        caution = distortion_caution(info, self._first_image)
        self._diagnostics.caution(caution)
        if caution:
            self._node.get_logger().warning(caution, once=True)
        if self._waiting is not None:
            self._hand_over(self._waiting)

    def _on_image(self, stream: Stream, topic: str, image: Image) -> None:
        self._diagnostics.received(topic, time.monotonic_ns())
        pair = self._synchronizer.add(stream, stamp_ns(image.header), image)
        self._diagnostics.unpaired(sum(self._synchronizer.unpaired.values()))
        if pair is not None:
            self._hand_over(pair)

    def _hand_over(self, pair: Pair[Any]) -> None:
        # The first pictures may be faster than the first camera info.
        self._waiting = pair if self._camera is None else None
        if self._camera is not None:
            self._take(Sight(pair, self._camera, self._topics, time.monotonic_ns()))


def input_topics(node: Node) -> InputTopics:
    """The node's input topics, remapped and with its namespace."""
    names = ("rgb/image_rect_color", "depth_registered/image_rect", "rgb/camera_info")
    return InputTopics(*map(node.resolve_topic_name, names))


def _tolerance_and_timeout(parameters: Parameters) -> tuple[int, int]:
    """In nanoseconds."""
    return round(parameters.sync_tolerance * 1e9), round(parameters.input_timeout * 1e9)
