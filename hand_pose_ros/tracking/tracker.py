"""Follows hands from picture to picture: looks where they will be, keeps their ids and sides, steadies their joints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hand_pose_ros.camera import project
from hand_pose_ros.region import CLOSEST_M, region_from_joints
from hand_pose_ros.tracking.joint_filter import JointFilter
from hand_pose_ros.tracking.side_vote import SideVote
from hand_pose_ros.types import FloatArray, HandEstimate, HandRegion, Modality, PinholeCamera, RgbdFrame

if TYPE_CHECKING:
    from hand_pose_ros.estimator import HandEstimator, SideChoice

#: A hand's middle is nearer than this to where it was expected; farther away it is another hand.
MAX_STEP_M = 0.15
#: To colour alone a hand may seem so many times nearer or farther than expected; more, and it is another one.
MAX_RATIO = 3.0
#: Estimates whose middles are nearer than this are of one hand: on which two that were followed met, or which a search
#: found again. A search centres its crops less well.
SAME_HAND_M, SAME_FOUND_M = 0.04, 0.08
#: A hand of the other side passes for a known one only if it is this much nearer than one of the same side.
OTHER_SIDE_M = 0.1
#: A hand whose side is as sure as this is no longer looked at both ways, which costs a second pass.
SURE_OF_SIDE = 0.95
#: The box in which a followed hand is looked for is no smaller than this where the hand is: a model sees joints nearer
#: together where its crop is tighter, so that with colour alone the next box, around these, would be tighter still,
#: until there is no hand in it.
LEAST_BOX_M = 0.20
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class TrackerOptions:
    """filtered: joints come out of the Kalman filter rather than straight from the model. predict_s: a hand that is
    not seen is still reported, where it should be by now, for so long. remember_s: a hand that comes back within this
    time near where it was lost keeps its id. search_s: while some hands are followed, further ones are looked for
    this often. idle_search_s: and this often where none was seen for longer than that time, since looking through whole
    pictures costs more than following; a hand lost just now is looked for in every picture.
    """

    filtered: bool = True
    predict_s: float = 0.1
    remember_s: float = 1.0
    search_s: float = 0.2
    idle_search_s: float = 0.09  # of 30 Hz every third picture, also where stamps waver


@dataclass(frozen=True)
class TrackedHand:
    """A hand and the number it keeps while it is followed. unseen_s: since it was last seen; above 0, `estimate` is a
    prediction, whose covariance grows with the time, and 0 where it was made from this frame.
    """

    id: int
    estimate: HandEstimate
    unseen_s: float = 0.0


@dataclass
class _Track:
    """A hand followed. estimate: the model's last. seen_ns, now_ns: stamps at which it was last seen, and until which
    the filter has gone on."""

    id: int
    estimate: HandEstimate
    filter: JointFilter
    vote: SideVote
    seen_ns: int
    now_ns: int


class HandTracker:
    """Gives each picture to the estimator with the regions of all hands followed, as one batch; searches when one was
    lost, and now and then while there are none or fewer than max_hands.

    A stamp that goes backwards forgets everything. Ids are the smallest free numbers, so TF frames do not pile up.
    """

    def __init__(self, estimator: HandEstimator, max_hands: int = 1, options: TrackerOptions | None = None) -> None:
        self.options = options or TrackerOptions()
        self._estimator = estimator
        self._max_hands = max_hands
        self._tracks: list[_Track] = []
        self._searched_ns: int | None = None
        self._last_ns = 0
        self._interrupted = False

    def update(
        self, frame: RgbdFrame, *, modalities: Modality = "rgbd", side: SideChoice = "auto", min_confidence: float = 0.0
    ) -> list[TrackedHand]:
        """The hands in a frame, most max_hands of them: those there with at least min_confidence, then those missed
        for a moment. Raises what the estimator raises; the next frame is then searched.
        """
        now_ns = frame.stamp_ns
        if now_ns < self._last_ns:
            self._tracks, self._searched_ns = [], None
        self._last_ns = now_ns
        self._tracks = [track for track in self._tracks if now_ns - track.seen_ns <= self.options.remember_s * _SECOND]
        interrupted, self._interrupted = self._interrupted, True
        look = partial(self._estimator.estimate, frame, modalities=modalities)

        seen: list[tuple[_Track, HandEstimate]] = []
        for track, estimate in [] if interrupted else self._look_again(look, frame, side, min_confidence):
            if _apart(estimate, [other for _, other in seen], SAME_HAND_M):
                seen.append((track, estimate))
        known = [estimate for _, estimate in seen]
        new: list[HandEstimate] = []
        if len(seen) < self._max_hands and self._search_is_due(now_ns, bool(seen)):
            self._searched_ns = now_ns
            for estimate in look(side=side):
                if estimate.confidence >= min_confidence and _apart(estimate, known + new, SAME_FOUND_M):
                    new.append(estimate)
        self._advance(seen, new[: self._max_hands - len(seen)], now_ns)
        self._interrupted = False
        reports = [self._report(track, frame.camera, side) for track in self._tracks if self._is_reported(track)]
        return sorted(reports, key=lambda hand: (hand.unseen_s, hand.id))[: self._max_hands]

    def _search_is_due(self, now_ns: int, some_are_seen: bool) -> bool:
        """Whether to look through the whole picture for hands that are not followed."""
        if self._searched_ns is None or (self._tracks and not some_are_seen):
            return True
        period_s = self.options.search_s if some_are_seen else self.options.idle_search_s
        return now_ns - self._searched_ns >= period_s * _SECOND

    def _look_again(
        self, look: Callable[..., list[HandEstimate]], frame: RgbdFrame, side: SideChoice, min_confidence: float
    ) -> list[tuple[_Track, HandEstimate]]:
        """What the model sees where the hands that were seen a moment ago should be by now, the eldest first."""
        places: dict[int, tuple[_Track, HandRegion]] = {}
        for track in self._tracks:
            expected = track.filter.predicted((frame.stamp_ns - track.now_ns) / _SECOND)
            region = region_from_joints(expected, frame.camera)
            if self._is_reported(track) and region is not None:
                least = LEAST_BOX_M * frame.camera.fx / float(expected[:, 2].mean())
                places[track.id] = track, replace(region, box_px=max(region.box_px, least))

        def estimates(ids: list[int], sides: list[SideChoice]) -> dict[int, HandEstimate]:
            if not ids:
                return {}
            found = look(regions=[places[number][1] for number in ids], side=sides)
            pairs = _match([places[number][0] for number in ids], found, frame.stamp_ns)
            return {track.id: estimate for track, estimate in pairs if estimate.confidence >= min_confidence}

        votes = {number: track.vote for number, (track, _) in places.items()}
        sure = {number for number, vote in votes.items() if side == "auto" and vote.confidence >= SURE_OF_SIDE}
        seen = estimates(list(places), [votes[number].side if number in sure else side for number in places])
        if side == "auto":
            for number, estimate in seen.items():
                votes[number].add(estimate)
            # One picture against the vote of many: joints of the other side's hand are of no use.
            outvoted = [number for number, estimate in seen.items() if estimate.side != votes[number].side]
            seen |= estimates(outvoted, [votes[number].side for number in outvoted])
        return [(places[number][0], seen[number]) for number in places if number in seen]

    def _advance(self, seen: list[tuple[_Track, HandEstimate]], new: list[HandEstimate], now_ns: int) -> None:
        """Brings every track to now. What is new continues a track lost not long ago, or begins one."""
        followed = {track.id for track, _ in seen}
        lost = [track for track in self._tracks if track.id not in followed]
        back = _match(lost, new, now_ns)
        for track, estimate in back:
            track.vote.add(estimate)
        for track, estimate in seen + back:
            if estimate.side == track.estimate.side:
                track.filter.update((now_ns - track.now_ns) / _SECOND, estimate.joints_m, estimate.joint_cov_m2)
            else:  # its thumb is where the little finger was: no joint has gone that way
                track.filter = JointFilter(estimate.joints_m, estimate.joint_cov_m2)
            track.estimate, track.seen_ns, track.now_ns = estimate, now_ns, now_ns
        for track in self._tracks:
            track.filter.coast((now_ns - track.now_ns) / _SECOND)
            track.now_ns = now_ns
        for estimate in new:
            if all(estimate is not other for _, other in back):
                taken = {track.id for track in self._tracks}
                number = next(number for number in range(len(taken) + 1) if number not in taken)
                begun = JointFilter(estimate.joints_m, estimate.joint_cov_m2)
                self._tracks.append(_Track(number, estimate, begun, SideVote(estimate), now_ns, now_ns))

    def _is_reported(self, track: _Track) -> bool:
        return track.now_ns - track.seen_ns <= self.options.predict_s * _SECOND

    def _report(self, track: _Track, camera: PinholeCamera, side: SideChoice) -> TrackedHand:
        raw, unseen_ns = track.estimate, track.now_ns - track.seen_ns
        if side == "auto":
            raw = replace(raw, side_confidence=track.vote.confidence)
        if unseen_ns or self.options.filtered:
            joints = track.filter.joints_m
            raw = replace(
                raw,
                joints_m=joints,
                joint_cov_m2=track.filter.covariance_m2,
                joints_px=project(np.maximum(joints, (-np.inf, -np.inf, CLOSEST_M)), camera),
                cloud_m=raw.cloud_m + (joints - raw.joints_m).mean(axis=0),
            )
        return TrackedHand(track.id, raw, unseen_ns / _SECOND)


def _match(
    tracks: Sequence[_Track], estimates: Sequence[HandEstimate], now_ns: int
) -> list[tuple[_Track, HandEstimate]]:
    """Which hand each estimate is of: pairs near enough to where the hand should be, the nearest first."""
    pairs = []
    for track in tracks:
        middle = track.filter.predicted((now_ns - track.now_ns) / _SECOND).mean(axis=0)
        for estimate in estimates:
            distance = _distance(estimate, middle)
            if distance <= MAX_STEP_M:
                doubt = OTHER_SIDE_M * (estimate.side != track.vote.side)
                pairs.append((distance + doubt, track, estimate))
    matched: list[tuple[_Track, HandEstimate]] = []
    for _, track, estimate in sorted(pairs, key=lambda pair: pair[0]):
        if all(track is not one and estimate is not other for one, other in matched):
            matched.append((track, estimate))
    return matched


def _apart(estimate: HandEstimate, others: list[HandEstimate], distance_m: float) -> bool:
    """Whether the middle of this hand is farther than that from those of all others."""
    return all(_distance(estimate, other.joints_m.mean(axis=0)) > distance_m for other in others)


def _distance(estimate: HandEstimate, place_m: FloatArray) -> float:
    """Metres between the middle of a hand and a place (3,).

    Colour alone tells well in which direction a hand is and badly how far away, so that a hand which keeps still seems
    to jump by more than hands are apart. There both are compared in the picture, at the distance of the place; unless
    the hand seems so much nearer or farther that its size in the picture cannot be that of a hand at the place.
    """
    middle = estimate.joints_m.mean(axis=0)
    if estimate.modalities == "rgb":
        ratio = float(np.linalg.norm(place_m) / np.linalg.norm(middle))
        if not 1 / MAX_RATIO <= ratio <= MAX_RATIO:
            return float("inf")
        middle = ratio * middle
    return float(np.linalg.norm(middle - place_m))
