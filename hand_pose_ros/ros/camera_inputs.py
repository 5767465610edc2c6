"""The node's subscriptions to a camera, from activating to deactivating: they end in pairs of pictures.

Everything here runs on the executor's thread; the pictures are decoded by whoever takes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from hand_pose_ros.inputs.camera_info import is_rectified
from hand_pose_ros.inputs.frames import InputTopics, frame_from_pair, split_transport, stamp_ns
from hand_pose_ros.inputs.lens import Lens, lens_from_info
from hand_pose_ros.inputs.registration import DepthView
from hand_pose_ros.inputs.sync import Pair, Stream, Synchronizer
from hand_pose_ros.ros.diagnostics import Diagnostics
from hand_pose_ros.ros.parameters import Parameters
from hand_pose_ros.ros.transform_buffer import TransformBuffer
from hand_pose_ros.types import HandPoseError, RgbdFrame

#: Best effort: this matches every camera driver. Five pictures, since colour and depth wait for each other.
INPUT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
#: As tf2's own listener, which is not on PyPI.
TF_QOS = QoSProfile(depth=100)
TF_STATIC_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
#: A transform may come this much later than the picture that needs it, in seconds.
TF_WAIT = 0.05


@dataclass(frozen=True)
class Sight:
    """What the camera saw at one instant, not yet decoded; arrived_ns: steady time.

    depth_lens, transforms: only where depth is a camera of its own, whose place TF tells.
    """

    pair: Pair[Any]
    topics: InputTopics
    lens: Lens
    frame_id: str
    depth_lens: Lens | None
    transforms: TransformBuffer | None
    arrived_ns: int

    def frame(self) -> RgbdFrame:
        """Decodes it. Raises HandPoseError that names the topic at fault."""
        return frame_from_pair(self.pair, self.lens, self.topics, self._depth_view())

    def _depth_view(self) -> DepthView | None:
        depth = self.pair.depth
        if depth is None or self.depth_lens is None or self.transforms is None:
            return None
        try:
            place = self.transforms.lookup(self.frame_id, depth.header.frame_id, stamp_ns(depth.header), TF_WAIT)
        except HandPoseError as error:
            raise HandPoseError(f"{self.topics.depth}: {error}") from error
        return DepthView(self.depth_lens, self.frame_id, place.rotation, place.translation)


class CameraInputs:
    """Subscribes to the streams, pairs their pictures and hands each pair to `take` with its calibration.

    fallback: go on with one of two streams when the other stops. complain: told what is wrong with the input.
    `topics` are the names of those subscribed to.
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
        self._topics = topics = input_topics(node, parameters, streams)
        self._lens: Lens | None = None
        self._depth_lens: Lens | None = None
        self._frame_id = ""
        self._waiting: Pair[Any] | None = None
        tolerance_ns, timeout_ns = _tolerance_and_timeout(parameters)
        self._synchronizer: Synchronizer[Any] = Synchronizer(tolerance_ns, timeout_ns, fallback, streams)
        images: dict[Stream, tuple[str, type]] = {
            "rgb": (topics.rgb, Image if parameters.rgb_transport == "raw" else CompressedImage),
            "depth": (topics.depth, Image if parameters.depth_transport == "raw" else CompressedImage),
        }
        # Camera info belongs to colour, or to depth where that is all.
        self._rectified = is_rectified(split_transport(images[streams[0]][0])[0])
        infos = [topic for topic in (topics.camera_info, topics.depth_info) if topic]
        kinds = {topic: _type_name(kind) for topic, kind in (images[stream] for stream in streams)}
        kinds |= dict.fromkeys(infos, _type_name(CameraInfo))
        self.topics = list(kinds)
        diagnostics.activated(kinds, len(streams), fallback, timeout_ns, time.monotonic_ns())
        self._subscriptions = [self._subscribe(CameraInfo, topics.camera_info, self._on_camera_info)]
        self._transforms: TransformBuffer | None = None
        if topics.depth_info:
            self._transforms = TransformBuffer()
            self._subscriptions += [
                self._subscribe(CameraInfo, topics.depth_info, self._on_depth_info),
                self._subscribe(TFMessage, "/tf", partial(self._on_transforms, static=False), TF_QOS),
                self._subscribe(TFMessage, "/tf_static", partial(self._on_transforms, static=True), TF_STATIC_QOS),
            ]
        for stream in streams:
            topic, kind = images[stream]
            on_image, lost = partial(self._on_image, stream, topic), partial(self._on_lost, topic)
            self._subscriptions.append(self._subscribe(kind, topic, on_image, lost=lost))
        # Pictures tell by their stamps that time went back; transforms, and a camera that has stopped, do not.
        back = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jumps = node.get_clock().create_jump_callback(back, post_callback=self._on_jump)

    def apply(self, parameters: Parameters) -> None:
        """Takes over what can change while running."""
        tolerance_ns, timeout_ns = _tolerance_and_timeout(parameters)
        self._synchronizer.tolerance_ns, self._synchronizer.timeout_ns = tolerance_ns, timeout_ns
        self._diagnostics.timeout_ns = timeout_ns

    def destroy(self) -> None:
        self._jumps.unregister()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(
        self,
        kind: type,
        topic: str,
        callback: Callable[..., None],
        qos: QoSProfile = INPUT_QOS,
        lost: Callable[[Any], None] | None = None,
    ) -> Any:
        def mismatch(event: Any) -> None:
            self._diagnostics.qos_mismatch(topic, qos_policy_name_from_kind(event.last_policy_kind))

        # Every event costs each turn of the executor something; another type is told by the topic's publishers.
        events = SubscriptionEventCallbacks(incompatible_qos=mismatch, message_lost=lost, use_default_callbacks=False)
        return self._node.create_subscription(kind, topic, callback, qos, event_callbacks=events)

    def _on_camera_info(self, info: CameraInfo) -> None:
        self._lens = self._lens_from(info, self._topics.camera_info, self._rectified)
        self._frame_id = info.header.frame_id
        self._hand_over_waiting()

    def _on_depth_info(self, info: CameraInfo) -> None:
        rectified = is_rectified(split_transport(self._topics.depth)[0])
        self._depth_lens = self._lens_from(info, self._topics.depth_info, rectified)
        self._hand_over_waiting()

    def _lens_from(self, info: CameraInfo, topic: str, rectified: bool) -> Lens | None:
        self._diagnostics.received(topic, time.monotonic_ns())
        try:
            return lens_from_info(info, rectified=rectified)
        except HandPoseError as error:
            self._complain(f"{topic}: {error}")
            return None

    def _on_transforms(self, message: TFMessage, static: bool) -> None:
        if self._transforms is not None:
            self._transforms.add(message.transforms, static=static)

    def _on_lost(self, topic: str, event: Any) -> None:
        self._diagnostics.lost(topic, event.total_count_change)

    def _on_image(self, stream: Stream, topic: str, image: Any, told: dict[str, int | None]) -> None:
        """told: what the middleware says about the message."""
        stamp, number = stamp_ns(image.header), told["publication_sequence_number"]
        new = self._synchronizer.is_new(stream, stamp)
        self._diagnostics.received(topic, time.monotonic_ns(), new=new, number=number)
        pair = self._synchronizer.add(stream, stamp, image)
        self._diagnostics.unpaired(self._synchronizer.unpaired, self._synchronizer.nearest_miss_ns)
        if pair is not None:
            self._diagnostics.paired()
            self._forget_waiting()
            self._hand_over(pair)

    def _on_jump(self, jump: TimeJump) -> None:
        self._synchronizer.reset()
        self._forget_waiting()
        if self._transforms is not None:
            self._transforms.clear()

    def _forget_waiting(self) -> None:
        if self._waiting is not None:
            self._diagnostics.dropped("without calibration")
            self._waiting = None

    def _hand_over_waiting(self) -> None:
        if self._waiting is not None:
            self._hand_over(self._waiting)

    def _hand_over(self, pair: Pair[Any]) -> None:
        # The first pictures may be faster than the first camera info.
        if self._lens is None or (self._depth_lens is None and self._transforms is not None):
            self._waiting = pair
            return
        self._waiting, now_ns = None, time.monotonic_ns()
        self._take(Sight(pair, self._topics, self._lens, self._frame_id, self._depth_lens, self._transforms, now_ns))


