"""Builds every message of the node from plain data: no node, no clock, no state."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, PoseWithCovariance, Quaternion, TransformStamped, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import ColorRGBA, Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from hand_pose_msgs.msg import Hand, HandArray, HandJoint
from hand_pose_ros.kinematics.model import ANGLE_NAMES
from hand_pose_ros.kinematics.rotations import ellipsoid_axes, quaternion_from_matrix
from hand_pose_ros.kinematics.urdf import joint_name, wrist_link
from hand_pose_ros.kinematics.wrist import wrist_pose
from hand_pose_ros.overlay import colour_depth, draw_ellipses, draw_skeleton, joint_colours
from hand_pose_ros.ros.transforms import Transform, hand_transforms
from hand_pose_ros.samples import hand_samples
from hand_pose_ros.skeleton import BONES, JOINT_COUNT
from hand_pose_ros.tracking import TrackedHand
from hand_pose_ros.types import FloatArray, HandEstimate, Modality, RgbdFrame

MODALITY_BITS: dict[Modality, int] = {
    "rgb": Hand.MODALITY_RGB,
    "depth": Hand.MODALITY_DEPTH,
    "rgbd": Hand.MODALITY_RGB | Hand.MODALITY_DEPTH,
}
_SIDES = {"left": Hand.SIDE_LEFT, "right": Hand.SIDE_RIGHT}

#: Markers outlive one lost picture, not a dead node.
MARKER_LIFETIME = Duration(sec=0, nanosec=500_000_000)
_JOINTS_ID, _BONES_ID, _FIRST_ELLIPSOID_ID = 0, 1, 2
_ANGLE_NAMES = list(ANGLE_NAMES)
_NO_POSITION = np.array([-1.0] + [0.0] * 8)
_JOINT_COLOURS = [ColorRGBA(r=r / 255, g=g / 255, b=b / 255, a=1.0) for r, g, b in joint_colours()]


class ModelFacts(NamedTuple):
    """What every message tells about the model; provider: the execution provider that runs it."""

    name: str
    version: str
    hash: str
    provider: str


def header_of(frame: RgbdFrame) -> Header:
    """The image's own stamp and optical frame."""
    sec, nanosec = divmod(frame.stamp_ns, 1_000_000_000)
    return Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame.frame_id)


def modalities_of(frame: RgbdFrame) -> int:
    """Sum of Hand.MODALITY_* of what there is to look at in the frame."""
    return Hand.MODALITY_RGB * (frame.rgb is not None) | Hand.MODALITY_DEPTH * (frame.depth_m is not None)


def hand_array(
    frame: RgbdFrame,
    hands: Sequence[TrackedHand],
    angles: Mapping[int, FloatArray],
    model: ModelFacts,
    latency_ns: int,
) -> HandArray:
    """All hands of a frame, most confident first. angles: (21,) radians of each hand, by id, NaN where unknown;
    latency_ns: spent on the frame."""
    sec, nanosec = divmod(latency_ns, 1_000_000_000)
    ordered = sorted(hands, key=lambda hand: -hand.estimate.confidence)
    return HandArray(
        header=header_of(frame),
        hands=[_hand(hand, angles[hand.id]) for hand in ordered],
        modalities=modalities_of(frame),
        model_name=model.name,
        model_version=model.version,
        model_hash=model.hash,
        model_provider=model.provider,
        inference_latency=Duration(sec=sec, nanosec=nanosec),
    )


def _hand(hand: TrackedHand, angles: FloatArray) -> Hand:
    estimate = hand.estimate
    message = Hand(
        id=hand.id,
        side=_SIDES[estimate.side],
        side_confidence=float(estimate.side_confidence),
        confidence=float(estimate.confidence),
        modalities=0 if hand.unseen_s > 0 else MODALITY_BITS[estimate.modalities],
        joint_angles=array("f", angles.tolist()),
        joint_angle_names=_ANGLE_NAMES,
    )
    # filled in where they are: a message makes all its parts before it takes others in their place
    _fill_wrist(message.wrist, estimate)
    _fill_joints(message.joints, estimate)
    return message


