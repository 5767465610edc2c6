"""`docs/ablation.md` from the recorded rows.

All rows look at the same frames, so they are compared frame by frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_ros.reports.parts import change
from hand_pose_ros.types import HandPoseError
from training.ablation.run import SHIPPED, Ablation, read_ablation, recorded
from training.ablation.students import StudentAblation, read_students
from training.hands.model import Array

AnyAblation = Ablation | StudentAblation
SETS = {"real_rgbd": "real RGB-D", "real_rgb": "real RGB", "libhand": "LibHand", "webxr": "WebXR hand"}
ERRORS = {"relative_mm": "relative to the wrist", "aligned_mm": "aligned"}
HEAD = """# What the parts of generator and training are worth

## The generator

Written by `hand-pose-train ablation` from recorded runs; the experiments lie in `training/experiments/`. Each row takes
the first delivery's encoder (0.1.0, commit f7ee6ad) with its weights and trains it further, decoder frozen, on as many
hands as every other row: drawn by today's generator (`all`), by today's with one part switched off (`SceneSettings`),
or by the first delivery's, which is run from its commit. Nothing else differs between rows. `as shipped` is 0.1.0.
They are measured on hands that no row was trained on: 12 real RGB-D frames, 291 real colour crops, and rendered frames
of LibHand's (`hand-pose-train test-set libhand --count 300 --seed 3`) and of the WebXR hand (`webxr --count 150 --seed
3`), in crops about the labelled hand with the side known.

Errors are means in mm. The lower tables tell by how much more (+) or less (-) a row errs than `all`, with 95 %
intervals over frames; bold where they leave out zero. A part pays where the row without it errs more. Not in the
intervals: how much training varies from seed to seed, and that frames of the real sets follow upon each other and show
few people. The budget is small: what a longer training could still learn from a part is not seen.

"""
STUDENT_HEAD = """## Training itself

Here each row trains today's encoder, with today's losses, on as many hands of today's generator; what it goes on from,
and what it does without, stands in the experiment. Measured and compared as above.

"""


def write_page(generator: Sequence[Path], students: Sequence[Path], results: Path, page: Path) -> None:
    """Write `page` from `results`/<experiment>.jsonl of ablations of the generator and of training itself; raises
    HandPoseError where nothing is recorded.

    Rows whose settings are no longer the experiment's are left out.
    """
    parts = _sections([(path.stem, read_ablation(path)) for path in generator], results)
    of_training = _sections([(path.stem, read_students(path)) for path in students], results)
    if not parts + of_training:
        raise HandPoseError(f"no rows are recorded in '{results}'; `hand-pose-train ablation EXPERIMENT` adds some")
    text = HEAD + "\n".join(parts)
    page.write_text(text + "\n" + STUDENT_HEAD + "\n".join(of_training) if of_training else text)


def _sections(ablations: Sequence[tuple[str, AnyAblation]], results: Path) -> list[str]:
    """Those of which rows are recorded, by the names of their records."""
    parts = []
    for name, ablation in ablations:
        lines = recorded(results / f"{name}.jsonl")
        done = {row: [x for x in lines if (x["row"], x["settings"]) == (row, ablation.fingerprint(row))]
                for row in ablation.rows}  # fmt: skip
        done = {row: found for row, found in done.items() if found}
        if done:
            parts.append(section(ablation, done))
    return parts


def section(ablation: AnyAblation, done: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Heading and tables of one experiment; done: its runs by row."""
    every = [run for runs in done.values() for run in runs]
    shown = {name: heading for name, heading in SETS.items() if all(name in run["sets"] for run in every)}
    commits = ", ".join(sorted({run["commit"] for run in every}))
    lines = [
        f"### {ablation.title}\n",
        f"{ablation.samples:,} samples a row, today's generator as of commit {commits}.\n",
    ]
    lines.append("| row | seeds | " + " | ".join(f"{h}: relative | aligned" for h in shown.values()) + " |")
    lines.append("|---" * (2 + 2 * len(shown)) + "|")
    for row, runs in done.items():
        cells = (f"{np.mean([run['sets'][name][key] for run in runs]):.1f}" for name in shown for key in ERRORS)
        lines.append(f"| {row} | {'–' if row == SHIPPED else len(runs)} | " + " | ".join(cells) + " |")
    for key, kind in ERRORS.items() if ablation.against in done else ():
        lines += ["", f"| against `{ablation.against}`, {kind} | " + " | ".join(shown.values()) + " |"]
        lines.append("|---" * (1 + len(shown)) + "|")
        for row in (row for row in done if row != ablation.against):
            pair = _same_seeds(done[row], done[ablation.against])
            errors = ([_by_frame(runs, name, key) for runs in pair] for name in shown)
            changes = (change(own - reference) for own, reference in errors)
            lines.append(f"| {row} | " + " | ".join(map(str, changes)) + " |")
    return "\n".join(lines) + "\n"


def _same_seeds(runs: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> tuple[list, list]:
    """The runs of two rows with the seeds that both have: with the same seed they see the same hands."""
    both = {run["seed"] for run in runs} & {run["seed"] for run in others}
    return [run for run in runs if run["seed"] in both], [run for run in others if run["seed"] in both]


def _by_frame(runs: Sequence[Mapping[str, Any]], name: str, key: str) -> Array:
    """Errors (N,) of the frames of a set, means over the seeds."""
    return np.mean([run["sets"][name][key] for run in runs], axis=0)
