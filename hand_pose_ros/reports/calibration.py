"""Whether covariances mean what they say: how often the truth lies in an ellipsoid, at every level, as a page."""

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
    joints, the share (51,) inside the ellipsoid of each level from 0 to 1."""

    joints: int
    inside: dict[float, float]
    error_over_said: float
    curves: dict[str, FloatArray]


def calibration(predicted: FloatArray, truth: FloatArray, covariance: FloatArray) -> Calibration:
    """Of joints (N, 21, 3) with covariances (N, 21, 3, 3); frames without a hand are NaN."""
    levels, squared = ellipsoid_levels(predicted, truth, covariance)
    curves = {"all joints": _shares(levels)} | {name: _shares(levels[:, joints]) for name, joints in GROUPS.items()}
    known = levels[np.isfinite(levels)]
    return Calibration(
        joints=len(known),
        inside={level: float((known <= level).mean()) if len(known) else float("nan") for level in (0.5, 0.9, 0.99)},
        error_over_said=float(np.sqrt(np.nanmedian(squared) / _MEDIAN_SQUARED)) if len(known) else float("nan"),
        curves=curves,
    )


def page(results: Mapping[str, Calibration], lead: str) -> str:
    """One chart for each recording, by its name."""
    sections = []
    for name, result in results.items():
        series = {"calibrated": _LEVELS} | result.curves
        chart = charts.line_chart(
            _LEVELS, series, x_label="level of the ellipsoid", y_label="joints inside", colours=COLOURS
        )
        inside = ", ".join(f"{share:.0%} in the {level:.0%} ellipsoid" for level, share in result.inside.items())
        sections.append(section(name, f"{result.joints} joints: {inside}. Below the diagonal: overconfident.", chart))
    return build_page("Calibration of the covariances", lead, "".join(sections))


def _shares(levels: FloatArray) -> FloatArray:
    known = levels[np.isfinite(levels)]
    if not len(known):
        return np.full(len(_LEVELS), np.nan)
    return np.searchsorted(np.sort(known), _LEVELS, side="right") / len(known)
