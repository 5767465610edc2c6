"""Whether covariances mean what they say: how often the truth lies in an ellipsoid, at every level, and whether hands
that are said to be uncertain err more. As a page, and as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.metrics import ELLIPSOID_RADIUS_SQUARED, ellipsoid_levels
from hand_pose_ros.reports import charts
from hand_pose_ros.reports.page import build_page, section
from hand_pose_ros.skeleton import FINGERS, WRIST
from hand_pose_ros.types import FloatArray

#: Joints that err alike: the wrist, and along the fingers from the knuckles to the tips.
GROUPS: dict[str, list[int]] = {
    "wrist": [WRIST],
    **{
        name: [joints[place] for joints in FINGERS.values()]
        for place, name in enumerate(("knuckles", "middle joints", "last joints", "tips"))
    },
}
COLOURS = ("var(--muted)", "var(--text)", "var(--accent)", "var(--second)", "#7a5fb5", "#3a8f4d", "#c2455f")
_LEVELS = np.linspace(0, 1, 51)
#: A squared distance of which half of a calibrated Gaussian's samples are nearer.
_MEDIAN_SQUARED = ELLIPSOID_RADIUS_SQUARED[0.5]


@dataclass(frozen=True)
class Calibration:
    """joints: how many there were. inside: share in the 50, 90 and 99 % ellipsoid. error_over_said: how many times the
    middle error is as large as the covariance says (1: calibrated, more: overconfident). curves: by group, and of all
    joints, the share (51,) inside the ellipsoid of each level from 0 to 1. rank_correlation: Spearman's, of the hands'
    standard deviations with their errors (1: the surer the better), NaN of fewer than 3 hands. risk_mm: (51,) the mean
    error of the surest share of the hands, from none (NaN) to all."""

    joints: int
    inside: dict[float, float]
    error_over_said: float
    curves: dict[str, FloatArray]
    rank_correlation: float
    risk_mm: FloatArray


def calibration(predicted: FloatArray, truth: FloatArray, covariance: FloatArray) -> Calibration:
    """Of joints (N, 21, 3) with covariances (N, 21, 3, 3); frames without a hand are NaN."""
    levels, squared = ellipsoid_levels(predicted, truth, covariance)
    curves = {"all joints": _shares(levels)} | {name: _shares(levels[:, joints]) for name, joints in GROUPS.items()}
    known = levels[np.isfinite(levels)]
    error_mm = 1e3 * np.linalg.norm(predicted - truth, axis=-1).mean(1)
    size = np.sqrt(np.trace(covariance, axis1=-2, axis2=-1)).mean(1)
    judged = np.isfinite(error_mm) & np.isfinite(size)
    return Calibration(
        joints=len(known),
        inside={level: float((known <= level).mean()) if len(known) else float("nan") for level in (0.5, 0.9, 0.99)},
        error_over_said=float(np.sqrt(np.nanmedian(squared) / _MEDIAN_SQUARED)) if len(known) else float("nan"),
        curves=curves,
        rank_correlation=_rank_correlation(size[judged], error_mm[judged]),
        risk_mm=_risk(size[judged], error_mm[judged]),
    )


def page(results: Mapping[str, Calibration], lead: str) -> str:
    """One chart for each recording, by its name."""
    sections = []
    for name, result in results.items():
        series = {"calibrated": _LEVELS} | result.curves
        chart = charts.line_chart(
            _LEVELS, series, x_label="level of the ellipsoid", y_label="joints inside", colours=COLOURS
        )
        risk = charts.line_chart(
            _LEVELS,
            {"surest first": result.risk_mm, "all": np.full(len(_LEVELS), result.risk_mm[-1])},
            x_label="share of the hands, the surest first",
            y_label="mean error, mm",
            colours=COLOURS[2:4],
        )
        inside = ", ".join(f"{share:.0%} in the {level:.0%} ellipsoid" for level, share in result.inside.items())
        sections.append(section(name, f"{result.joints} joints: {inside}. Below the diagonal: overconfident.", chart))
        ranks = f"Rank correlation of said and true errors: {result.rank_correlation:.2f}."
        sections.append(section(f"{name}: who errs", ranks, risk))
    return build_page("Calibration of the covariances", lead, "".join(sections))


def figure(results: Mapping[str, Calibration]) -> str:
    """All recordings in one SVG file: the share of joints inside each ellipsoid, and the error of the surest hands."""
    colours = COLOURS[1 : len(results) + 1]
    return charts.standalone([
        charts.line_chart(
            _LEVELS, {"calibrated": _LEVELS} | {name: result.curves["all joints"] for name, result in results.items()},
            x_label="level of the ellipsoid", y_label="joints inside", colours=(COLOURS[0], *colours),
        ),
        charts.line_chart(
            _LEVELS, {name: result.risk_mm for name, result in results.items()},
            x_label="share of the hands, the surest first", y_label="mean error, mm", colours=colours,
        ),
    ])  # fmt: skip


def _rank_correlation(first: FloatArray, second: FloatArray) -> float:
    if len(first) < 3:
        return float("nan")
    return float(np.corrcoef(np.argsort(np.argsort(first)), np.argsort(np.argsort(second)))[0, 1])


def _risk(size: FloatArray, error_mm: FloatArray) -> FloatArray:
    surest_first = error_mm[np.argsort(size)]
    counts = np.ceil(_LEVELS * len(surest_first) - 1e-9).astype(int)
    return np.array([surest_first[:count].mean() if count else np.nan for count in counts])


def _shares(levels: FloatArray) -> FloatArray:
    known = levels[np.isfinite(levels)]
    if not len(known):
        return np.full(len(_LEVELS), np.nan)
    return np.searchsorted(np.sort(known), _LEVELS, side="right") / len(known)
