"""The lifecycle node `hand_pose`: camera topics in, hands out. Inputs and outputs are wired in modules of their own.

Two threads: the executor's takes messages and pairs them, a worker estimates the newest pair and publishes. So a slow
model drops pictures before they cost anything, and the node answers its services meanwhile. Stamps that go backwards
reset pairing and tracking where they are noticed, in Synchronizer and HandTracker.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from dataclasses import replace
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import NotInitializedException, ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from hand_pose_ros.backend import DEFAULT_PROVIDERS
from hand_pose_ros.bundle import MANIFEST
from hand_pose_ros.detector.detector import HandDetector
from hand_pose_ros.detector.finders import GivenBoxes, by_network
from hand_pose_ros.estimator import EstimatorOptions, Finder, HandEstimator
from hand_pose_ros.ros.box_inputs import BoxInputs
from hand_pose_ros.ros.camera_inputs import CameraInputs, Sight
from hand_pose_ros.ros.diagnostics import Diagnostics
from hand_pose_ros.ros.file_watch import FileWatch
from hand_pose_ros.ros.messages import ModelFacts
from hand_pose_ros.ros.outputs import OUTPUT_QOS, Outputs
from hand_pose_ros.ros.parameters import chosen_streams, declare, updated
from hand_pose_ros.ros.warm_up import spare_the_collector, warm_up
from hand_pose_ros.ros.worker import LatestWorker
from hand_pose_ros.tracking import HandTracker, TrackerOptions
from hand_pose_ros.types import HandPoseError, RgbdFrame

#: Seconds between two looks at whether the mode changed, which is reported at once.
MODE_PERIOD = 0.05
#: Seconds between two log lines about bad input; /diagnostics has the latest in every report.
LOG_PERIOD = 5.0


class HandPoseNode(LifecycleNode):
    """configure: model and publishers; activate: subscriptions; deactivate and cleanup undo them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("hand_pose", **kwargs)
        self.parameters = declare(self)
        self.add_on_set_parameters_callback(self._validate)
        self.add_post_set_parameters_callback(self._apply)
        self._diagnostics = Diagnostics(self.get_fully_qualified_name().lstrip("/"))
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", OUTPUT_QOS)
        # On a steady clock: the node reports even where a simulation stands still.
        self.create_timer(MODE_PERIOD, self._report_when_due, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._reported: tuple[float, tuple[object, ...]] = (-math.inf, ())
        self._tracker: HandTracker | None = None
        self._outputs: Outputs | None = None
        self._inputs: CameraInputs | None = None
        self._boxes: GivenBoxes | None = None
        self._box_inputs: BoxInputs | None = None
        self._worker: LatestWorker[Sight] | None = None
        self._model_files = FileWatch([])

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        chosen = self.parameters
        try:
            options = EstimatorOptions(max_hands=chosen.max_hands, looks=chosen.looks or None)
            estimator = HandEstimator(chosen.model, providers=chosen.providers, threads=chosen.threads, options=options)
            self._streams, self._fallback = chosen_streams(chosen.modalities, estimator.bundle.modalities)
            warm_up(estimator)
            self._boxes = GivenBoxes() if chosen.detector == "external" else None
            estimator.options = replace(options, finder=self._finder(estimator.bundle.crop.box_scale))
        except HandPoseError as error:
            self.get_logger().error(str(error))
            self._diagnostics.unconfigured(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # rclpy would swallow it without a word
            if self.context.ok():
                self.get_logger().error(f"configuring failed: {error!r}")
            self._diagnostics.unconfigured(f"configuring failed: {error!r}")
            return TransitionCallbackReturn.FAILURE
        self._tracker, bundle = HandTracker(estimator, chosen.max_hands), estimator.bundle
        model = ModelFacts(bundle.name, bundle.version, bundle.hash, estimator.provider)
        self._outputs = Outputs(self, model, self._diagnostics.qos_mismatch)
        self._model_files = FileWatch([bundle.folder / MANIFEST, *bundle.encoders.values(), *bundle.decoders.values()])
        self._diagnostics.configured(
            {**model._asdict(), "folder": str(bundle.folder), "threads": str(chosen.threads)},
            estimator.passed_over,
            # What nobody asked for is no reason to warn.
            warn=chosen.providers != DEFAULT_PROVIDERS,
        )
        for name, why in estimator.passed_over.items():
            self.get_logger().info(f"{name} does not run: {why}")
        self.get_logger().info(f"model {model.name} {model.version} ({model.hash}) runs on {model.provider}")
        spare_the_collector()
        return TransitionCallbackReturn.SUCCESS

    def _finder(self, box_scale: float) -> Finder | None:
        """What looks for hands, None for the estimator's own way. Raises HandPoseError for a bad bundle."""
        chosen = self.parameters
        if chosen.detector not in ("auto", "learned"):
            return self._boxes
        detector = HandDetector(chosen.detector_model, providers=chosen.providers, threads=chosen.threads)
        return by_network(chosen.detector, detector, box_scale)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        super().on_activate(state)
        self._worker = LatestWorker(self._estimate, "hand_pose_worker")
        self._inputs = CameraInputs(
            self, self._streams, self._fallback, self.parameters, self._diagnostics, self._take, self._complain
        )
        self._box_inputs = BoxInputs(self, self._boxes) if self._boxes is not None else None
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
        if self._inputs is not None:
            self._inputs.destroy()
            self._inputs = None
        if self._box_inputs is not None:
            self._box_inputs.destroy()
            self._box_inputs = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self._diagnostics.deactivated()

    def _release(self) -> None:
        self._stop_looking()
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs = self._tracker = None
        self._model_files = FileWatch([])
        gc.unfreeze()
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
        if self._inputs is not None:
            self._inputs.apply(self.parameters)

    # From picture to hands: handed over on the executor's thread, estimated on the worker's

    def _take(self, sight: Sight) -> None:
        if self._worker is not None and self._worker.submit(sight):
            self._diagnostics.dropped("superseded")

    def _estimate(self, sight: Sight) -> None:
        chosen = self.parameters
        if self._tracker is None or self._outputs is None:
            return
        try:
            frame = sight.frame()
            self._tracker.options = TrackerOptions(filtered=chosen.smoothing, predict_s=chosen.predict_for)
            hands = self._tracker.update(frame, side=chosen.side, min_confidence=chosen.min_confidence)
            work_ns = time.monotonic_ns() - sight.arrived_ns
            published_ns = self._outputs.publish(frame, hands, chosen, work_ns)
        except HandPoseError as error:
            self._give_up(str(error))
        except Exception as error:  # whatever a picture provokes, the next one gets its chance
            if self.context.ok():  # else the process is ending, and nothing can be published any more
                self._give_up(f"a picture could not be estimated: {error!r}")
        else:
            latency_ns = published_ns - frame.stamp_ns
            self._diagnostics.estimated(
                frame.frame_id, _streams_of(frame), len(hands), latency_ns, work_ns, time.monotonic_ns()
            )

    def _give_up(self, sentence: str) -> None:
        self._diagnostics.dropped("unusable")
        self._complain(sentence)

    def _complain(self, sentence: str) -> None:
        self._diagnostics.bad_input(sentence)
        self.get_logger().error(sentence, throttle_duration_sec=LOG_PERIOD)

    def _report_when_due(self) -> None:
        now_s, mode = time.monotonic(), self._diagnostics.mode(time.monotonic_ns())
        reported_s, reported_mode = self._reported
        if now_s - reported_s >= self.parameters.diagnostics_period or mode != reported_mode:
            self._reported = (now_s, mode)
            self._report()

    def _report(self) -> None:
        topics = [] if self._inputs is None else self._inputs.topics
        publishers = {name: [info.topic_type for info in self.get_publishers_info_by_topic(name)] for name in topics}
        self._diagnostics.model_replaced = self._model_files.changed()
        stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(self._diagnostics.report(stamp, publishers, time.monotonic_ns()))


def _streams_of(frame: RgbdFrame) -> str:
    pictures = (("colour", frame.rgb), ("depth", frame.depth_m))
    return " and ".join(name for name, picture in pictures if picture is not None)


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
