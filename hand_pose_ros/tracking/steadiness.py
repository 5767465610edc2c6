"""How still followed hands are at rest, how far behind in motion, and how good predictions are: with and without the
filter, from one run of the model over a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hand_pose_ros.evaluate import nearest_hand
from hand_pose_ros.metrics import coverage
from hand_pose_ros.recordings import NamedFrame, TrueHand
from hand_pose_ros.tracking.joint_filter import JointFilter
from hand_pose_ros.tracking.tracker import HandTracker, TrackerOptions
from hand_pose_ros.types import BELIEVED, FloatArray, Modality

if TYPE_CHECKING:
    from hand_pose_ros.estimator import HandEstimator, SideChoice

#: Joints slower than this, as the mean over the hand, are at rest; faster than the other, in motion. m/s.
REST_MPS, MOTION_MPS = 0.03, 0.10
#: A course of fewer pictures says nothing.
SHORTEST = 10
#: Pictures ahead for which predictions are judged.
HORIZONS = (1, 3, 6)


@dataclass(frozen=True)
class Course:
    """One hand seen without a gap in T pictures. seconds: (T,). joints_m (T, 21, 3), covariance_m2 (T, 21, 3, 3): the
    model's own. truth_m: (T, 21, 3) or None. sides: (T,) as voted."""

    seconds: FloatArray
    joints_m: FloatArray
    covariance_m2: FloatArray
    truth_m: FloatArray | None
    sides: tuple[str, ...]


@dataclass(frozen=True)
class Followed:
    """What came of a recording: its number of pictures, the courses, and how many numbers hands were given, of which a
    hand that is never lost needs one."""

    pictures: int
    courses: list[Course]
    numbers: int


@dataclass(frozen=True)
class Steadiness:
    """Of one way to report joints; NaN where no picture or no truth gives the number.

    error_mm: mean joint error. jitter_mm: what changes from picture to picture though the hand does not (a joint's
    noise in 3D, from second differences); at rest, in motion. lag_ms: how long ago the hand was where it is reported.
    """

    error_mm: float
    jitter_rest_mm: float
    jitter_motion_mm: float
    lag_ms: float


@dataclass(frozen=True)
class Prediction:
    """Of joints so many seconds after a hand was last seen. inside_90: share in the predicted 90 % ellipsoid."""

    seconds: float
    error_mm: float
    standing_still_mm: float
    inside_90: float


def follow(
    estimator: HandEstimator,
    frames: Iterable[NamedFrame],
    truth: Mapping[str, list[TrueHand]],
    *,
    fps: float,
    max_hands: int = 1,
    modalities: Modality = "rgbd",
    side: SideChoice = "auto",
    min_confidence: float = BELIEVED,
    progress: Callable[[int], None] = lambda done: None,
) -> Followed:
    """The hands of a recording. fps: of recordings without stamps."""
    options = TrackerOptions(filtered=False)
    tracker = HandTracker(estimator, max_hands, options)
    rows: dict[int, list[list[Any]]] = {}
    last: dict[int, int] = {}
    count, numbers, previous = 0, 0, set[int]()
    courses: list[Course] = []
    for count, named in enumerate(frames, start=1):
        stamp_ns = named.frame.stamp_ns or round(count * 1e9 / fps)
        hands = tracker.update(
            replace(named.frame, stamp_ns=stamp_ns), modalities=modalities, side=side, min_confidence=min_confidence
        )
        seen = {hand.id: hand.estimate for hand in hands if hand.unseen_s == 0}
        # a number that nobody had for so long is free for any hand
        numbers += sum(n not in last or stamp_ns - last[n] > options.remember_s * 1e9 for n in seen)
        last |= dict.fromkeys(seen, stamp_ns)
        for gone in previous - seen.keys():
            courses += _course(rows.pop(gone))
        for number, estimate in seen.items():
            true = nearest_hand(estimate.joints_m, truth.get(named.name, []))
            rows.setdefault(number, []).append(
                [stamp_ns / 1e9, estimate.joints_m, estimate.joint_cov_m2, true and true.joints_m, estimate.side]
            )
        previous = set(seen)
        progress(count)
    for row in rows.values():
        courses += _course(row)
    return Followed(count, courses, numbers)


def _course(rows: list[list[Any]]) -> list[Course]:
    if len(rows) < SHORTEST:
        return []
    seconds, joints, covariances, truths, sides = zip(*rows, strict=True)
    truth = None if any(true is None for true in truths) else np.stack(truths)
    return [Course(np.array(seconds), np.stack(joints), np.stack(covariances), truth, tuple(sides))]


