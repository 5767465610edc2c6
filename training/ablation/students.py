"""Rows of an ablation of training itself: today's encoder, trained on as many hands without one of training's parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from training.ablation.first import Hands
from training.ablation.run import Predict, chosen_rows, crops_of_sets, fit_steps, read_as, record_row
from training.run import batch_maker, build_encoder, load_space, start
from training.stages import WEIGHTS


@dataclass(frozen=True)
class StudentAblation:
    """source: depth or rgb. samples: rendered hands that each row is trained on. stage: what all rows share, as
    those of the source's stage in an experiment of `hand-pose-train run`, and `weights` of the loss's terms
    (stages.WEIGHTS); rows: what each replaces of them. against: the row that the others are compared with."""

    title: str
    source: str
    samples: int
    stage: dict[str, Any]
    rows: dict[str, dict[str, Any] | None]
    against: str

    def settings(self, row: str) -> dict[str, Any]:
        """Those of a row; hands are right ones alone where they are measured, and some of what is drawn."""
        replaced = self.rows[row] or {}
        return self.stage | replaced | {"weights": WEIGHTS | replaced.get("weights", {})}

    def fingerprint(self, row: str) -> str:
        """Eight digits that change with any setting of a row."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name in ("source", "samples")}
        return hashlib.sha256(json.dumps([own, self.settings(row)], sort_keys=True).encode()).hexdigest()[:8]


def is_of_students(path: Path) -> bool:
    """Whether the file says that it is an ablation of training, and not of the generator."""
    try:
        given = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError):
        return False  # who reads it tells what is wrong
    return isinstance(given, dict) and given.get("kind") == "student_ablation"


def read_students(path: Path) -> StudentAblation:
    """Raises HandPoseError where the file cannot be read or settings are missing or unknown."""
    return read_as(StudentAblation, path)


def run_students(path: Path, rows: Sequence[str], seed: int, frames: Sequence[Path], space: Path, record: Path) -> None:
    """Train `rows` (all, where none is named) and append a line for each to `record`; what is recorded with the same
    settings is not done again. frames: labelled frames folders to measure on; space: the run's folder that has the
    latent space.

    Raises HandPoseError for a row that the experiment lacks, and without a latent space.
    """
    ablation = read_students(path)
    rows = chosen_rows(path, rows, ablation.rows)
    crops_of = crops_of_sets(frames, ablation.source, ablation.stage["size"])
    for row in rows:
        key = {"row": row, "seed": seed, "settings": ablation.fingerprint(row)}
        record_row(record, key, ablation.samples, partial(train, ablation, row, seed, space), crops_of)


def train(ablation: StudentAblation, row: str, seed: int, space: Path) -> Predict:
    """What the row's encoder, the moving average of its weights, sees after its hands."""
    settings, latent = ablation.settings(row), load_space(space)
    torch.manual_seed(seed)
    student = build_encoder(ablation.source, settings)
    make = batch_maker(ablation.source, settings)
    start(student, settings, make)
    student.train()
    for part in settings.get("frozen", ()):
        student.encoder.get_submodule(part).requires_grad_(False).eval()

    def loss(batch: dict[str, Tensor]) -> Tensor:
        return student.loss(batch, latent)[0]

    steps = ablation.samples // settings["batch"]
    trained = fit_steps(student, loss, _batches(make(seed)), steps, settings["lr"])
    return lambda crops: trained.joints({name: torch.from_numpy(array) for name, array in crops.items()}, latent)


def _batches(made: Iterator[Any]) -> Iterator[Hands]:
    yield from (vars(batch) for batch in made)
