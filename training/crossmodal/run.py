"""`hand-pose-train run` of a study: every row with every seed, each recorded as one line."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from hand_pose_ros.types import HandPoseError
from training.crossmodal.benchmark import SPLITS, drawn, load_split
from training.crossmodal.bones import Limits, measure_limits
from training.crossmodal.config import Experiment, Row, read_study
from training.crossmodal.data import Pools
from training.crossmodal.engine import make_fabric, train
from training.crossmodal.evaluate import measure, predict
from training.crossmodal.features import with_features
from training.crossmodal.modalities import SOURCES, fields_of, views
from training.crossmodal.model import CrossModal, build_model
from training.crossmodal.real import real_split
from training.crossmodal.strategies import steps_of
from training.hands.model import Array

#: Where frames folders of real hands are looked for that rows are measured on; nothing is trained on them.
REAL = Path("../shared/data")
REAL_SETS = ("real_rgbd", "real_rgb")
#: Training hands that the limits of a human hand are measured on.
LIMIT_HANDS = 4000


def run_study(
    path: Path, folder: Path, rows: Sequence[str] = (), results: Path | None = None, frames: Sequence[Path] = ()
) -> None:
    """Train the rows of the experiment at `path` (or the named ones) with all its seeds, below `folder`.

    What is finished is not done again, what was broken off goes on; on a benchmark that was drawn anew all is done
    anew. Each run adds a line to `results/<experiment>.jsonl` (default: in `folder`). The benchmark lies beside
    `folder`, for all experiments.
    frames: frames folders to measure on beside the benchmark and the real sets, by their names; rows that are finished
    are measured on those they were not measured on yet. Raises HandPoseError for a row that the experiment lacks.
    """
    experiment = read_study(path)
    unknown = sorted(set(rows) - set(experiment.rows))
    if unknown:
        raise HandPoseError(f"{path} has no row '{unknown[0]}'; it has {', '.join(experiment.rows)}")
    record = (results or folder) / f"{path.stem}.jsonl"
    record.parent.mkdir(parents=True, exist_ok=True)
    sets = [REAL / name for name in REAL_SETS if (REAL / name).is_dir()] + list(frames)
    fields = fields_of(tuple({row.source for row in experiment.rows.values()}))
    others = {place.name: with_features(real_split(place, experiment.benchmark.size), fields) for place in sets}
    for seed in experiment.seeds:  # seed by seed: a study that is stopped has whole tables, of fewer seeds
        for name in rows or experiment.rows:
            row = experiment.rows[name]
            fabric = make_fabric(row.precision)
            with fabric.rank_zero_first(local=True):  # the others find on disk what the first made
                hands = row_hands(experiment, row, folder.parent)
            key = {"row": name, "seed": seed, "settings": fingerprint(experiment, row), "drawn": hands}
            # a set serves the rows whose source it has
            fit = {other: arrays for other, arrays in others.items() if set(SOURCES[row.source]) <= set(arrays)}
            lines = recorded(record)
            done = [line for line in lines if key.items() <= line.items()]
            if not done:
                _run_row(fabric, experiment, name, seed, folder, record, key, fit)
            elif set(fit) - set(done[0]) and fabric.is_global_zero:
                model = load_row(experiment, name, seed, folder)
                done[0] |= {other: measure(model, row, fit[other]) for other in fit if other not in done[0]}
                record.write_text("".join(json.dumps(line) + "\n" for line in lines))


def recorded(path: Path) -> list[dict[str, Any]]:
    """The lines of a record, [] where there is none yet."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def fingerprint(experiment: Experiment, row: Row) -> str:
    """Eight digits that change with any setting of a row, of the row it goes on from, or of the benchmark."""
    before = (fingerprint(experiment, experiment.rows[row.after]),) if row.after else ()
    own = {key: value for key, value in asdict(row).items() if key != "after"}
    told = [own, experiment.benchmark.folder(Path()).name, *before]
    settings = json.dumps(told, sort_keys=True, default=list)
    return hashlib.sha256(settings.encode()).hexdigest()[:8]


