"""Follows hands from picture to picture: looks where they were, keeps their ids and sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hand_pose_ros.region import region_from_joints
from hand_pose_ros.types import HandEstimate, HandRegion, Modality, RgbdFrame

if TYPE_CHECKING:
    from hand_pose_ros.estimator import HandEstimator, SideChoice

#: Between two pictures a hand's middle moves less than this; farther away it is another hand.
MAX_STEP_M = 0.15
#: Estimates whose middles are nearer than this are of one hand, on which two that were followed met.
SAME_HAND_M = 0.04
#: A hand that comes back within this time, near where it was lost, is the same one.
REMEMBER_NS = 1_000_000_000
#: While some hands are followed, further ones are looked for this often.
SEARCH_NS = 200_000_000
#: Weight of the newest picture in the belief that a hand is still on the side it was given.
SIDE_MEMORY = 0.2


@dataclass(frozen=True)
class TrackedHand:
    """A hand and the number it keeps while it is followed; side_belief: 0 to 1, that its side is still right."""

    id: int
    estimate: HandEstimate
    side_belief: float
    stamp_ns: int


class HandTracker:
    """Gives each picture to the estimator with the regions of the hands followed; searches when there are none, and
    now and then while there are fewer than max_hands.

    A stamp that goes backwards forgets everything. Ids are the smallest free numbers, so TF frames do not pile up.
    """

    def __init__(self, estimator: HandEstimator, max_hands: int = 1) -> None:
        self._estimator = estimator
        self._max_hands = max_hands
        self._searched_ns = 0
        self._hands: list[TrackedHand] = []
        self._lost: list[TrackedHand] = []
        self._last_ns = 0

    def update(
        self, frame: RgbdFrame, *, modalities: Modality = "rgbd", side: SideChoice = "auto", min_confidence: float = 0.0
    ) -> list[TrackedHand]:
        """The hands in a frame that are there with at least min_confidence. Raises what the estimator raises."""
        if frame.stamp_ns < self._last_ns:
            self._hands, self._lost, self._searched_ns = [], [], 0
        self._last_ns = frame.stamp_ns
        followed, recent = (
            [hand for hand in hands if frame.stamp_ns - hand.stamp_ns <= REMEMBER_NS]
            for hands in (self._hands, self._lost)
        )
        # Until this frame is done nothing is followed: after bad input the next frame is searched.
        self._hands, self._lost = [], followed + recent

        regions: list[HandRegion] = []
        sides: list[SideChoice] = []
        for hand in followed:
            region = region_from_joints(hand.estimate.joints_m, frame.camera)
            if region is not None:
                regions.append(region)
                sides.append(hand.estimate.side if side == "auto" and hand.side_belief > 0.5 else side)
        estimates: list[HandEstimate] = []
        if regions:
            again = self._estimator.estimate(frame, regions=regions, side=sides, modalities=modalities)
            _add(estimates, again, SAME_HAND_M, min_confidence)
        search_due = len(estimates) < self._max_hands and frame.stamp_ns - self._searched_ns >= SEARCH_NS
        if not estimates or search_due:
            self._searched_ns = frame.stamp_ns
            found = self._estimator.estimate(frame, side=side, modalities=modalities)
            _add(estimates, found, MAX_STEP_M, min_confidence)
        for estimate in estimates:
            self._hands.append(self._recognise(estimate, frame.stamp_ns))
        return list(self._hands)

    def _recognise(self, estimate: HandEstimate, stamp_ns: int) -> TrackedHand:
        """The hand followed, or lost not long ago, that this one continues, or a new one."""
        known = min(self._lost, key=lambda hand: _distance(hand.estimate, estimate), default=None)
        if known is None or not _distance(known.estimate, estimate) <= MAX_STEP_M:
            taken = {hand.id for hand in self._hands + self._lost}
            new_id = next(number for number in range(len(taken) + 1) if number not in taken)
            return TrackedHand(new_id, estimate, estimate.side_confidence, stamp_ns)
        self._lost.remove(known)
        if known.estimate.side == estimate.side:
            belief = (1 - SIDE_MEMORY) * known.side_belief + SIDE_MEMORY * estimate.side_confidence
        else:
            belief = estimate.side_confidence
        return TrackedHand(known.id, estimate, belief, stamp_ns)


def _add(known: list[HandEstimate], found: list[HandEstimate], apart_m: float, min_confidence: float) -> None:
    """Appends to the known those found that are certain enough and that far apart from all others."""
    for estimate in found:
        if estimate.confidence >= min_confidence and all(_distance(estimate, other) > apart_m for other in known):
            known.append(estimate)


def _distance(one: HandEstimate, other: HandEstimate) -> float:
    """Between the middles of two hands, metres."""
    return float(np.linalg.norm(one.joints_m.mean(axis=0) - other.joints_m.mean(axis=0)))
