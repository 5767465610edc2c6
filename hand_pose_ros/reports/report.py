"""The report of a live run: one HTML file with everything in it, light or dark as the reader's system is."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np

from hand_pose_ros import overlay
from hand_pose_ros.evaluate import VIEWS
from hand_pose_ros.metrics import coverage, frame_means
from hand_pose_ros.reports import charts
from hand_pose_ros.reports.live_run import LiveRun
from hand_pose_ros.reports.page import build_page, data_url, section, table_rows
from hand_pose_ros.reports.tiles import draw_tiles
from hand_pose_ros.skeleton import JOINT_NAMES
from hand_pose_ros.types import FloatArray, RgbdFrame

#: Frames shown with pictures, from best to worst.
SHOWN = 6
TILE = 340
#: A Gaussian with standard deviation s in each direction is on average 2 s sqrt(2 / pi) away from its mean.
MEAN_OF_SIGMA = 2.0 * np.sqrt(2.0 / np.pi)
#: From image stamp to hands on the other side of DDS: one period at 30 Hz.
LATENCY_BUDGET_MS = 33.3


def machine() -> dict[str, str]:
    """What this runs on, in words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "system": platform.platform(),
        "Python": platform.python_version(),
    }


def summary(run: LiveRun) -> dict[str, float | int | None]:
    """The headline figures: counts, errors in mm and latency in ms; None where nothing was measured."""
    errors, latency = run.errors_mm(), run.predictions.latency_ms
    return {
        "frames": len(run.answered),
        "answered": int(run.answered.sum()),
        "dropped": run.dropped,
        "hands": int(run.predictions.found.sum()),
        "error_absolute_mm": _mean(errors["absolute"]),
        "error_wrist_relative_mm": _mean(errors["wrist-relative"]),
        "error_aligned_mm": _mean(errors["aligned"]),
        "latency_median_ms": _percentile(latency, 50),
        "latency_p99_ms": _percentile(latency, 99),
        "inference_median_ms": _percentile(run.inference_ms, 50),
    }


def summary_text(figures: Mapping[str, float | int | None]) -> str:
    """`summary` for a terminal."""
    lines = [f"hands      in {figures['hands']} of {figures['frames']} frames, {figures['dropped']} frames dropped"]
    if figures["error_absolute_mm"] is not None:
        relative, aligned = figures["error_wrist_relative_mm"], figures["error_aligned_mm"]
        lines.append(
            f"error      {_number(figures['error_absolute_mm'], 'mm')} in the camera's frame, "
            f"{_number(relative, 'mm')} relative to the wrist, {_number(aligned, 'mm')} aligned"
        )
    median, p99 = _number(figures["latency_median_ms"], "ms"), _number(figures["latency_p99_ms"], "ms")
    lines.append(f"latency    median {median}, p99 {p99}, from image stamp to reception")
    return "\n".join(lines)


def choose_shown(run: LiveRun) -> list[int]:
    """Frames to show: from best to worst wrist-relative error, or, without ground truth, spread over time."""
    errors = run.errors_mm()["wrist-relative"]
    measured = np.flatnonzero(np.isfinite(errors).any(axis=1))
    if measured.size:
        ranked = measured[np.argsort(np.nanmean(errors[measured], axis=1), kind="stable")]
    else:
        found = np.flatnonzero(run.predictions.found)
        ranked = found if found.size else np.arange(len(run.answered))
    places = np.linspace(0, len(ranked) - 1, min(SHOWN, len(ranked))).round().astype(int)
    return [int(index) for index in ranked[np.unique(places)]]


def build_report(run: LiveRun, frames: Mapping[int, RgbdFrame], *, source: str) -> str:
    """The page. frames: the pictures of `choose_shown`. source: what was replayed, in words."""
    figures = summary(run)
    name, version, digest = run.model
    sections = [
        _headline(figures),
        section(
            "Seen by the robot",
            "Skeleton as published; thin white lines are the ground truth. Then depth with the 90 % covariance "
            "ellipses, and the surface points from the front and from the right."
            if figures["error_absolute_mm"] is not None
            else "Skeleton as published, depth with the 90 % covariance ellipses, and the surface points from the "
            "front and from the right.",
            "".join(_shot(run, index, frames[index]) for index in choose_shown(run)),
        ),
        *_error_sections(run),
        section(
            "Latency",
            "From the image's stamp to the reception of its hands in another process, over DDS.",
            _latency_chart(run),
        ),
        section("Setup", "", _setup_table(run, source)),
    ]
    lead = f"{source}, replayed in real time through the ROS 2 node over DDS. Model {name} {version} ({digest[:12]})."
    return build_page("Hand pose, live", lead, "".join(sections))


def write_report(path: Path, page: str) -> None:
    """Writes the page as UTF-8."""
    path.write_text(page, encoding="utf-8")


def _headline(figures: Mapping[str, float | int | None]) -> str:
    cards = [
        (f"{figures['hands']} / {figures['frames']}", "frames with a hand"),
        (str(figures["dropped"]), "frames dropped"),
        (
            _number(figures["latency_median_ms"], "ms"),
            f"median latency, p99 {_number(figures['latency_p99_ms'], 'ms')}",
        ),
    ]
    if figures["error_absolute_mm"] is not None:
        relative, aligned = figures["error_wrist_relative_mm"], figures["error_aligned_mm"]
        cards.insert(1, (_number(figures["error_absolute_mm"], "mm"), "mean joint error, in the camera's frame"))
        cards.insert(2, (_number(relative, "mm"), f"relative to the wrist; {_number(aligned, 'mm')} aligned"))
    return '<div class="cards">' + "".join(f"<div><b>{escape(v)}</b>{escape(t)}</div>" for v, t in cards) + "</div>"


