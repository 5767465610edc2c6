"""Orders of joints: every data set names its own in our names, and is sorted by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hand_pose_ros.skeleton import FINGERS, JOINT_COUNT, JOINT_NAMES
from hand_pose_ros.types import FloatArray, HandPoseError

ALL_FINGERS = tuple(FINGERS)


def outwards(*fingers: str) -> tuple[str, ...]:
    """Our names of the joints of these fingers, each from the palm to the tip."""
    return tuple(JOINT_NAMES[joint] for finger in fingers for joint in FINGERS[finger])


def inwards(*fingers: str) -> tuple[str, ...]:
    """Our names of the joints of these fingers, each from the tip to the palm."""
    return tuple(JOINT_NAMES[joint] for finger in fingers for joint in reversed(FINGERS[finger]))


#: Wrist, then all fingers thumb to little: our own order, and many data sets'.
OURS = ("wrist", *outwards(*ALL_FINGERS))
#: Wrist, then all fingers from the tip: RHD's.
TIPS_FIRST = ("wrist", *inwards(*ALL_FINGERS))
#: All fingers from the tip, then the wrist: InterHand2.6M's and AssemblyHands'.
TIPS_FIRST_WRIST_LAST = (*inwards(*ALL_FINGERS), "wrist")


def to_skeleton(values: FloatArray, names: Sequence[str]) -> FloatArray:
    """Rows (K, D) named in our names, in our order (21, D); joints that are not among them are NaN.

    Names that are no joints of ours (such as 'palm' or '') are left out. Raises HandPoseError where there are not as
    many rows as names.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or len(values) != len(names):
        raise HandPoseError(f"labels of {len(names)} joints were expected, not an array of shape {values.shape}")
    result: FloatArray = np.full((JOINT_COUNT, values.shape[1]), np.nan)
    for name, row in zip(names, values, strict=True):
        if name in JOINT_NAMES:
            result[JOINT_NAMES.index(name)] = row
    return result