def input_topics(node: Node, parameters: Parameters, streams: Sequence[Stream]) -> InputTopics:
    """The node's input topics, remapped and with its namespace, as their transports call them.

    depth_info is '' unless depth is to be put into the view of another camera.
    """
    own_depth = parameters.register_depth
    rgb, depth = "rgb/image_rect_color", "depth/image_rect" if own_depth else "depth_registered/image_rect"
    info, depth_info = "rgb/camera_info", ""
    if own_depth and "depth" in streams:
        # Depth alone is seen from its own camera, with nothing to be registered to.
        info, depth_info = (info, "depth/camera_info") if "rgb" in streams else ("depth/camera_info", "")
    return InputTopics(
        rgb=_transported(node.resolve_topic_name(rgb), parameters.rgb_transport),
        depth=_transported(node.resolve_topic_name(depth), parameters.depth_transport),
        camera_info=node.resolve_topic_name(info),
        depth_info=depth_info and node.resolve_topic_name(depth_info),
    )


def _transported(topic: str, transport: str) -> str:
    """As image_transport names it: after remapping."""
    return topic if transport == "raw" else f"{topic}/{transport}"


def _type_name(kind: Any) -> str:
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def _tolerance_and_timeout(parameters: Parameters) -> tuple[int, int]:
    """In nanoseconds."""
    return round(parameters.sync_tolerance * 1e9), round(parameters.input_timeout * 1e9)
