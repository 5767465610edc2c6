"""How long a hand's bones are: measured in one picture, or better, over all pictures in which a hand is followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hand_pose_ros.kinematics.model import DIGITS, MEAN_SHAPE, HandShape
from hand_pose_ros.kinematics.solve import solve_angles
from hand_pose_ros.kinematics.wrist import mirror, to_right_hand, wrist_pose
from hand_pose_ros.types import FloatArray, HandEstimate, HandPoseError, Side

if TYPE_CHECKING:
    from hand_pose_ros.tracking import TrackedHand

#: Lengths are the mean of this many pictures, then they follow slowly: half a minute at 30 Hz.
MEMORY = 900
#: A hand that was away for longer, nanoseconds, is measured anew.
FORGET_NS = 2_000_000_000


class ShapeMean:
    """The running mean of one hand's measures; a bone that was never seen has the mean hand's length."""

    def __init__(self) -> None:
        self._bones = _flat(MEAN_SHAPE)
        self._counts = np.zeros(30)

    def add(self, joints: FloatArray) -> HandShape:
        """The shape so far. joints: (21, 3) metres, wrist frame of a right hand; NaN: not seen."""
        seen = _flat(measure(joints))
        finite = np.isfinite(seen)
        self._counts += finite
        change = np.where(finite, seen - self._bones, 0.0)
        self._bones = self._bones + change / np.clip(self._counts, 1, MEMORY)
        return self.shape

    @property
    def shape(self) -> HandShape:
        return HandShape(self._bones[:15].reshape(5, 3), self._bones[15:].reshape(5, 3))


@dataclass
class _Followed:
    shape: ShapeMean
    side: Side
    stamp_ns: int


class JointAngles:
    """Joint angles of hands that are followed; each keeps its bone lengths for as long as it keeps its id and side."""

    def __init__(self) -> None:
        self._hands: dict[int, _Followed] = {}

    def update(self, hands: Sequence[TrackedHand], stamp_ns: int) -> dict[int, FloatArray]:
        """Angles (21,) in radians, in the order of model.HINGES, by the hands' ids; NaN where joints are missing.

        stamp_ns: of the picture that the hands are in.
        """
        return {hand.id: self._angles(hand.id, hand.estimate, stamp_ns) for hand in hands}

    def _angles(self, hand_id: int, estimate: HandEstimate, stamp_ns: int) -> FloatArray:
        pose = wrist_pose(estimate.joints_m, estimate.joint_cov_m2, estimate.side)
        if pose is None:
            return np.full(21, np.nan)
        known = self._hands.get(hand_id)
        if known is None or known.side != estimate.side or not 0 <= stamp_ns - known.stamp_ns <= FORGET_NS:
            known = self._hands[hand_id] = _Followed(ShapeMean(), estimate.side, stamp_ns)
        known.stamp_ns = stamp_ns
        joints = to_right_hand(estimate.joints_m, pose, estimate.side)
        turn = pose.rotation * mirror(estimate.side)
        return solve_angles(joints, known.shape.add(joints), turn.T @ estimate.joint_cov_m2 @ turn)


def measure(joints: FloatArray) -> HandShape:
    """The shape of one hand (21, 3), or the median of several (N, 21, 3), in metres; NaN where no joint was.

    joints: wrist frame of a right hand.
    """
    bases, phalanges = joints[..., DIGITS[:, 0], :], np.diff(joints[..., DIGITS, :], axis=-2)
    lengths = np.linalg.norm(phalanges, axis=-1)
    if joints.ndim > 2:
        bases, lengths = np.nanmedian(bases, axis=0), np.nanmedian(lengths, axis=0)
    return HandShape(bases, lengths)


def measure_hands(joints: FloatArray, side: Side) -> HandShape:
    """The median shape of one person's hand from joints (N, 21, 3) in metres in any frame.

    Raises HandPoseError when not a single hand is complete.
    """
    complete = joints[np.isfinite(joints).all(axis=(1, 2))]
    unknown = np.zeros((21, 3, 3))
    poses = [(hand, wrist_pose(hand, unknown, side)) for hand in complete]
    local = [to_right_hand(hand, pose, side) for hand, pose in poses if pose is not None]
    if not local:
        raise HandPoseError(f"none of the {len(joints)} hands has all its joints, so there is nothing to measure")
    return measure(np.array(local))


def _flat(shape: HandShape) -> FloatArray:
    return np.concatenate([shape.bases_m.ravel(), shape.phalanges_m.ravel()])
