"""Rows of an ablation: each trains the first delivery's model further on as many hands, and is measured."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from hand_pose_ros.metrics import align_procrustes, joint_errors, wrist_relative
from hand_pose_ros.types import HandPoseError
from training.ablation.first import SIZE, FirstModel, Hands, first_hands, first_tree
from training.crossmodal.real import real_split
from training.engine import EMA_DECAY
from training.hands.pictures import rgb_batches
from training.hands.samples import depth_batches
from training.hands.scene import SceneSettings
from training.objectives import pose_error

#: Seed of the hands that normalisations are unfolded by, of no row's.
UNFOLD_SEED = 99
#: Crops that are measured at once.
AT_ONCE = 100
#: The joints (N, 21, 3) that a model sees in crops.
Predict = Callable[[Hands], Tensor]
M = TypeVar("M", bound=nn.Module)
A = TypeVar("A")
#: Rows that draw no hands of today's: the first delivery as it was shipped, and trained further on hands of its own.
SHIPPED, FIRST = "as shipped", "first generator"


@dataclass(frozen=True)
class Ablation:
    """source: depth or rgb. samples: hands that each row is trained on. scenes: settings of SceneSettings that all rows
    share; rows: what each replaces of them. against: the row that the others are compared with. skins, backgrounds:
    folders, None for procedural ones."""

    title: str
    source: str
    samples: int
    batch: int
    lr: float
    scenes: dict[str, Any]
    rows: dict[str, dict[str, Any] | None]
    against: str
    skins: str | None = None
    backgrounds: str | None = None

    def settings(self, row: str) -> SceneSettings:
        """How a row's hands are drawn: right ones alone, since the side is known where they are measured."""
        given = {"mirrored": 0.0, "empty": 0.0} | self.scenes | (self.rows[row] or {})
        if given.get("poses") is not None:
            given["poses"] = Path(given["poses"])
        return SceneSettings(**given)

    def fingerprint(self, row: str) -> str:
        """Eight digits that change with any setting of a row."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("title", "rows", "against")}
        text = json.dumps([row, self.rows[row], own], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_ablation(path: Path) -> Ablation:
    """Raises HandPoseError where the file cannot be read or settings are missing or unknown."""
    return read_as(Ablation, path)


def read_as(kind: type[A], path: Path) -> A:
    """The file's settings as an ablation of that kind; raises as `read_ablation`."""
    try:
        given = yaml.safe_load(path.read_text())
        given.pop("kind")
        return kind(**given)
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise HandPoseError(f"{path} is no ablation: {' '.join(str(error).split())}") from error


def run_ablation(
    path: Path, rows: Sequence[str], seed: int, frames: Sequence[Path], folder: Path, record: Path
) -> None:
    """Train `rows` (all, where none is named) and append a line for each to `record`; what is recorded with the same
    settings is not done again. frames: labelled frames folders to measure on; folder: where the first delivery is kept.

    Raises HandPoseError for a row that the experiment lacks.
    """
    ablation = read_ablation(path)
    rows = chosen_rows(path, rows, ablation.rows)
    crops_of = crops_of_sets(frames, ablation.source, SIZE[ablation.source])
    tree = first_tree(folder)

    def predict_after(row: str) -> Predict:
        model = train(ablation, row, seed, tree)
        return lambda crops: model(torch.from_numpy(crops[ablation.source]))[0]

    for row in rows:
        samples = 0 if row == SHIPPED else ablation.samples
        key = {"row": row, "seed": seed, "settings": ablation.fingerprint(row)}
        record_row(record, key, samples, partial(predict_after, row), crops_of)


def chosen_rows(path: Path, rows: Sequence[str], known: Iterable[str]) -> list[str]:
    """The rows that were named, all of those known where none was; raises HandPoseError for one that is not known."""
    known = list(known)
    unknown = sorted(set(rows) - set(known))
    if unknown:
        raise HandPoseError(f"{path} has no row '{unknown[0]}'; it has {', '.join(known)}")
    return list(rows or known)


def crops_of_sets(frames: Sequence[Path], source: str, size: int) -> dict[str, Hands]:
    """The labelled crops of those sets that have pictures of the source."""
    crops = {place.name: labelled_crops(place, size) for place in frames}
    return {name: arrays for name, arrays in crops.items() if source in arrays}


