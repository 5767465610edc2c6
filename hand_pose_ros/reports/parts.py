"""What each part of the estimator is worth on a recording: run without it, on the same frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hand_pose_ros import metrics
from hand_pose_ros.bundle import Bundle
from hand_pose_ros.estimator import EstimatorOptions, Finder, HandEstimator
from hand_pose_ros.evaluate import VIEWS, match_truth, view_errors
from hand_pose_ros.predict import predict
from hand_pose_ros.recordings import NamedFrame, TrueHand, no_frames
from hand_pose_ros.types import FloatArray, HandPoseError, Modality

AS_IT_IS = "as it is"
#: What becomes of the estimator's options without a part, by the row's name.
CHANGES: dict[str, dict[str, Any]] = {
    AS_IT_IS: {},
    "one look": {"looks": 1},
    "two looks": {"looks": 2},
    "not centred anew": {"refine_passes": 0},
    "no network to find hands": {"finder": None},
}


class Change(NamedTuple):
    """By how many mm a row errs more than the one it is compared with, and the 95 % interval of that over frames."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        text = f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})"
        return text if self.low <= 0 <= self.high else f"**{text}**"


@dataclass(frozen=True)
class Row:
    """One way of estimating. found: share of frames with a hand. errors_mm: (N,) of each frame in each of VIEWS, NaN
    where no hand was found or none is known. latency_ms: median."""

    name: str
    found: float
    errors_mm: Mapping[str, FloatArray]
    latency_ms: float


def change(more: FloatArray) -> Change:
    """Mean and interval of how much more a row errs on each frame (N,); NaN counts nowhere."""
    return Change(metrics.mean_error(more), *metrics.bootstrap_interval(more))


def has(frames: Sequence[NamedFrame], modalities: Modality) -> bool:
    """Whether the frames, by the first one, have all of the modalities; raises HandPoseError where there are none."""
    if not frames:
        raise no_frames()
    rgb, depth = frames[0].frame.rgb is not None, frames[0].frame.depth_m is not None
    return {"rgb": rgb, "depth": depth, "rgbd": rgb and depth}[modalities]


def without_parts(
    frames: Sequence[NamedFrame],
    truth: Mapping[str, list[TrueHand]],
    bundles: Sequence[Bundle],
    modalities: Modality,
    finder: Finder,
) -> Iterator[Row]:
    """The first bundle as it is, without one part each, and the other bundles. finder: looks for hands in frames that
    bring no box.

    Raises HandPoseError where the recording has no true hands, and as `predict` does.
    """
    if not any(np.isfinite(hand.joints_m).any() for hands in truth.values() for hand in hands):
        raise HandPoseError("the recording has no ground truth to err from; `hand-pose evaluate` says what it may be")
    first, *others = bundles
    runs: list[tuple[str, Bundle, dict[str, Any]]] = [(name, first, changed) for name, changed in CHANGES.items()]
    runs += [(f"model {bundle.name}", bundle, {}) for bundle in others]
    for name, bundle, changed in runs:
        estimator = HandEstimator(bundle, options=replace(EstimatorOptions(finder=finder), **changed))
        predictions = predict(estimator, frames, modalities=modalities)
        true_m, _ = match_truth(predictions, truth)
        errors = view_errors(predictions.joints_m * 1e3, true_m * 1e3)
        by_frame = {view: metrics.frame_means(errors[view]) for view in VIEWS}
        yield Row(name, float(predictions.found.mean()), by_frame, float(np.median(predictions.latency_ms)))


def table(rows: Sequence[Row]) -> str:
    """In Markdown: the first row's errors, and by how much more the others err on frames in which both found a hand."""
    lines = [
        "| | found | " + " | ".join(f"{view}, mm" for view in VIEWS) + " | median, ms |",
        "|---" * (3 + len(VIEWS)) + "|",
    ]
    for row in rows:
        if row is rows[0]:
            cells = [f"{metrics.mean_error(row.errors_mm[view]):.1f}" for view in VIEWS]
        else:
            more = [row.errors_mm[view] - rows[0].errors_mm[view] for view in VIEWS]
            cells = [str(change(values)) if np.isfinite(values).any() else "–" for values in more]
        lines.append(f"| {row.name} | {row.found:.0%} | " + " | ".join(cells) + f" | {row.latency_ms:.1f} |")
    return "\n".join(lines)
