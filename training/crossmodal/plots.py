"""Plots of the study, small PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hand_pose_ros.skeleton import FINGERS, WRIST
from training.crossmodal.evaluate import CURVE_MM
from training.hands.model import Array

matplotlib.use("agg")
DPI = 80
COLOURS = dict(zip(FINGERS, ("tab:red", "tab:orange", "tab:green", "tab:blue", "tab:purple"), strict=True))


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


def plot_walk(steps: Mapping[str, Array], path: Path) -> Path:
    """A walk decoded in every modality: a row for each, a column for each step."""
    columns = len(next(iter(steps.values())))
    figure = Figure(figsize=(1.25 * columns, 1.3 * len(steps)), layout="constrained")
    grid = figure.subplots(len(steps), columns, squeeze=False)
    for cells, (modality, decoded) in zip(grid, steps.items(), strict=True):
        for axes, one in zip(cells, decoded, strict=True):
            _draw(axes, modality, one)
        cells[0].set_ylabel(modality, fontsize=9)
    figure.savefig(path, dpi=DPI)
    return path


def plot_samples(draws: Mapping[str, Array], truth: Array, path: Path) -> Path:
    """Skeletons drawn from the posteriors of one hand, by modality, over the true one in black, from the front (above)
    and from the side."""
    figure = Figure(figsize=(2.2 * len(draws), 4.4), layout="constrained")
    grid = figure.subplots(2, len(draws), squeeze=False)
    for column, (modality, joints) in zip(grid.T, draws.items(), strict=True):
        for axes, view in zip(column, ([0, 1], [2, 1]), strict=True):
            for one in joints:
                _skeleton(axes, one[:, view], alpha=0.35, width=0.8)
            _skeleton(axes, truth[:, view], width=1.2, colour="black")
            _frame(axes, 4.2)
        column[0].set_title(modality, fontsize=10)
    grid[0, 0].set_ylabel("front")
    grid[1, 0].set_ylabel("side")
    figure.savefig(path, dpi=DPI)
    return path


def plot_embedding(points: Mapping[str, Array], openness: Array, path: Path) -> Path:
    """t-SNE of latents, coloured by modality and by how straight the hands' fingers are (N,)."""
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    by_modality, by_hand = figure.subplots(1, 2)
    for modality, flat in points.items():
        by_modality.scatter(flat[:, 0], flat[:, 1], s=5, label=modality, alpha=0.7)
        by_hand.scatter(flat[:, 0], flat[:, 1], s=5, c=openness, cmap="viridis")
    by_modality.legend(fontsize=8, markerscale=2)
    by_modality.set_title("by modality")
    by_hand.set_title("by how straight the fingers are: fist dark, open hand bright")
    for axes in (by_modality, by_hand):
        axes.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=DPI)
    return path


def _draw(axes: Axes, modality: str, decoded: Array) -> None:
    if modality in ("rgb", "hand_rgb"):
        axes.imshow((decoded.transpose(1, 2, 0) + 0.5).clip(0, 1))
    elif modality in ("depth", "hand_depth"):
        axes.imshow(decoded[0], cmap="gray", vmin=-1, vmax=1)
    elif modality == "heat":
        axes.imshow(decoded.max(0), cmap="magma", vmin=0, vmax=1)
    elif modality == "cloud":
        nearest_last = decoded[np.argsort(-decoded[:, 2])]
        axes.scatter(nearest_last[:, 0], nearest_last[:, 1], s=2, c=-nearest_last[:, 2], cmap="viridis")
        _frame(axes, 4.2)
    else:
        _skeleton(axes, decoded[:, :2])
        _frame(axes, 4.2 if modality == "joints" else 2.2)
    axes.set(xticks=[], yticks=[])


def _skeleton(axes: Axes, flat: Array, alpha: float = 1.0, width: float = 1.5, colour: str | None = None) -> None:
    for finger, chain in FINGERS.items():
        axes.plot(*flat[[WRIST, *chain]].T, color=colour or COLOURS[finger], alpha=alpha, linewidth=width)


def _frame(axes: Axes, half: float) -> None:
    """As a camera sees it: y down."""
    axes.set(xlim=(-half, half), ylim=(half, -half), xticks=[], yticks=[], aspect="equal")