def record_row(
    record: Path, key: dict[str, Any], samples: int, train: Callable[[], Predict], crops_of: dict[str, Hands]
) -> None:
    """Append what a row reaches to `record`, unless a line of the same `key` (row, seed, settings) is there."""
    if any(key.items() <= line.items() for line in recorded(record)):
        return
    record.parent.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    predict = train()
    sets = {name: measure(predict, crops) for name, crops in crops_of.items()}
    facts = {"samples": samples, "commit": _commit(), "cpu_seconds": round(time.process_time() - started)}
    with record.open("a") as file:
        file.write(json.dumps(key | facts | {"sets": sets}) + "\n")
    print(f"{record.stem} {key['row']}: {facts['cpu_seconds']} s; " + ", ".join(_told(sets)), flush=True)


def recorded(record: Path) -> list[dict[str, Any]]:
    """The lines of a record, [] where there is none yet."""
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def train(ablation: Ablation, row: str, seed: int, tree: Path) -> FirstModel:
    """The first delivery's model after the row's hands: the moving average of its weights."""
    unfold = next(_todays(ablation, ablation.settings(ablation.against), UNFOLD_SEED))
    model = FirstModel(ablation.source, tree, torch.from_numpy(unfold[ablation.source]))
    if row == SHIPPED:
        return model.eval()
    steps = ablation.samples // ablation.batch
    model.train()
    model.decoder.eval()

    def loss(batch: dict[str, Tensor]) -> Tensor:
        return pose_error(model(batch[ablation.source]), batch["joints"], batch["joints_2d"]).mean()

    return fit_steps(model, loss, _hands(ablation, row, seed, steps, tree), steps, ablation.lr)


def fit_steps(
    model: M, loss: Callable[[dict[str, Tensor]], Tensor], hands: Iterator[Hands], steps: int, lr: float
) -> M:
    """Train `model` on so many batches of `hands`; the moving average of its weights."""
    optimiser = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=lr, weight_decay=0.01)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA_DECAY), use_buffers=True
    )
    for step, batch in enumerate(islice(hands, steps)):
        done = step / steps
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, 20 * done + 0.05) * (1 + math.cos(math.pi * done)) / 2
        total = loss({name: torch.from_numpy(array) for name, array in batch.items()})
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(model)
    return cast(M, average.module.eval())


def _hands(ablation: Ablation, row: str, seed: int, steps: int, tree: Path) -> Iterator[Hands]:
    if row == FIRST:
        return first_hands(tree, ablation.source, seed, ablation.batch, steps, _pictures(ablation))
    return _todays(ablation, ablation.settings(row), seed)


def _todays(ablation: Ablation, settings: SceneSettings, seed: int) -> Iterator[Hands]:
    given: dict[str, Any] = {"seed": seed, "batch": ablation.batch, "size": SIZE[ablation.source], "settings": settings}
    batches: Iterator[Any]
    if ablation.source == "depth":
        batches = depth_batches(**given)
    else:
        batches = rgb_batches(**given, **_pictures(ablation), facing=settings.facing)
    for batch in batches:
        yield {name: getattr(batch, name) for name in (ablation.source, "joints", "joints_2d")}


def _pictures(ablation: Ablation) -> dict[str, Any]:
    return {name: path and Path(path) for name, path in vars(ablation).items() if name in ("skins", "backgrounds")}


def labelled_crops(folder: Path, size: int) -> Hands:
    """Crops about the labelled hands of a frames folder, left ones mirrored into right ones: pictures, where all frames
    have them, and joints (N, 21, 3)."""
    crops = real_split(folder, size)
    left = crops["right"] < 0.5
    crops["joints"][left, :, 0] *= -1
    for source in {"rgb", "depth"} & crops.keys():
        crops[source][left] = crops[source][left, :, ::-1]
    return crops


def _commit() -> str:
    """Whose generator today's is."""
    here = Path(__file__).parent
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    return done.stdout.strip()


@torch.no_grad()
def measure(predict: Predict, crops: Hands) -> dict[str, list[float]]:
    """Mean errors of each frame in mm: relative to the wrist, and aligned."""
    truth = crops["joints"].astype(np.float64)
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(truth), AT_ONCE)]
    shown = [{name: array[part].copy() for name, array in crops.items()} for part in parts]
    predicted = np.concatenate([predict(part).numpy() for part in shown]).astype(np.float64)
    errors = {
        "relative_mm": joint_errors(wrist_relative(predicted), wrist_relative(truth)),
        "aligned_mm": joint_errors(align_procrustes(predicted, truth), truth),
    }
    return {name: [round(float(mm), 1) for mm in values.mean(1) * 1000] for name, values in errors.items()}


def _told(sets: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    for name, errors in sets.items():
        yield f"{name} {np.mean(errors['relative_mm']):.1f} / {np.mean(errors['aligned_mm']):.1f} mm"
