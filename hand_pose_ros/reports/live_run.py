"""What the node made of a replayed recording: its recorded outputs, put beside the frames that went in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.evaluate import match_truth, view_errors
from hand_pose_ros.inputs.frames import stamp_ns
from hand_pose_ros.predict import Predictions
from hand_pose_ros.recordings import bags
from hand_pose_ros.recordings.bag_recording import SIDES, BagRecording, true_hand
from hand_pose_ros.skeleton import JOINT_COUNT
from hand_pose_ros.types import FloatArray, HandPoseError, RgbdFrame

POINT_CLOUD = "sensor_msgs/msg/PointCloud2"
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"


@dataclass(frozen=True)
class LiveRun:
    """One row per frame of the recording, in order.

    predictions: the most confident hand; its latency_ms is from the image's stamp to the reception of the hands, NaN
    where no answer came. answered: (N,) whether the node published anything, even "no hands", for the frame.
    inference_ms: (N,) as the node reports it. time_s: (N,) since the first frame. true_joints_m: (N, 21, 3), NaN
    without ground truth. clouds_m: (P, 3) points on the hands by frame index. model: name, version, hash.
    diagnostics: the node's last words by status and key.
    """

    predictions: Predictions
    answered: NDArray[np.bool_]
    inference_ms: FloatArray
    time_s: FloatArray
    true_joints_m: FloatArray
    clouds_m: Mapping[int, FloatArray]
    model: tuple[str, str, str]
    diagnostics: Mapping[str, Mapping[str, str]]

    @property
    def dropped(self) -> int:
        """Frames that the node never answered."""
        return int((~self.answered).sum())

    def errors_mm(self) -> dict[str, FloatArray]:
        """Joint errors (N, 21) in mm for each of evaluate.VIEWS; NaN without hand or truth."""
        return {k: v * 1e3 for k, v in view_errors(self.predictions.joints_m, self.true_joints_m).items()}


def read_live_run(outputs: str | Path, recording: BagRecording, offset_ns: int, node: str = "/hand_pose") -> LiveRun:
    """Pairs a bag of the node's outputs with the bag that was replayed, whose stamps were moved by `offset_ns`.

    Raises HandPoseError when the outputs cannot be read or hold no answer of the node.
    """
    answers: dict[int, tuple[int, Any]] = {}
    clouds: dict[int, FloatArray] = {}
    diagnostics: dict[str, Mapping[str, str]] = {}
    for raw in bags.read_messages(outputs):
        message = bags.deserialize(raw)
        if raw.topic == f"{node}/hands":
            answers[stamp_ns(message.header) - offset_ns] = (raw.stamp_ns, message)
        elif raw.topic == f"{node}/points":
            clouds[stamp_ns(message.header) - offset_ns] = cloud_points(message)
        elif raw.type_name == DIAGNOSTICS:
            for status in message.status:
                diagnostics[status.name] = {"message": status.message, **{v.key: v.value for v in status.values}}
    if not answers:
        raise HandPoseError(f"{outputs}: the node published nothing on {node}/hands; see node.log beside it")

    stamps = np.array([named.frame.stamp_ns for named in recording.frames()])
    count = len(stamps)
    joints_m: FloatArray = np.full((count, JOINT_COUNT, 3), np.nan)
    joint_cov_m2: FloatArray = np.full((count, JOINT_COUNT, 3, 3), np.nan)
    confidence, latency_ms, inference_ms = (np.full(count, np.nan) for _ in range(3))
    side, answered = np.full(count, "", "U5"), np.zeros(count, bool)
    for index, stamp in enumerate(stamps):
        if int(stamp) not in answers:
            continue
        received_ns, message = answers[int(stamp)]
        answered[index] = True
        latency_ms[index] = (received_ns - offset_ns - int(stamp)) / 1e6
        inference_ms[index] = message.inference_latency.sec * 1e3 + message.inference_latency.nanosec / 1e6
        if message.hands:
            hand = max(message.hands, key=lambda one: one.confidence)
            joints_m[index] = true_hand(hand).joints_m
            joint_cov_m2[index] = [np.reshape(joint.covariance, (3, 3)) for joint in hand.joints]
            side[index], confidence[index] = SIDES[int(hand.side)], hand.confidence
    predictions = Predictions(stamps.astype(np.str_), joints_m, joint_cov_m2, side, confidence, latency_ms)
    true_joints_m, _ = match_truth(predictions, recording.truth())
    _, last = next(reversed(answers.values()))
    return LiveRun(
        predictions,
        answered,
        inference_ms,
        (stamps - stamps[0]) * 1e-9,
        true_joints_m,
        {index: clouds[int(stamp)] for index, stamp in enumerate(stamps) if int(stamp) in clouds},
        (last.model_name, last.model_version, last.model_hash),
        diagnostics,
    )


def read_frames(recording: BagRecording, indices: list[int]) -> dict[int, RgbdFrame]:
    """The pictures of some frames, by index."""
    wanted = set(indices)
    return {index: named.frame for index, named in enumerate(recording.frames()) if index in wanted}


def cloud_points(message: Any) -> FloatArray:
    """Points (P, 3) of a PointCloud2 whose first fields are x, y, z as float32, as the node makes them."""
    order = ">f4" if message.is_bigendian else "<f4"
    rows = np.frombuffer(bytes(message.data), np.uint8).reshape(-1, message.point_step)
    return np.ascontiguousarray(rows[:, :12]).view(order).astype(np.float64)