def row_hands(experiment: Experiment, row: Row, root: Path) -> dict[str, str]:
    """Hashes of the benchmark's arrays that the row looks at; makes those that are not on disk yet."""
    return drawn(experiment.benchmark, fields_of(row.modalities), root)


def load_row(experiment: Experiment, name: str, seed: int, folder: Path) -> CrossModal:
    """The trained model of a row, its moving average; raises HandPoseError where it was not trained to the end."""
    row = experiment.rows[name]
    path = _run_folder(experiment, name, seed, folder) / "last.ckpt"
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu") if path.exists() else {}
    if state.get("step") != row.steps:
        raise HandPoseError(f"{path} is missing or unfinished: run the row '{name}' with seed {seed} first")
    model = _new_model(experiment, row, seed)
    average = {key.removeprefix("module."): value for key, value in state["average"].items() if key != "n_averaged"}
    model.load_state_dict(average)
    return model.eval().requires_grad_(False)


def row_limits(row: Row, arrays: Mapping[str, Array]) -> Limits:
    """Limits of a human hand, measured on the first of the training hands as the row sees them."""
    seen = views({name: arrays[name][:LIMIT_HANDS] for name in ("joints", "right")}, ("joints",), row.invariances, 0)
    return measure_limits(seen["joints"].numpy(), seen["right"].numpy())


def _run_row(
    fabric: Fabric, experiment: Experiment, name: str, seed: int, folder: Path, record: Path, key: Mapping[str, Any],
    others: Mapping[str, Mapping[str, Array]],
) -> None:  # fmt: skip
    row = experiment.rows[name]
    device, place, root = str(fabric.device), _run_folder(experiment, name, seed, folder), folder.parent
    splits = {split: load_split(experiment.benchmark, split, fields_of(row.modalities), root) for split in SPLITS}
    arrays = splits["train"]
    model = _new_model(experiment, row, seed)
    if row.after:
        # networks that only this row has keep their own first weights
        model.load_state_dict(load_row(experiment, row.after, seed, folder).state_dict(), strict=False)
    limits = row_limits(row, splits["train"]) if row.bones else None
    held_out = {field: np.array(values) for field, values in splits["validation"].items()}

    def watch(module: CrossModal) -> dict[str, float]:
        predicted, truth = predict(module, row, held_out, row.source, "joints", device)
        return {"validation_mm": float(np.linalg.norm(predicted - truth, axis=-1).mean() * 1000)}

    started = time.process_time()
    trained = train(fabric, row, seed, model, steps_of(row, limits), Pools(row, arrays), watch, place)
    seconds = time.process_time() - started  # of the CPU: wall time tells how busy a machine is
    if fabric.is_global_zero:
        found = {split: measure(trained, row, splits[split], device) for split in ("test", "unseen")}
        found |= {other: measure(trained, row, arrays, device) for other, arrays in others.items()}
        curve = [(line["samples"], round(line["validation_mm"], 2)) for line in recorded(place / "curve.jsonl")]
        facts: dict[str, Any] = {"samples": row.samples, "cpu_seconds": round(seconds, 1)}
        facts |= {"processes": fabric.world_size}
        facts |= {"parameters": sum(p.numel() for p in model.parameters()), "device": fabric.device.type}
        with record.open("a") as file:
            file.write(json.dumps({"experiment": experiment.name, **key, **facts, **found, "curve": curve}) + "\n")
        print(
            f"{experiment.name} {name} seed {seed}: test {found['test']['mean_mm']:.2f} mm, {seconds:.0f} s", flush=True
        )
    fabric.barrier()


def _run_folder(experiment: Experiment, name: str, seed: int, folder: Path) -> Path:
    """Of a row with its settings and hands: with others it is another run, and does not go on from its checkpoint."""
    row = experiment.rows[name]
    hands = "".join(row_hands(experiment, row, folder.parent).values())
    key = hashlib.sha256((fingerprint(experiment, row) + hands).encode()).hexdigest()[:8]
    return folder / f"{name}-{seed}-{key}"


def _new_model(experiment: Experiment, row: Row, seed: int) -> CrossModal:
    torch.manual_seed(seed)
    return build_model(row.encoders, row.decoders, row.latent, "H" in row.invariances, experiment.benchmark.size)
