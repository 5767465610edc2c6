"""All competitors on one recording, in alternating rounds, so that a busy minute of the machine hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hand_pose_ros.backend import DEFAULT_PROVIDERS
from hand_pose_ros.benchmark.mediapipe import SKIN_M, MediaPipe
from hand_pose_ros.benchmark.runs import Run, find, follow, look
from hand_pose_ros.bundle import Bundle
from hand_pose_ros.detector import HandDetector
from hand_pose_ros.detector.finders import automatic
from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
from hand_pose_ros.evaluate import VIEWS, evaluate
from hand_pose_ros.recordings import no_frames, open_recording
from hand_pose_ros.types import Modality

HANDS = 4


@dataclass(frozen=True)
class Row:
    """One competitor on one recording. Mean errors in mm over the frames it found a hand in, None without ground truth;
    milliseconds a frame, of all rounds: median and 99th percentile of the latency, median of the processors' time."""

    recording: str
    name: str
    frames: int
    found: int
    absolute_mm: float | None
    wrist_relative_mm: float | None
    aligned_mm: float | None
    median_ms: float
    p99_ms: float
    cpu_ms: float

    @property
    def ours(self) -> bool:
        """Whether it is a model of this package."""
        return not self.name.startswith("MediaPipe")


def compare(
    path: Path,
    bundles: Sequence[Bundle],
    threads: Sequence[int],
    rounds: int,
    mediapipe: MediaPipe | None,
    providers: Sequence[str] = DEFAULT_PROVIDERS,
) -> list[Row]:
    """The rows of one recording, which say what the bundles ran on if not on the CPU.

    Raises HandPoseError where it has no frames, or MediaPipe fails.
    """
    recording = open_recording(path)
    truth, frames = recording.truth(), list(recording.frames())
    if not frames:
        raise no_frames(path)
    colour, depth = (any(vars(f.frame)[key] is not None for f in frames) for key in ("rgb", "depth_m"))
    seen: tuple[Modality, ...] = ("rgbd", "depth", "rgb") if colour and depth else ("depth",) if depth else ("rgb",)
    competitors: dict[str, Callable[[], Run]] = {}
    for bundle in bundles:
        for count in threads:
            finder = automatic(HandDetector(providers=providers, threads=count), bundle.crop.box_scale)
            options = EstimatorOptions(finder=finder)
            estimator = HandEstimator(bundle, providers=providers, threads=count, options=options)
            runs_on = estimator.provider.removesuffix("ExecutionProvider")
            for modality in (m for m in seen if m in bundle.modalities):
                known = find(estimator, frames, modality)
                name = f"{bundle.name} {bundle.version}, {modality}, {{}}, {count} thread{'s' * (count > 1)}"
                name += "" if runs_on == "CPU" else f", {runs_on}"
                ours = (estimator, frames, modality)
                competitors[name.format("looking")] = partial(look, *ours)
                competitors[name.format("following")] = partial(follow, *ours, known)
                competitors[name.format(f"following {HANDS} hands")] = partial(follow, *ours, known, HANDS)
    if mediapipe is not None and colour:
        for size, complexity in (("lite", 0), ("full", 1)):
            for how in ("looking", "following"):
                for skin in SKIN_M if depth else SKIN_M[:1]:
                    way = f"lift + {1000 * skin:.0f} mm" if depth else "PnP"
                    name = f"MediaPipe {size}, {way}, {how}"
                    competitors[name] = partial(mediapipe.run, path, complexity, how == "following", skin)
    runs: dict[str, list[Run]] = {name: [] for name in competitors}
    for _ in range(rounds):
        for name, work in competitors.items():
            runs[name].append(work())
    rows = []
    for name, all_runs in runs.items():
        first = all_runs[0].predictions
        scores = evaluate(first, truth).scores or {}
        errors = [scores[view].mean_mm if view in scores else None for view in VIEWS]
        median, p99 = np.percentile(np.concatenate([run.predictions.latency_ms for run in all_runs]), [50, 99])
        cpu = np.median(np.concatenate([run.cpu_ms for run in all_runs]))
        found = int(first.found.sum())
        rows.append(
            Row(
                path.name,
                name,
                len(frames),
                found,
                errors[0],
                errors[1],
                errors[2],
                float(median),
                float(p99),
                float(cpu),
            )
        )
    return rows