def _shot(run: LiveRun, index: int, frame: RgbdFrame) -> str:
    joints_m, true_m = run.predictions.joints_m[index], run.true_joints_m[index]
    caption = f"{run.time_s[index]:.2f} s"
    error = _mean(run.errors_mm()["wrist-relative"][index : index + 1])
    if error is not None:
        caption += f" · {error:.1f} mm relative to the wrist"
    if run.predictions.found[index]:
        caption += f" · {run.predictions.side[index]} hand, {run.predictions.confidence[index]:.0%} sure"
    else:
        caption += " · no hand published"
    tiles = draw_tiles(frame, joints_m, run.predictions.joint_cov_m2[index], true_m, run.clouds_m.get(index), TILE)
    pictures = "".join(f'<img src="{data_url(tile)}" width="{TILE}" height="{TILE}" alt="">' for tile in tiles)
    return f"<figure>{pictures}<figcaption>{escape(caption)}</figcaption></figure>"


def _error_sections(run: LiveRun) -> list[str]:
    errors = run.errors_mm()
    if not np.isfinite(errors["absolute"]).any():
        return []
    expected = expected_error_mm(run)
    colours = [f"rgb{colour}" for colour in overlay.joint_colours()]
    colours[0] = "var(--muted)"
    inside = coverage(run.predictions.joints_m, run.true_joints_m, run.predictions.joint_cov_m2)
    covered = ", ".join(f"{share:.0%} in the {level:.0%} ellipsoid" for level, share in inside.items())
    measured = np.isfinite(errors["absolute"])
    return [
        section(
            "Error per joint",
            "Mean distance to the ground truth in the camera's frame. The tick is what the published covariance "
            f"predicts. Truth inside: {covered}.",
            charts.bar_chart(
                [name.replace("_", " ") for name in JOINT_NAMES],
                frame_means(errors["absolute"].T),
                frame_means(np.where(measured, expected, np.nan).T),
                y_label="mm",
                colours=colours,
                tick_name="predicted",
            )
            + _joint_table(errors),
        ),
        section(
            "Error over time",
            "Mean over the joints of each frame, and what the covariance predicts for it.",
            charts.line_chart(
                run.time_s,
                {
                    "error": frame_means(errors["absolute"]),
                    "relative to the wrist": frame_means(errors["wrist-relative"]),
                    "predicted": frame_means(expected),
                },
                x_label="s",
                y_label="mm",
                colours=["var(--accent)", "var(--second)", "var(--muted)"],
            ),
        ),
    ]


def expected_error_mm(run: LiveRun) -> FloatArray:
    """The mean joint error (N, 21) in mm that the covariances promise, as if they were round."""
    variance = np.trace(run.predictions.joint_cov_m2, axis1=-2, axis2=-1) / 3
    return MEAN_OF_SIGMA * np.sqrt(np.maximum(variance, 0.0)) * 1e3


def _joint_table(errors: Mapping[str, FloatArray]) -> str:
    head = "".join(f"<th>{escape(view)}</th>" for view in VIEWS)
    means = {view: frame_means(errors[view].T) for view in VIEWS}
    rows = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{means[view][joint]:.1f}</td>" for view in VIEWS) + "</tr>"
        for joint, name in enumerate(JOINT_NAMES)
    )
    notes = "; ".join(f"{view}: {meaning}" for view, meaning in VIEWS.items())
    return (
        f"<details><summary>Figures per joint, mm</summary><p>{escape(notes)}.</p>"
        f'<table class="figures"><tr><th>joint</th>{head}</tr>{rows}</table></details>'
    )


def _latency_chart(run: LiveRun) -> str:
    latency = run.predictions.latency_ms
    marks = {"median": _percentile(latency, 50), "p99": _percentile(latency, 99)}
    known = {name: value for name, value in marks.items() if value is not None}
    inference = _percentile(run.inference_ms, 50)
    within = float((latency[np.isfinite(latency)] <= LATENCY_BUDGET_MS).mean()) if known else 0.0
    note = (
        f"<p>{run.dropped} of {len(run.answered)} frames got no answer. {within:.1%} of the answers came within one "
        f"period at 30 Hz ({LATENCY_BUDGET_MS} ms). The node's own work takes {_number(inference, 'ms')} in the "
        "median.</p>"
    )
    return charts.histogram(latency, x_label="ms", y_label="frames", marks=known) + note


def _setup_table(run: LiveRun, source: str) -> str:
    name, version, digest = run.model
    rows = {"recording": source, "model": f"{name} {version}", "model hash": digest, **machine()}
    table = table_rows(rows)
    details = "".join(
        f"<h3>{escape(status)}</h3><table>{table_rows(v)}</table>" for status, v in run.diagnostics.items()
    )
    return f"<table>{table}</table><details><summary>The node's diagnostics at the end</summary>{details}</details>"


def _mean(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _percentile(values: FloatArray, percent: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else None


def _number(value: float | int | None, unit: str) -> str:
    return "–" if value is None else f"{value:.1f} {unit}"
