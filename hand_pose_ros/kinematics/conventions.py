"""The hand as MediaPipe, MANO, OpenXR and dex-retargeting want it: their order of joints, their axes, their rotations.

Joints go in as everywhere here: (21, 3) metres in the camera's optical frame, in the skeleton's order, which is that of
MediaPipe, FreiHAND and OpenPose. What is NaN stays NaN.
"""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_ros.kinematics.model import DIGITS, digit_frames, to_axes
from hand_pose_ros.kinematics.wrist import Pose, mirror
from hand_pose_ros.skeleton import WRIST
from hand_pose_ros.types import FloatArray, Side

#: For each joint of MANO (wrist; three each of index, middle, little, ring finger, thumb; then the tips from thumb to
#: little finger, which are vertices) its index in the skeleton.
MANO_ORDER: tuple[int, ...] = (0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20)
_MANO_DIGITS = [1, 2, 4, 3, 0]
#: Columns are the axes of MANO's template in our wrist frame. Right: fingers along -x, back of the hand up +y; left:
#: the right one mirrored in x (Romero, Tzionas, Black: Embodied Hands, 2017).
_MANO_AXES: dict[Side, FloatArray] = {"right": np.diag([-1.0, 1.0, -1.0]), "left": np.eye(3)}

#: MANO's template is not quite straight: the angles, in degrees, that solve.py finds in its mean right hand.
_MANO_REST = np.radians(
    [-24, -9, 9, 18, -4, -3, -7, 11, -6, 3, -5, 7, -5, -5, -5, 8, -15, 6, -4, 3, -10]
)  # fmt: skip

#: Names of XrHandJointEXT in its order (OpenXR 1.1, XR_EXT_hand_tracking).
OPENXR_NAMES: tuple[str, ...] = (
    "palm", "wrist",
    "thumb_metacarpal", "thumb_proximal", "thumb_distal", "thumb_tip",
    "index_metacarpal", "index_proximal", "index_intermediate", "index_distal", "index_tip",
    "middle_metacarpal", "middle_proximal", "middle_intermediate", "middle_distal", "middle_tip",
    "ring_metacarpal", "ring_proximal", "ring_intermediate", "ring_distal", "ring_tip",
    "little_metacarpal", "little_proximal", "little_intermediate", "little_distal", "little_tip",
)  # fmt: skip
#: The four fingers' metacarpals begin inside the hand, where no joint of ours is: at these shares of the way from the
#: wrist to the knuckle, as in the generic hand of the WebXR input profiles 1.0.20.
_METACARPAL_SHARE = np.array([0.34, 0.32, 0.33, 0.50])


def to_mediapipe(joints: FloatArray) -> FloatArray:
    """(21, 3) like MediaPipe's world landmarks: metres, camera axes, origin at the hand's middle."""
    return joints - np.nanmean(joints, axis=0)


def to_mano(joints: FloatArray) -> FloatArray:
    """(21, 3) in MANO's order of joints, still in the camera's frame."""
    return joints[list(MANO_ORDER)]


def mano_pose(angles: FloatArray, side: Side) -> FloatArray:
    """(15, 3) axis-angle in MANO's order and axes: `hand_pose` with flat_hand_mean=True, use_pca=False.

    The turns of each joint from MANO's mean template. Other shapes' templates differ by some degrees.
    """
    rest = digit_frames(to_axes(_MANO_REST))
    flip = mirror(side)
    turned = flip[:, None] * (digit_frames(to_axes(angles)) @ np.swapaxes(rest, -1, -2)) * flip
    before = np.concatenate([np.broadcast_to(np.eye(3), (5, 1, 3, 3)), turned[:, :-1]], axis=1)
    axes = _MANO_AXES[side]
    local = axes.T @ np.swapaxes(before, -1, -2) @ turned @ axes
    return np.array([_axis_angle(turn) for turn in local[_MANO_DIGITS].reshape(15, 3, 3)])


def to_openxr(joints: FloatArray, angles: FloatArray, pose: Pose, side: Side) -> tuple[FloatArray, FloatArray]:
    """Positions (26, 3) and orientations (26, 3, 3) of XrHandJointEXT in the camera's frame.

    OpenXR's axes of a joint: -z along its bone to the tip, +y out of the back of hand or finger, so +x to the right.
    The palm is the middle of the middle finger's metacarpal. pose: the wrist's (`wrist_pose`).
    """
    wrist, knuckles = joints[WRIST], joints[DIGITS[1:, 0]]
    metacarpals = wrist + _METACARPAL_SHARE[:, None] * (knuckles - wrist)
    positions = [(metacarpals[1] + knuckles[1])[None] / 2, wrist[None], joints[DIGITS[0]]]
    flip = mirror(side)
    frames = pose.rotation @ (flip[:, None] * digit_frames(to_axes(angles)) * flip)
    along = [_frame(knuckle - start, pose.rotation[:, 1]) for start, knuckle in zip(metacarpals, knuckles, strict=True)]
    axes = [along[1][None], pose.rotation[None], frames[0], frames[0, 2:]]
    for finger in range(4):
        positions += [metacarpals[finger][None], joints[DIGITS[finger + 1]]]
        axes += [along[finger][None], frames[finger + 1], frames[finger + 1, 2:]]
    forward_back_side = np.concatenate(axes)
    x, y, z = np.moveaxis(forward_back_side, -1, 0)
    return np.concatenate(positions), np.stack([z, y, -x], axis=-1)


def to_dex_retargeting(joints: FloatArray, pose: Pose) -> FloatArray:
    """(21, 3) as dex-retargeting's retargeters take them: metres from the wrist; z to the fingers, x out of the palm.

    What its example's SingleHandDetector makes of MediaPipe's landmarks, for either side. The indices of its
    configurations (target_link_human_indices) are those of our skeleton.
    """
    x, y, z = np.moveaxis((joints - pose.position) @ pose.rotation, -1, 0)
    return np.stack([-y, -z, x], axis=-1)


def _frame(forward: FloatArray, back: FloatArray) -> FloatArray:
    """(3, 3): columns x along `forward`, y near `back`, z."""
    x = forward / np.linalg.norm(forward)
    y = back - x * (x @ back)
    y = y / np.linalg.norm(y)
    return np.column_stack([x, y, np.cross(x, y)])


def _axis_angle(rotation: FloatArray) -> FloatArray:
    if not np.isfinite(rotation).all():
        return np.full(3, np.nan)
    return np.asarray(cv2.Rodrigues(rotation)[0][:, 0], dtype=float)