def _fill_wrist(message: PoseWithCovariance, estimate: HandEstimate) -> None:
    pose = wrist_pose(estimate.joints_m, estimate.joint_cov_m2, estimate.side)
    if pose is None:
        nan = float("nan")
        message.pose.position = Point(x=nan, y=nan, z=nan)
        message.pose.orientation = Quaternion(x=nan, y=nan, z=nan, w=nan)
        message.covariance[0] = -1.0
        return
    message.pose.position = _point(pose.position)
    message.pose.orientation = _quaternion(quaternion_from_matrix(pose.rotation))
    message.covariance = pose.covariance.ravel()


def _fill_joints(joints: Sequence[HandJoint], estimate: HandEstimate) -> None:
    covariances = estimate.joint_cov_m2.astype(np.float64).reshape(JOINT_COUNT, 9)
    seen = np.asarray(np.isfinite(estimate.joints_m).all(axis=1))
    covariances = np.where(np.isfinite(covariances).all(axis=1, keepdims=True), covariances, 0.0)
    covariances[~seen] = _NO_POSITION
    positions = np.where(seen[:, None], estimate.joints_m, np.nan)
    told = zip(joints, positions.tolist(), covariances, seen.tolist(), strict=True)
    for joint, (x, y, z), covariance, valid in told:
        joint.position.x, joint.position.y, joint.position.z = x, y, z
        joint.covariance, joint.valid = covariance, valid
        joint.score = float(estimate.confidence) if valid else 0.0


def best_of_sides(hands: Sequence[TrackedHand]) -> list[TrackedHand]:
    """The most confident left hand and the most confident right one, as far as there are any."""
    sides = sorted({hand.estimate.side for hand in hands})
    return [
        max((hand for hand in hands if hand.estimate.side == side), key=lambda hand: hand.estimate.confidence)
        for side in sides
    ]


def joint_state(header: Header, hands: Sequence[TrackedHand], angles: Mapping[int, FloatArray]) -> JointState:
    """The known joint angles of the best left and the best right hand, named as in their URDFs; none when there is no
    hand. angles: (21,) radians of each hand, by id."""
    message = JointState(header=header)
    for hand in best_of_sides(hands):
        for name, angle in zip(ANGLE_NAMES, angles[hand.id].tolist(), strict=True):
            if np.isfinite(angle):
                message.name.append(joint_name(hand.estimate.side, name))
                message.position.append(angle)
    return message


def marker_array(header: Header, hands: Sequence[TrackedHand], shown_before: Collection[int]) -> MarkerArray:
    """Joints, bones and two-sigma ellipsoids of each hand; deletes what `shown_before` (ids) and is gone."""
    markers = [marker for hand in hands for marker in _markers(header, hand)]
    vanished = sorted(set(shown_before) - {hand.id for hand in hands})
    for hand_id in vanished:
        for marker_id in range(_FIRST_ELLIPSOID_ID + JOINT_COUNT):
            markers.append(Marker(header=header, ns=f"hand_{hand_id}", id=marker_id, action=Marker.DELETE))
    return MarkerArray(markers=markers)


def _markers(header: Header, hand: TrackedHand) -> list[Marker]:
    joints, covariances = hand.estimate.joints_m, hand.estimate.joint_cov_m2
    valid = [bool(np.isfinite(joint).all()) for joint in joints]

    def marker(marker_id: int, kind: int, size: float) -> Marker:
        made = Marker(header=header, ns=f"hand_{hand.id}", id=marker_id, type=kind, lifetime=MARKER_LIFETIME)
        made.scale = Vector3(x=size, y=size, z=size)
        return made

    spheres, bones = marker(_JOINTS_ID, Marker.SPHERE_LIST, 0.008), marker(_BONES_ID, Marker.LINE_LIST, 0.004)
    spheres.points = [_point(joints[joint]) for joint in range(JOINT_COUNT) if valid[joint]]
    spheres.colors = [_JOINT_COLOURS[joint] for joint in range(JOINT_COUNT) if valid[joint]]
    for parent, child in BONES:
        if valid[parent] and valid[child]:
            bones.points += [_point(joints[parent]), _point(joints[child])]
            bones.colors += [_JOINT_COLOURS[child]] * 2

    ellipsoids = []
    for joint in range(JOINT_COUNT):
        ellipsoid = marker(_FIRST_ELLIPSOID_ID + joint, Marker.SPHERE, 0.0)
        if valid[joint] and np.isfinite(covariances[joint]).all():
            axes, deviations = ellipsoid_axes(covariances[joint])
            ellipsoid.pose.position = _point(joints[joint])
            ellipsoid.pose.orientation = _quaternion(quaternion_from_matrix(axes))
            # Diameters of the two-sigma ellipsoid.
            ellipsoid.scale = Vector3(**dict(zip("xyz", (4 * deviations).tolist(), strict=True)))
            colour = _JOINT_COLOURS[joint]
            ellipsoid.color = ColorRGBA(r=colour.r, g=colour.g, b=colour.b, a=0.25)
        else:
            ellipsoid.action = Marker.DELETE
        ellipsoids.append(ellipsoid)
    return [spheres, bones, *ellipsoids]


