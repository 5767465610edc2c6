"""Hands as Foxglove's messages: built from plain data, without a server or a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from foxglove.messages import (
    Color,
    CompressedImage,
    CylinderPrimitive,
    Duration,
    FrameTransform,
    FrameTransforms,
    JointState,
    JointStates,
    LinePrimitive,
    LinePrimitiveLineType,
    PackedElementField,
    PackedElementFieldNumericType,
    Point3,
    PointCloud,
    Pose,
    Quaternion,
    SceneEntity,
    SceneUpdate,
    SpherePrimitive,
    Timestamp,
    Vector3,
)
from numpy.typing import NDArray

from hand_pose_ros.kinematics.model import ANGLE_NAMES, joints_from_angles
from hand_pose_ros.kinematics.rotations import ellipsoid_axes, quaternion_from_matrix
from hand_pose_ros.kinematics.shape import measure
from hand_pose_ros.kinematics.urdf import joint_name, wrist_link
from hand_pose_ros.kinematics.wrist import from_right_hand, to_right_hand, wrist_pose
from hand_pose_ros.overlay import joint_colours
from hand_pose_ros.skeleton import BONES
from hand_pose_ros.types import FloatArray, Side

#: The frame that Foxglove's 3D panel should show: x where the camera looks, z up.
VIEW_FRAME = "view"
#: In it, the axes of an optical frame (REP-103): z forward is x, x right is -y, y down is -z.
_OPTICAL_IN_VIEW = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
#: Entities outlive some lost pictures, not a source that stopped.
LIFETIME = Duration(0, 500_000_000)
_JOINT_SIZE, _BONE_WIDTH, _MODEL_WIDTH = 0.008, 0.004, 0.014
_COLOURS = [(r / 255, g / 255, b / 255) for r, g, b in joint_colours()]


@dataclass(frozen=True)
class SeenHand:
    """What is shown of one hand: joints_m (21, 3) and joint_cov_m2 (21, 3, 3) in the camera's optical frame, angles
    (21,) in radians; NaN where unknown."""

    id: int
    side: Side
    confidence: float
    joints_m: FloatArray
    joint_cov_m2: FloatArray
    angles: FloatArray


def markers(stamp_ns: int, frame_id: str, hands: Sequence[SeenHand]) -> SceneUpdate:
    """Joints, bones and two-sigma ellipsoids, as in the node's ~/markers."""
    entities = []
    for hand in hands:
        there = _finite(hand.joints_m)
        spheres = []
        for joint in np.flatnonzero(there).tolist():
            spheres.append(_sphere(hand.joints_m[joint], np.full(3, _JOINT_SIZE), np.eye(3), _COLOURS[joint], 1.0))
        for joint in np.flatnonzero(there & _finite(hand.joint_cov_m2)).tolist():
            axes, deviations = ellipsoid_axes(hand.joint_cov_m2[joint])
            spheres.append(_sphere(hand.joints_m[joint], 4 * deviations, axes, _COLOURS[joint], 0.25))
        lines = [
            LinePrimitive(
                type=LinePrimitiveLineType.LineList,
                thickness=_BONE_WIDTH,
                points=[_point(hand.joints_m[parent]), _point(hand.joints_m[child])],
                color=_colour(_COLOURS[child], 1.0),
            )
            for parent, child in BONES
            if there[parent] and there[child]
        ]
        entities.append(_entity(stamp_ns, frame_id, f"hand_{hand.id}", spheres=spheres, lines=lines))
    return SceneUpdate(entities=entities)


def models(stamp_ns: int, frame_id: str, hands: Sequence[SeenHand]) -> SceneUpdate:
    """The hands as their joint angles have them: what a robot that follows them is told."""
    entities = []
    for hand in hands:
        joints = joints_of_angles(hand)
        there = _finite(joints)
        cylinders = [
            _cylinder(joints[parent], joints[child], _COLOURS[child])
            for parent, child in BONES
            if there[parent] and there[child]
        ]
        entities.append(_entity(stamp_ns, frame_id, f"hand_{hand.id}_model", cylinders=cylinders))
    return SceneUpdate(entities=entities)


def joints_of_angles(hand: SeenHand) -> FloatArray:
    """(21, 3) metres, camera frame: the hand with its own bone lengths in the pose of its angles; NaN where unknown."""
    pose = wrist_pose(hand.joints_m, hand.joint_cov_m2, hand.side)
    if pose is None:
        return np.full((21, 3), np.nan)
    shape = measure(to_right_hand(hand.joints_m, pose, hand.side))
    return from_right_hand(joints_from_angles(hand.angles, shape), pose, hand.side)