def filtered(course: Course) -> tuple[FloatArray, FloatArray]:
    """The course's joints (T, 21, 3) and covariances (T, 21, 3, 3) out of the filter."""
    made = JointFilter(course.joints_m[0], course.covariance_m2[0])
    shown = [(made.joints_m, made.covariance_m2)]
    for step, joints, covariance in zip(
        np.diff(course.seconds), course.joints_m[1:], course.covariance_m2[1:], strict=True
    ):
        made.update(float(step), joints, covariance)
        shown.append((made.joints_m, made.covariance_m2))
    return np.stack([joints for joints, _ in shown]), np.stack([covariance for _, covariance in shown])


def steadiness(courses: list[Course], shown: list[FloatArray]) -> Steadiness:
    """Of joints (T, 21, 3) shown for each course. Without truth, lag is against the model's own joints smoothed to
    both sides, and in motion no jitter is told from movement."""
    errors, rest, motion = [], [], []
    late = moved = 0.0
    for course, joints in zip(courses, shown, strict=True):
        reference = course.truth_m if course.truth_m is not None else _smooth(course.joints_m)
        velocity = np.gradient(reference, course.seconds, axis=0)
        speed = np.linalg.norm(velocity, axis=-1).mean(axis=-1)
        off = joints - reference
        if course.truth_m is not None:
            errors.append(np.linalg.norm(off, axis=-1).ravel())
        # without truth a hand at rest is its own reference, for second differences do not see a slow drift
        jumps = np.square(np.diff(off if course.truth_m is not None else joints, 2, axis=0)).sum(axis=-1).mean(axis=-1)
        between = speed[1:-1]
        rest.append(jumps[between < REST_MPS])
        if course.truth_m is not None:
            motion.append(jumps[between > MOTION_MPS])
        quick = speed > MOTION_MPS
        if quick.sum() >= SHORTEST:
            # what stays the same (how the model sees this hand) is not lag
            change, pace = (part[quick] - part[quick].mean(axis=0) for part in (off, velocity))
            late -= float((change * pace).sum())
            moved += float((pace * pace).sum())
    return Steadiness(
        error_mm=_mean(errors) * 1e3,
        jitter_rest_mm=float(np.sqrt(_mean(rest) / 6)) * 1e3,
        jitter_motion_mm=float(np.sqrt(_mean(motion) / 6)) * 1e3,
        lag_ms=late / moved * 1e3 if moved else float("nan"),
    )


def predictions(courses: list[Course]) -> list[Prediction]:
    """How well the filter says where a hand is that it no longer sees, against the truth or, without, the model."""
    results = []
    for ahead in HORIZONS:
        errors, stills, inside, seconds = [], [], [], []
        for course in courses:
            target = course.truth_m if course.truth_m is not None else course.joints_m
            made = JointFilter(course.joints_m[0], course.covariance_m2[0])
            for index in range(1, len(target) - ahead):
                step = course.seconds[index] - course.seconds[index - 1]
                made.update(float(step), course.joints_m[index], course.covariance_m2[index])
                wait = float(course.seconds[index + ahead] - course.seconds[index])
                joints, covariance = made.after(wait)
                true = target[index + ahead]
                errors.append(np.linalg.norm(joints - true, axis=-1).mean())
                stills.append(np.linalg.norm(made.joints_m - true, axis=-1).mean())
                inside.append(coverage(joints[None], true[None], covariance[None])[0.9])
                seconds.append(wait)
        if errors:
            wait, error, still, share = (float(np.mean(values)) for values in (seconds, errors, stills, inside))
            results.append(Prediction(wait, error * 1e3, still * 1e3, share))
    return results


def as_dict(result: Steadiness | Prediction) -> dict[str, float | None]:
    """For JSON, which knows no NaN."""
    return {key: value if np.isfinite(value) else None for key, value in asdict(result).items()}


def _smooth(joints_m: FloatArray, reach: int = 2) -> FloatArray:
    """Each picture's mean with its neighbours up to `reach` away, fewer at the ends, alike on both sides."""
    count = len(joints_m)
    near = [min(reach, index, count - 1 - index) for index in range(count)]
    return np.stack([joints_m[index - n : index + n + 1].mean(axis=0) for index, n in enumerate(near)])


def _mean(parts: list[FloatArray]) -> float:
    values = np.concatenate(parts) if parts else np.empty(0)
    return float(values.mean()) if values.size else float("nan")