def sample_rows(hands: Sequence[TrackedHand]) -> tuple[FloatArray, NDArray[np.uint32]]:
    """Hands drawn from the posteriors: joints (R, 21, 3) in metres, a row for each, and (R, 2) whose they are (the
    hand's id) and which of its samples."""
    drawn = [hand_samples(hand.estimate) for hand in hands]
    whose = [(hand.id, index) for hand, rows in zip(hands, drawn, strict=True) for index in range(len(rows))]
    joints = np.concatenate(drawn) if drawn else np.empty((0, JOINT_COUNT, 3))
    return joints, np.array(whose, np.uint32).reshape(-1, 2)


def cloud_points(hands: Sequence[TrackedHand]) -> FloatArray:
    """(N, 3): the surface points of all hands, metres."""
    return np.concatenate([hand.estimate.cloud_m for hand in hands]) if hands else np.empty((0, 3))


def tf_message(header: Header, hands: Sequence[TrackedHand], with_joints: bool) -> TFMessage:
    """The transforms of all hands whose palm is known; the best hand of either side is its URDF's root, too."""
    roots = {hand.id: wrist_link(hand.estimate.side) for hand in best_of_sides(hands)}
    transforms = []
    for hand in hands:
        pose = wrist_pose(hand.estimate.joints_m, hand.estimate.joint_cov_m2, hand.estimate.side)
        if pose is None:
            continue
        wrist, *joints = hand_transforms(header.frame_id, hand.id, hand.estimate.joints_m, pose, with_joints)
        root = [replace(wrist, child=roots[hand.id])] if hand.id in roots else []
        transforms += [_stamped(transform, header.stamp) for transform in (wrist, *root, *joints)]
    return TFMessage(transforms=transforms)


def _stamped(transform: Transform, stamp: Time) -> TransformStamped:
    message = TransformStamped(header=Header(stamp=stamp, frame_id=transform.parent), child_frame_id=transform.child)
    x, y, z = transform.translation.tolist()
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation = _quaternion(transform.quaternion)
    return message


def debug_picture(frame: RgbdFrame, hands: Sequence[TrackedHand]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, red first: skeletons and 90 % ellipses over the picture, or over the depth without colour."""
    picture = frame.rgb
    if picture is None:
        assert frame.depth_m is not None
        picture = colour_depth(frame.depth_m)
    for hand in hands:
        picture = draw_ellipses(picture, hand.estimate.joints_m, hand.estimate.joint_cov_m2, frame.camera)
        picture = draw_skeleton(picture, hand.estimate.joints_px)
    return picture


def image_message(header: Header, pixels: NDArray[np.generic], encoding: str) -> Image:
    """(H, W) or (H, W, C) as a sensor_msgs/Image in this machine's byte order."""
    data = array("B")  # see clouds.py
    data.frombytes(np.ascontiguousarray(pixels).tobytes())
    return Image(
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=sys.byteorder != "little",
        step=pixels.nbytes // pixels.shape[0],
        data=data,
    )


def _point(position: FloatArray) -> Point:
    x, y, z = position.tolist()
    return Point(x=x, y=y, z=z)


def _quaternion(quaternion: FloatArray) -> Quaternion:
    x, y, z, w = quaternion.tolist()
    return Quaternion(x=x, y=y, z=z, w=w)
