"""Frames and folders of them into bags, so that they can be replayed through the node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_ros.frames_folder import depth_to_mm
from hand_pose_ros.recordings import bags
from hand_pose_ros.recordings.bag_recording import DEPTH_TOPIC, INFO_TOPIC, RGB_TOPIC, SIDES, TRUTH_TOPIC
from hand_pose_ros.recordings.folder_recording import FolderRecording
from hand_pose_ros.recordings.recording import TrueHand
from hand_pose_ros.types import FloatArray, HandPoseError, PinholeCamera, RgbdFrame

#: Any instant will do for a folder without stamps; zero would mean "no time" to ROS.
FIRST_STAMP_NS = 1_000_000_000_000_000_000


def record_folder(
    folder: str | Path,
    bag: str | Path,
    *,
    fps: float = 30.0,
    order: Sequence[int] | None = None,
    storage: bags.Storage = "mcap",
    frame_id: str = "camera_color_optical_frame",
) -> int:
    """Writes a frames folder as a bag, under the node's input topics, frames 1/fps s apart; returns their number.

    order: which frames, in which order and as often as they are named; by default all of them once.
    Ground truth, where the folder has it, goes to /ground_truth/hands as a HandArray with the image's stamp.
    Raises HandPoseError for an unusable folder or rate, and where the bag exists.
    """
    recording = FolderRecording(folder)
    truth = recording.truth()
    samples = map(recording.frame, range(len(recording)) if order is None else order)
    frames = ((sample.frame, truth[sample.name] if truth else None) for sample in samples)
    return record_frames(frames, bag, fps=fps, storage=storage, frame_id=frame_id)


def record_frames(
    frames: Iterable[tuple[RgbdFrame, list[TrueHand] | None]],
    bag: str | Path,
    *,
    fps: float = 30.0,
    storage: bags.Storage = "mcap",
    frame_id: str = "camera_color_optical_frame",
) -> int:
    """Writes frames with their true hands, or None where these are unknown, as `record_folder` does."""
    if not 0 < fps < float("inf"):
        raise HandPoseError(f"fps is {fps}; give a positive number of frames a second")
    count = 0
    with bags.BagWriter(bag, storage) as writer:
        for count, (frame, hands) in enumerate(frames, start=1):
            stamp_ns = FIRST_STAMP_NS + round((count - 1) * 1e9 / fps)
            header = _header(stamp_ns, frame_id)
            writer.write(f"/{INFO_TOPIC}", bags.CAMERA_INFO, stamp_ns, _camera_info(frame.camera, header))
            if frame.rgb is not None:
                writer.write(f"/{RGB_TOPIC}", bags.IMAGE, stamp_ns, _image(frame.rgb, "rgb8", header))
            if frame.depth_m is not None:
                depth = _image(depth_to_mm(frame.depth_m), "16UC1", header)
                writer.write(f"/{DEPTH_TOPIC}", bags.IMAGE, stamp_ns, depth)
            if hands is not None:
                writer.write(f"/{TRUTH_TOPIC}", bags.HAND_ARRAY, stamp_ns, _hand_array(hands, header))
    return count


def _header(stamp_ns: int, frame_id: str) -> Any:
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    time = bags.message_type("builtin_interfaces/msg/Time")(sec=seconds, nanosec=nanoseconds)
    return bags.message_type("std_msgs/msg/Header")(stamp=time, frame_id=frame_id)


def _image(picture: np.ndarray, encoding: str, header: Any) -> Any:
    return bags.message_type(bags.IMAGE)(
        header=header,
        height=picture.shape[0],
        width=picture.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=picture.strides[0],
        data=np.frombuffer(picture.tobytes(), np.uint8),
    )


def _camera_info(camera: PinholeCamera, header: Any) -> Any:
    k = np.array([camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1], np.float64)
    region = bags.message_type("sensor_msgs/msg/RegionOfInterest")(
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    return bags.message_type(bags.CAMERA_INFO)(
        header=header,
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=k,
        r=np.eye(3).ravel(),
        p=np.insert(k, (3, 6, 9), 0.0),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def _hand_array(hands: list[TrueHand], header: Any) -> Any:
    return bags.message_type(bags.HAND_ARRAY)(
        header=header,
        hands=[_hand(index, hand) for index, hand in enumerate(hands)],
        modalities=0,
        model_name="ground truth",
        model_version="",
        model_hash="",
        model_provider="",
        inference_latency=bags.message_type("builtin_interfaces/msg/Duration")(sec=0, nanosec=0),
    )


def _hand(identifier: int, hand: TrueHand) -> Any:
    point = bags.message_type("geometry_msgs/msg/Point")
    upright = bags.message_type("geometry_msgs/msg/Quaternion")(x=0.0, y=0.0, z=0.0, w=1.0)
    pose = bags.message_type("geometry_msgs/msg/Pose")(position=_point(point, hand.joints_m[0]), orientation=upright)
    return bags.message_type("hand_pose_msgs/msg/Hand")(
        id=identifier,
        side={side: code for code, side in SIDES.items()}[hand.side],
        side_confidence=1.0,
        confidence=1.0,
        modalities=0,
        wrist=bags.message_type("geometry_msgs/msg/PoseWithCovariance")(pose=pose, covariance=np.zeros(36)),
        joints=[_joint(point, position) for position in hand.joints_m],
        joint_angles=np.zeros(0, np.float32),
        joint_angle_names=[],
    )


def _joint(point: Any, position: FloatArray) -> Any:
    valid = bool(np.isfinite(position).all())
    covariance = np.zeros(9)
    covariance[0] = 0.0 if valid else -1.0
    return bags.message_type("hand_pose_msgs/msg/HandJoint")(
        position=_point(point, position), covariance=covariance, score=float(valid), valid=valid
    )


def _point(point: Any, position: FloatArray) -> Any:
    x, y, z = (float(value) for value in position)
    return point(x=x, y=y, z=z)
