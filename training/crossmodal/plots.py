"""Plots of the study, small PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from training.crossmodal.evaluate import CURVE_MM
from training.hands.model import Array

matplotlib.use("agg")
DPI = 80


def plot_thresholds(curves: Mapping[str, Mapping[str, Array]], path: Path) -> Path:
    """Shares of joints (PCK) and of whole hands (PCF) within a threshold; curves: `pck` and `pcf` by row."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    heads = {"pck": "joints within (PCK)", "pcf": "hands whose worst joint is within (PCF)"}
    for axes, key in zip(figure.subplots(1, 2), heads, strict=True):
        for name, curve in curves.items():
            axes.plot(CURVE_MM, 100 * np.asarray(curve[key]), label=name)
        axes.set(xlabel="threshold, mm", ylabel="%", title=heads[key], xlim=(0, 50), ylim=(0, 100))
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=DPI)
    return path


def plot_lines(lines: Mapping[str, Sequence[tuple[float, float, float]]], path: Path) -> Path:
    """Error over the labelled share, a line for each method; points: share, mean, half the interval."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    for label, points in lines.items():
        share, mean, half = np.array(points).reshape(-1, 3).T
        axes.errorbar(100 * share, mean, np.nan_to_num(half), marker="o", capsize=3, label=label)
    axes.set(xscale="log", xlabel="labelled hands, %", ylabel="mean error, mm")
    axes.set_xticks(ticks := sorted({100 * p[0] for line in lines.values() for p in line}), [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=DPI)
    return path