def joint_states(stamp_ns: int, hands: Sequence[SeenHand]) -> JointStates:
    """The known joint angles, named as in ~/joint_states."""
    states = [
        JointState(name=joint_name(hand.side, name), position=angle)
        for hand in hands
        for name, angle in zip(ANGLE_NAMES, hand.angles.tolist(), strict=True)
        if np.isfinite(angle)
    ]
    return JointStates(timestamp=_stamp(stamp_ns), joints=states)


def transforms(stamp_ns: int, frame_id: str, hands: Sequence[SeenHand]) -> FrameTransforms:
    """The camera in VIEW_FRAME and the wrists in the camera's frame, named as in /tf."""
    made = [_transform(stamp_ns, VIEW_FRAME, frame_id, np.zeros(3), _OPTICAL_IN_VIEW)]
    for hand in hands:
        pose = wrist_pose(hand.joints_m, hand.joint_cov_m2, hand.side)
        if pose is not None:
            for child in (f"hand_{hand.id}/wrist", wrist_link(hand.side)):
                made.append(_transform(stamp_ns, frame_id, child, pose.position, pose.rotation))
    return FrameTransforms(transforms=made)


def point_cloud(stamp_ns: int, frame_id: str, points: FloatArray) -> PointCloud:
    """points: (N, 3) metres."""
    kind = PackedElementFieldNumericType.Float32
    return PointCloud(
        timestamp=_stamp(stamp_ns),
        frame_id=frame_id,
        pose=Pose(position=Vector3(x=0.0, y=0.0, z=0.0), orientation=_quaternion(np.eye(3))),
        point_stride=12,
        fields=[PackedElementField(name=name, offset=4 * i, type=kind) for i, name in enumerate("xyz")],
        data=np.ascontiguousarray(points, "<f4").tobytes(),
    )


def compressed_image(stamp_ns: int, frame_id: str, picture: NDArray[np.uint8]) -> CompressedImage:
    """picture: (H, W, 3), red first; goes out as JPEG."""
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return CompressedImage(timestamp=_stamp(stamp_ns), frame_id=frame_id, data=data.tobytes(), format="jpeg")


def _finite(values: FloatArray) -> NDArray[np.bool_]:
    """(N,): whether all of the numbers of each are finite."""
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(axis=1))


def _stamp(stamp_ns: int) -> Timestamp:
    return Timestamp(*divmod(stamp_ns, 1_000_000_000))


def _entity(stamp_ns: int, frame_id: str, name: str, **primitives: Any) -> SceneEntity:
    return SceneEntity(timestamp=_stamp(stamp_ns), frame_id=frame_id, id=name, lifetime=LIFETIME, **primitives)


def _sphere(
    position: FloatArray, size: FloatArray, axes: FloatArray, colour: tuple[float, float, float], alpha: float
) -> SpherePrimitive:
    return SpherePrimitive(pose=_pose(position, axes), size=_vector(size), color=_colour(colour, alpha))


def _cylinder(start: FloatArray, end: FloatArray, colour: tuple[float, float, float]) -> CylinderPrimitive:
    along = end - start
    length = float(np.linalg.norm(along))
    z = along / length if length > 0 else np.array([0.0, 0.0, 1.0])
    x = np.cross(z, np.eye(3)[np.abs(z).argmin()])
    x /= np.linalg.norm(x)
    return CylinderPrimitive(
        pose=_pose((start + end) / 2, np.column_stack([x, np.cross(z, x), z])),
        size=_vector(np.array([_MODEL_WIDTH, _MODEL_WIDTH, length])),
        bottom_scale=1.0,
        top_scale=1.0,
        color=_colour(colour, 0.6),
    )


def _transform(stamp_ns: int, parent: str, child: str, position: FloatArray, rotation: FloatArray) -> FrameTransform:
    return FrameTransform(
        timestamp=_stamp(stamp_ns),
        parent_frame_id=parent,
        child_frame_id=child,
        translation=_vector(position),
        rotation=_quaternion(rotation),
    )


def _pose(position: FloatArray, rotation: FloatArray) -> Pose:
    return Pose(position=_vector(position), orientation=_quaternion(rotation))


def _quaternion(rotation: FloatArray) -> Quaternion:
    x, y, z, w = quaternion_from_matrix(rotation).tolist()
    return Quaternion(x=x, y=y, z=z, w=w)


def _vector(values: FloatArray) -> Vector3:
    x, y, z = values.tolist()
    return Vector3(x=x, y=y, z=z)


def _point(values: FloatArray) -> Point3:
    x, y, z = values.tolist()
    return Point3(x=x, y=y, z=z)


def _colour(colour: tuple[float, float, float], alpha: float) -> Color:
    return Color(r=colour[0], g=colour[1], b=colour[2], a=alpha)
