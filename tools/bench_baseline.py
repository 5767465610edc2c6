"""This package beside MediaPipe Hands with a depth look-up, on the same frames in the same session: accuracy and speed.

    .venv/bin/python tools/bench_baseline.py FOLDER ... [--model BUNDLE] [--rounds N] [--json FILE] [--plot FILE.svg]

Folders are frames folders with ground truth. MediaPipe runs in an environment of its own, made on the first call,
since it needs NumPy 1. "static" looks for the hand in every frame, "tracking" takes the frames for a film. The rounds
of the competitors alternate, so that a busy minute of the machine hits all of them alike.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.evaluate import evaluate
from hand_pose_ros.predict import Predictions, predict
from hand_pose_ros.recordings import open_recording
from hand_pose_ros.types import HandPoseError, Modality

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ROOT / "tools" / "baseline"
VENV = ROOT / ".cache" / "mediapipe"
#: What is added along the ray because landmarks lie on the skin; the better of the two is the one to beat.
SKIN_M = (0.0, 0.008)


@dataclass(frozen=True)
class Row:
    """One competitor on one folder: mean errors in mm over the frames it found a hand in, latencies in ms."""

    folder: str
    name: str
    frames: int
    found: int
    absolute_mm: float
    wrist_relative_mm: float
    aligned_mm: float
    median_ms: float
    p99_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--model", default="hand", help="model bundle: a name under models/ or a path")
    parser.add_argument("--rounds", type=int, default=3, help="how often each goes through a folder (default: 3)")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--plot", type=Path, help="draw accuracy over speed here, as SVG")
    arguments = parser.parse_args()
    try:
        make_environment()
        rows = [row for folder in arguments.folders for row in compare(folder, arguments.model, arguments.rounds)]
    except HandPoseError as error:
        print(f"bench_baseline: {error}", file=sys.stderr)
        return 2
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    if arguments.plot:
        arguments.plot.write_text(plot(rows))
    return 0


def make_environment() -> None:
    """MediaPipe's virtual environment, unless it is there; raises HandPoseError where it cannot be made."""
    wanted = BASELINE / "requirements.txt"
    stamp = VENV / "requirements.txt"
    if stamp.is_file() and stamp.read_text() == wanted.read_text():
        return
    print(f"making {VENV} ...", file=sys.stderr, flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", VENV],
        [VENV / "bin" / "pip", "install", "-q", "-r", wanted],
    ):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode:
            raise HandPoseError(f"MediaPipe cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    stamp.write_text(wanted.read_text())


def compare(folder: Path, model: str, rounds: int) -> list[Row]:
    """All competitors on one folder, in alternating rounds."""
    recording = open_recording(folder)
    truth = recording.truth()
    frames = list(recording.frames())
    has_depth = frames[0].frame.depth_m is not None
    competitors: dict[str, Callable[[], Predictions]] = {}
    for threads in (1, 2):
        estimator = HandEstimator(model, threads=threads)
        modalities: tuple[Modality, ...] = ("rgbd", "depth", "rgb") if has_depth else ("rgb",)
        for modality in modalities:
            name = f"{estimator.bundle.name}, {modality}, {threads} thread{'s' * (threads > 1)}"
            competitors[name] = partial(predict, estimator, frames, modalities=modality)
    for size, complexity in (("lite", 0), ("full", 1)):
        for how in ("static", "tracking"):
            for skin in SKIN_M if has_depth else SKIN_M[:1]:
                way = f"lift + {1000 * skin:.0f} mm" if has_depth else "PnP"
                name = f"MediaPipe {size}, {how}, {way}"
                competitors[name] = partial(run_mediapipe, folder, complexity, how == "tracking", skin)
    runs: dict[str, list[Predictions]] = {name: [] for name in competitors}
    for _ in range(rounds):
        for name, work in competitors.items():
            runs[name].append(work())
    rows = []
    for name, predictions in runs.items():
        scores = evaluate(predictions[0], truth).scores
        if scores is None:
            raise HandPoseError(f"{folder}: '{name}' found no hand in a frame with ground truth")
        latency = np.concatenate([p.latency_ms for p in predictions])
        absolute, relative, aligned = (scores[view].mean_mm for view in ("absolute", "wrist-relative", "aligned"))
        median, p99 = (float(value) for value in np.percentile(latency, [50, 99]))
        found = int(predictions[0].found.sum())
        rows.append(Row(folder.name, name, len(frames), found, absolute, relative, aligned, median, p99))
    return rows


def run_mediapipe(folder: Path, complexity: int, tracking: bool, skin_m: float) -> Predictions:
    """One round of MediaPipe; its first frames, in which it sets itself up, do not count for the latency."""
    output = VENV / "predictions.npz"
    command = [VENV / "bin" / "python", BASELINE / "mediapipe_hands.py", folder, "-o", output]
    command += ["--complexity", complexity, "--skin", skin_m, "--rounds", 2]
    command += ["--tracking"] if tracking else []
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise HandPoseError(f"MediaPipe failed on {folder}: {done.stderr.strip().splitlines()[-1]}")
    with np.load(output) as data:
        return Predictions(**{name: data[name] for name in Predictions.__dataclass_fields__})


def table(rows: list[Row]) -> str:
    """Markdown, one row a competitor."""
    lines = [
        "| frames | method | found | absolute | wrist-relative | aligned | median ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        errors = " | ".join(f"{v:.1f}" for v in (row.absolute_mm, row.wrist_relative_mm, row.aligned_mm))
        times = f"{row.median_ms:.1f} | {row.p99_ms:.1f}"
        lines.append(f"| {row.folder} | {row.name} | {row.found} of {row.frames} | {errors} | {times} |")
    return "\n".join(lines)


def plot(rows: list[Row], width: int = 720, height: int = 360) -> str:
    """Aligned error over median latency as a standalone SVG, a colour for each folder, discs for this package."""
    left, bottom, colours = 50, 40, ("#1b7837", "#762a83", "#b35806", "#2166ac")
    right = 1.1 * max(row.median_ms for row in rows)
    top = 1.1 * max(row.aligned_mm for row in rows)
    folders = sorted({row.folder for row in rows})

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x / right * (width - left - 20), height - bottom - y / top * (height - bottom - 20)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="11"><rect width="100%" height="100%" fill="white"/>',
        f'<path d="M{left} 20V{height - bottom}H{width - 20}" fill="none" stroke="#444"/>',
        f'<text x="{width - 20}" y="{height - 8}" text-anchor="end">median ms per frame</text>',
        '<text x="6" y="14">mean aligned error, mm</text>',
    ]
    for k in range(5):
        (x, y), base = place(right * k / 4, top * k / 4), height - bottom
        parts.append(f'<text x="{x:.0f}" y="{base + 14}" text-anchor="middle">{right * k / 4:.0f}</text>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{top * k / 4:.0f}</text>')
    for row in rows:
        x, y = place(row.median_ms, row.aligned_mm)
        colour = colours[folders.index(row.folder) % len(colours)]
        fill = "none" if row.name.startswith("MediaPipe") else colour
        label = f"{row.folder}: {row.name}"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{colour}"><title>{label}</title></circle>'
        )
    for k, folder in enumerate(folders):
        parts.append(
            f'<text x="{width - 30}" y="{30 + 16 * k}" text-anchor="end" fill="{colours[k % len(colours)]}">{folder}: '
            "discs are this package, circles MediaPipe</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
