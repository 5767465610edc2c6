"""The lifecycle node `hand_pose`: camera topics in, hands out. Every message is built in messages.py.

Two threads: the executor's takes messages and pairs them, a worker estimates the newest pair and publishes. So a slow
model drops pictures before they cost anything, and the node answers its services meanwhile. Stamps that go backwards
reset pairing and tracking where they are noticed, in Synchronizer and HandTracker.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.exceptions import NotInitializedException, ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from hand_pose_msgs.msg import HandArray
from hand_pose_ros.backend import choose_providers
from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
from hand_pose_ros.inputs.camera_info import camera_from_info, distortion_caution, is_rectified
from hand_pose_ros.inputs.frames import InputTopics, frame_from_pair, stamp_ns
from hand_pose_ros.inputs.sync import Pair, Stream, Synchronizer
from hand_pose_ros.ros import messages
from hand_pose_ros.ros.clouds import cloud_xyz32
from hand_pose_ros.ros.diagnostics import Diagnostics
from hand_pose_ros.ros.parameters import Parameters, chosen_streams, declare, updated
from hand_pose_ros.ros.warm_up import warm_up
from hand_pose_ros.ros.worker import LatestWorker
from hand_pose_ros.tracking import HandTracker, TrackedHand
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

#: Subscribe best effort, publish reliable: this matches every camera driver and every consumer.
INPUT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
OUTPUT_QOS = QoSProfile(depth=5)
#: As tf2's own broadcaster, which is not on PyPI.
TF_QOS = QoSProfile(depth=100)
#: Seconds between two log lines about bad input; /diagnostics has the latest in every report.
LOG_PERIOD = 5.0


class HandPoseNode(LifecycleNode):
    """configure: model and publishers; activate: subscriptions; deactivate and cleanup undo them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("hand_pose", **kwargs)
        self.parameters = declare(self)
        self.add_on_set_parameters_callback(self._validate)
        self.add_post_set_parameters_callback(self._apply)
        self._topics = InputTopics(
            *map(self.resolve_topic_name, ("rgb/image_rect_color", "depth_registered/image_rect", "rgb/camera_info"))
        )
        self._diagnostics = Diagnostics(self.get_fully_qualified_name().lstrip("/"))
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", OUTPUT_QOS)
        # On a steady clock: the node reports even where a simulation stands still.
        self.create_timer(
            self.parameters.diagnostics_period, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._worker: LatestWorker[tuple[Pair[Image], int]] | None = None
        self._forget()

    def _forget(self) -> None:
        self._tracker: HandTracker | None = None
        self._outputs: list[Any] = []
        self._inputs: list[Any] = []

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        chosen = self.parameters
        try:
            wanted = choose_providers(chosen.providers)
            options = EstimatorOptions(max_hands=chosen.max_hands)
            estimator = HandEstimator(chosen.model, providers=wanted, threads=chosen.threads, options=options)
            self._streams, self._fallback = chosen_streams(chosen.modalities, estimator.bundle.modalities)
            warm_up(estimator)
        except HandPoseError as error:
            self.get_logger().error(str(error))
            self._diagnostics.unconfigured(str(error))
            return TransitionCallbackReturn.FAILURE
        self._tracker, bundle = HandTracker(estimator, chosen.max_hands), estimator.bundle
        self._model = (bundle.name, bundle.version, bundle.hash)
        self._diagnostics.configured(
            {
                "name": bundle.name,
                "version": bundle.version,
                "hash": bundle.hash,
                "folder": str(bundle.folder),
                "provider": estimator.provider,
                "threads": str(chosen.threads),
            },
            wanted[0],
        )
        self._hands = self.create_lifecycle_publisher(HandArray, "~/hands", OUTPUT_QOS)
        self._points = self.create_lifecycle_publisher(PointCloud2, "~/points", OUTPUT_QOS)
        self._markers = self.create_lifecycle_publisher(MarkerArray, "~/markers", OUTPUT_QOS)
        self._debug_image = self.create_lifecycle_publisher(Image, "~/debug_image", OUTPUT_QOS)
        self._tf = self.create_lifecycle_publisher(TFMessage, "/tf", TF_QOS)
        self._outputs = [self._hands, self._points, self._markers, self._debug_image, self._tf]
        self.get_logger().info(f"model {bundle.name} {bundle.version} ({bundle.hash}) runs on {estimator.provider}")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._camera: PinholeCamera | None = None
        self._waiting: Pair[Image] | None = None
        self._shown: set[int] = set()
        tolerance_ns, timeout_ns = _tolerance_and_timeout(self.parameters)
        self._synchronizer: Synchronizer[Image] = Synchronizer(tolerance_ns, timeout_ns, self._fallback, self._streams)
        names: dict[Stream, str] = {"rgb": self._topics.rgb, "depth": self._topics.depth}
        # Camera info belongs to colour, or to depth where that is all.
        self._first_image = names[self._streams[0]]
        topics = [*(names[stream] for stream in self._streams), self._topics.camera_info]
        self._diagnostics.activated(topics, self._fallback, timeout_ns, time.monotonic_ns())
        super().on_activate(state)
        self._worker = LatestWorker(self._estimate, "hand_pose_worker")
        self._inputs = [self._subscribe(CameraInfo, self._topics.camera_info, self._on_camera_info)]
        for stream in self._streams:
            self._inputs.append(self._subscribe(Image, names[stream], partial(self._on_image, stream, names[stream])))
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop_looking()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        self._stop_looking()
        super().destroy_node()

    def _stop_looking(self) -> None:
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self._diagnostics.deactivated()

    def _release(self) -> None:
        self._stop_looking()
        for publisher in self._outputs:
            self.destroy_lifecycle_publisher(publisher)
        self._forget()
        self._diagnostics.unconfigured()

    # Parameters

    def _validate(self, changes: list[Parameter]) -> SetParametersResult:
        try:
            updated(self.parameters, {change.name: change.value for change in changes})
        except HandPoseError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply(self, changes: list[Parameter]) -> None:
        self.parameters = updated(self.parameters, {change.name: change.value for change in changes})
        if self._inputs:
            limits = _tolerance_and_timeout(self.parameters)
            self._synchronizer.tolerance_ns, self._synchronizer.timeout_ns = limits
            self._diagnostics.timeout_ns = limits[1]

    # Input, on the executor's thread

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> Any:
        def mismatch(event: Any) -> None:
            self._diagnostics.qos_mismatch(topic, qos_policy_name_from_kind(event.last_policy_kind))

        events = SubscriptionEventCallbacks(incompatible_qos=mismatch)
        return self.create_subscription(kind, topic, callback, INPUT_QOS, event_callbacks=events)

    def _on_camera_info(self, info: CameraInfo) -> None:
        self._diagnostics.received(self._topics.camera_info, time.monotonic_ns())
        try:
            self._camera = camera_from_info(info, rectified=is_rectified(self._first_image))
        except HandPoseError as error:
            self._camera = None
            self._complain(f"{self._topics.camera_info}: {error}")
            return
        self._be_cautious(distortion_caution(info, self._first_image))
        if self._waiting is not None:
            self._submit(self._waiting)

    def _on_image(self, stream: Stream, topic: str, image: Image) -> None:
        self._diagnostics.received(topic, time.monotonic_ns())
        pair = self._synchronizer.add(stream, stamp_ns(image.header), image)
        self._diagnostics.unpaired(sum(self._synchronizer.unpaired.values()))
        if pair is not None:
            self._submit(pair)

    def _submit(self, pair: Pair[Image]) -> None:
        # The first pictures may be faster than the first camera info.
        self._waiting = pair if self._camera is None else None
        if self._camera is not None and self._worker is not None and self._worker.submit((pair, time.monotonic_ns())):
            self._diagnostics.superseded()

    def _be_cautious(self, sentence: str) -> None:
        self._diagnostics.caution(sentence)
        if sentence:
            self.get_logger().warning(sentence, once=True)

    def _complain(self, sentence: str) -> None:
        self._diagnostics.bad_input(sentence)
        self.get_logger().error(sentence, throttle_duration_sec=LOG_PERIOD)

    # Estimation and output, on the worker's thread

    def _estimate(self, item: tuple[Pair[Image], int]) -> None:
        pair, begin_ns = item
        chosen, camera = self.parameters, self._camera
        if camera is None or self._tracker is None:
            return
        try:
            frame = frame_from_pair(pair, camera, self._topics)
            hands = self._tracker.update(frame, side=chosen.side, min_confidence=chosen.min_confidence)
            work_ns = time.monotonic_ns() - begin_ns
            self._hands.publish(messages.hand_array(frame, hands, self._model, work_ns))
            now_ns = self.get_clock().now().nanoseconds
            self._publish_views(frame, hands, chosen)
        except HandPoseError as error:
            self._complain(str(error))
        except Exception as error:  # whatever a picture provokes, the next one gets its chance
            if self.context.ok():  # else the process is ending, and nothing can be published any more
                self._complain(f"a picture could not be estimated: {error!r}")
        else:
            stamp_to_publish_ns = now_ns - frame.stamp_ns
            self._diagnostics.estimated(frame.frame_id, len(hands), stamp_to_publish_ns, work_ns, time.monotonic_ns())

    def _publish_views(self, frame: RgbdFrame, hands: list[TrackedHand], chosen: Parameters) -> None:
        header = messages.header_of(frame)
        if chosen.publish_tf and hands:
            self._tf.publish(messages.tf_message(header, hands, chosen.publish_joint_tf))
        if self._points.get_subscription_count():
            self._points.publish(cloud_xyz32(header, messages.cloud_points(hands)))
        if self._markers.get_subscription_count():
            self._markers.publish(messages.marker_array(header, hands, self._shown))
            self._shown = {hand.id for hand in hands}
        if self._debug_image.get_subscription_count():
            picture = messages.debug_picture(frame, hands)
            self._debug_image.publish(messages.image_message(header, picture, "rgb8"))

    def _report(self) -> None:
        topics = (self._topics.rgb, self._topics.depth, self._topics.camera_info)
        publishers = {topic: self.count_publishers(topic) for topic in topics}
        stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(self._diagnostics.report(stamp, publishers, time.monotonic_ns()))


def _tolerance_and_timeout(parameters: Parameters) -> tuple[int, int]:
    """In nanoseconds."""
    return round(parameters.sync_tolerance * 1e9), round(parameters.input_timeout * 1e9)


def main(args: list[str] | None = None) -> int:
    """Runs the node until it is interrupted; with `autostart`, configures and activates it first."""
    try:
        rclpy.init(args=args)
        try:
            return _run()
        finally:
            rclpy.try_shutdown()
    except KeyboardInterrupt:  # it may come anywhere, even while the node ends on it
        return 0


def _run() -> int:
    """The process's exit status, when the node could not start or was asked to end."""
    node = None
    try:
        node = HandPoseNode()
        if node.parameters.autostart and not _start(node):
            # A signal while it starts lets that fail: nothing is wrong then.
            return 1 if rclpy.ok() else 0
        rclpy.spin(node)
    except (HandPoseError, ParameterException) as error:
        print(f"hand_pose_node: {error}", file=sys.stderr)
        return 1
    except ExternalShutdownException:
        pass
    except (RuntimeError, NotInitializedException):
        # A signal shuts the context down on a thread of its own, at any moment: whatever uses it next fails. The
        # types of these errors are private to rclpy, RuntimeErrors all.
        if rclpy.ok():
            raise
    finally:
        if node is not None:
            node.destroy_node()
    return 0


def _start(node: HandPoseNode) -> bool:
    """Configures and activates; whether both succeeded (why not has been logged)."""
    success = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == success and node.trigger_activate() == success


if __name__ == "__main__":
    sys.exit(main())
