"""Predictions against ground truth: every figure a reader may want to compare, as plain data and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros import metrics
from hand_pose_ros.predict import Predictions
from hand_pose_ros.recordings import TrueHand
from hand_pose_ros.skeleton import JOINT_COUNT, JOINT_NAMES
from hand_pose_ros.types import BELIEVED, FloatArray

#: The ways of comparing, from what a robot needs to what tells shape alone.
VIEWS = {
    "absolute": "in the camera's frame",
    "wrist-relative": "wrists moved onto each other",
    "aligned": "moved, turned and scaled onto the truth",
}


@dataclass(frozen=True)
class Scores:
    """Joint errors of one view, in mm. interval_mm: 95 % bootstrap interval of mean_mm over frames.

    mean_mm, median_mm: over all joints of all frames, as depth papers report. mean_of_means_mm, mean_of_medians_mm:
    the mean over joints of each joint's own, as colour papers do; the two differ where some joints are rarely labelled.
    without_offsets_mm: mean after each joint's constant offset in the hand's frame, measured on the other frames, was
    taken out: what remains when the data set's definition of the joints is learned. auc: by grid. pcf_*: share of
    frames whose worst joint is within 20 and 40 mm.
    """

    mean_mm: float
    interval_mm: tuple[float, float]
    median_mm: float
    mean_of_means_mm: float
    mean_of_medians_mm: float
    without_offsets_mm: float
    per_joint_mm: dict[str, float]
    auc: dict[str, float]
    pcf_20mm: float
    pcf_40mm: float


@dataclass(frozen=True)
class Evaluation:
    """frames, found: how many, and in how many a hand was found. believed: of these, with a confidence of BELIEVED and
    more; errors are over all that were found. latency: median and p99 of the estimator in ms.

    The rest is over the frames with a found and a true hand (`compared`), and None where there are none.
    side_accuracy: share of correct sides. coverage: share of joints inside the 50, 90 and 99 % ellipsoids.
    offsets_mm: each joint's constant offset, truth minus prediction, in the hand's frame (along the palm, towards
    the thumb's side, out of the back).
    """

    frames: int
    found: int
    believed: int
    compared: int
    latency_median_ms: float
    latency_p99_ms: float
    side_accuracy: float | None = None
    scores: dict[str, Scores] | None = None
    coverage: dict[float, float] | None = None
    offsets_mm: dict[str, list[float]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: plain lists and numbers; what is not a number becomes None."""
        return plain(asdict(self))


def evaluate(predictions: Predictions, truth: Mapping[str, list[TrueHand]]) -> Evaluation:
    """Compares each prediction with the true hand of its frame (the nearest, where there are several)."""
    true_joints_m, true_side = match_truth(predictions, truth)
    median_ms, p99_ms = (float(value) for value in np.percentile(predictions.latency_ms, [50, 99]))
    compared = predictions.found & np.isfinite(true_joints_m).any(axis=(1, 2))
    found = int(predictions.found.sum())
    believed = int((predictions.confidence[predictions.found] >= BELIEVED).sum())
    counts = Evaluation(len(predictions.frame), found, believed, int(compared.sum()), median_ms, p99_ms)
    if not compared.any():
        return counts
    predicted_mm, truth_mm = predictions.joints_m[compared] * 1e3, true_joints_m[compared] * 1e3
    side = np.where(true_side[compared] == "", predictions.side[compared], true_side[compared])
    hand_frames = metrics.palm_frames(predicted_mm, list(side))
    cleaned_mm = metrics.remove_constant_offsets(predicted_mm, truth_mm, hand_frames)
    with_offsets, without_offsets = view_errors(predicted_mm, truth_mm), view_errors(cleaned_mm, truth_mm)
    covariance_mm2 = predictions.joint_cov_m2[compared] * 1e6
    offsets = metrics.constant_offsets(predicted_mm, truth_mm, hand_frames)
    known_side = true_side[compared] != ""
    return replace(
        counts,
        side_accuracy=_mean_or_none((predictions.side == true_side)[compared][known_side]),
        scores={view: _scores(with_offsets[view], without_offsets[view]) for view in VIEWS},
        coverage=metrics.coverage(predicted_mm, truth_mm, covariance_mm2),
        offsets_mm={name: offset.tolist() for name, offset in zip(JOINT_NAMES, offsets, strict=True)},
    )


def match_truth(predictions: Predictions, truth: Mapping[str, list[TrueHand]]) -> tuple[FloatArray, NDArray[np.str_]]:
    """The true hand nearest to each prediction: (N, 21, 3) metres, NaN where there is none, and (N,) sides."""
    joints_m: FloatArray = np.full((len(predictions.frame), JOINT_COUNT, 3), np.nan)
    sides = np.full(len(predictions.frame), "", "U5")
    for index, (name, predicted) in enumerate(zip(predictions.frame, predictions.joints_m, strict=True)):
        hand = nearest_hand(predicted, truth.get(str(name), []))
        if hand is not None:
            joints_m[index], sides[index] = hand.joints_m, hand.side
    return joints_m, sides


def nearest_hand(joints_m: FloatArray, hands: list[TrueHand]) -> TrueHand | None:
    """The true hand nearest to estimated joints (21, 3); the first where these are NaN, and None of none."""

    def distance(hand: TrueHand) -> float:
        error = metrics.mean_error(metrics.joint_errors(joints_m, hand.joints_m))
        return error if np.isfinite(error) else np.inf  # a hand without labels is not the nearest

    return min(hands, key=distance, default=None)


def view_errors(predicted: FloatArray, truth: FloatArray) -> dict[str, FloatArray]:
    """Joint errors (N, 21) in each of VIEWS, in the unit of the input."""
    return {
        "absolute": metrics.joint_errors(predicted, truth),
        "wrist-relative": metrics.joint_errors(metrics.wrist_relative(predicted), metrics.wrist_relative(truth)),
        "aligned": metrics.joint_errors(metrics.align_procrustes(predicted, truth), truth),
    }


def table(evaluation: Evaluation) -> str:
    """The evaluation for a terminal."""
    lines = [
        f"hands found      {evaluation.found} of {evaluation.frames} frames, {evaluation.believed} of them with a "
        f"confidence of {BELIEVED} or more",
        f"latency          median {evaluation.latency_median_ms:.1f} ms, p99 {evaluation.latency_p99_ms:.1f} ms",
    ]
    if evaluation.scores is None or evaluation.coverage is None:
        reason = "no ground truth in the recording" if evaluation.found else "no hand was found"
        return "\n".join([*lines, f"errors           none to report: {reason}"])
    if evaluation.side_accuracy is not None:
        lines.append(f"side             correct in {evaluation.side_accuracy:.1%} of {evaluation.compared} frames")
    inside = ", ".join(f"{share:.0%} in the {level:.0%} ellipsoid" for level, share in evaluation.coverage.items())
    lines += [f"covariance       {inside}", ""]
    header = f"{'error in mm':<16}{'mean':>7}{'95 % interval':>16}{'median':>8}{'by joint':>15}{'no offsets':>12}"
    grids = list(metrics.GRIDS_MM)
    lines.append(header + "".join(f"{'AUC ' + grid.split(' ')[0]:>12}" for grid in grids[:2]) + f"{'PCF 20/40':>14}")
    for view, scores in evaluation.scores.items():
        low, high = scores.interval_mm
        row = f"{view:<16}{scores.mean_mm:>7.1f}{f'{low:.1f} to {high:.1f}':>16}{scores.median_mm:>8.1f}"
        row += f"{f'{scores.mean_of_means_mm:.1f} / {scores.mean_of_medians_mm:.1f}':>15}"
        row += f"{scores.without_offsets_mm:>12.1f}" + "".join(f"{scores.auc[grid]:>12.3f}" for grid in grids[:2])
        lines.append(row + f"{f'{scores.pcf_20mm:.0%} / {scores.pcf_40mm:.0%}':>14}")
    lines += ["", f"{'joint, mm':<16}" + "".join(f"{view:>16}" for view in evaluation.scores)]
    for name in JOINT_NAMES:
        values = "".join(f"{scores.per_joint_mm[name]:>16.1f}" for scores in evaluation.scores.values())
        lines.append(f"{name:<16}{values}")
    return "\n".join(lines)


def _scores(errors: FloatArray, errors_without_offsets: FloatArray) -> Scores:
    within = metrics.pcf(errors, np.array([20.0, 40.0]))
    mean_of_means, mean_of_medians = metrics.per_joint_error(errors)
    return Scores(
        mean_mm=metrics.mean_error(errors),
        interval_mm=metrics.bootstrap_interval(errors),
        median_mm=float(np.nanmedian(errors)),
        mean_of_means_mm=mean_of_means,
        mean_of_medians_mm=mean_of_medians,
        without_offsets_mm=metrics.mean_error(errors_without_offsets),
        per_joint_mm={name: metrics.mean_error(errors[:, joint]) for joint, name in enumerate(JOINT_NAMES)},
        auc={name: metrics.auc(errors, grid) for name, grid in metrics.GRIDS_MM.items()},
        pcf_20mm=float(within[0]),
        pcf_40mm=float(within[1]),
    )


def _mean_or_none(values: NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if values.size else None


def plain(value: Any) -> Any:
    """JSON knows no NaN, no tuples and only text as keys."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
