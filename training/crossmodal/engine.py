"""Training of one row with one seed: Lightning Fabric takes care of devices, processes and precision.

Fabric and not the Trainer: Algorithm 1 updates the weights once for each pair, which a Trainer leaves to manual
optimisation, and with it the resuming and the accumulating it is there for.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from hand_pose_ros.types import HandPoseError
from training.crossmodal.config import Row
from training.crossmodal.data import Draws, Pools
from training.crossmodal.model import CrossModal, Seen
from training.crossmodal.strategies import Batch, Loss, Noise, Scored, Step

#: Points of the curve that a run writes down, and checkpoints it leaves.
REPORTS = 20
WARM_UP = 0.05
#: Updates are kept to this norm: a first step far out costs more than it teaches.
CLIP = 5.0

Measure = Callable[[CrossModal], dict[str, float]]


def make_fabric(precision: str) -> Fabric:
    """One process on the device there is, or this process's part of what `torchrun` started."""
    local, world = (int(os.environ.get(name, 1)) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    # a step looks at some of the networks, so the others' gradients are not waited for
    strategy: Any = DDPStrategy(find_unused_parameters=True) if world > 1 else "auto"
    fabric = Fabric(devices=local, num_nodes=world // local, strategy=strategy, precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    return fabric


def train(
    fabric: Fabric, row: Row, seed: int, model: CrossModal, steps: list[Step], pools: Pools, measure: Measure,
    folder: Path,
) -> CrossModal:  # fmt: skip
    """Train `model` and return the moving average of its weights.

    `measure` gives numbers for the curve, of the average. Checkpoints, curve (`curve.jsonl`) and TensorBoard's events
    lie in `folder`; from the newest checkpoint a run goes on as though it had never stopped. Raises HandPoseError when
    the loss is no number any more; the last good checkpoint stays.
    """
    if row.batch % fabric.world_size:
        raise HandPoseError(f"a batch of {row.batch} does not split over {fabric.world_size} processes")
    folder.mkdir(parents=True, exist_ok=True)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(row.ema), use_buffers=True).to(fabric.device)
    # fused, since networks are small: on a CPU the calls cost more than what they compute
    optimizer = torch.optim.Adam(model.parameters(), lr=row.lr, fused=True)
    wrapped, optimizer = fabric.setup(model, optimizer)
    state: dict[str, Any] = {"model": wrapped, "optimizer": optimizer, "average": average, "step": 0}
    path = folder / "last.ckpt"
    if path.exists():
        fabric.load(path, state, weights_only=True)
    curve = _cut_curve(folder / "curve.jsonl", state["step"]) if fabric.is_global_zero else None
    writer = SummaryWriter(str(folder), purge_step=state["step"]) if fabric.is_global_zero else None
    every = max(1, math.ceil(row.steps / REPORTS))
    progress = tqdm(
        total=row.steps,
        initial=state["step"],
        desc=folder.name,
        leave=False,
        disable=None if fabric.is_global_zero else True,
    )
    model.train()
    sums: Counter[str] = Counter()
    for step in range(state["step"], row.steps):
        for group in optimizer.param_groups:
            group["lr"] = row.lr * _schedule(step / row.steps)
        draws = Draws(seed, step, row.batch, fabric.global_rank, fabric.world_size)
        for number, part in enumerate(steps):
            seen = pools.batch(part.pool, part.modalities, draws, str(fabric.device))
            total, logged = wrapped(partial(_loss, part.loss, seen, draws.noise, step / row.steps))
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(total)
            norm = fabric.clip_gradients(wrapped, optimizer, max_norm=CLIP, error_if_nonfinite=False)
            if not (total.isfinite() and norm is not None and norm.isfinite()):
                raise HandPoseError(f"{folder}: the loss is no number at step {step + 1}; lower 'lr' and start anew")
            optimizer.step()
            sums.update({f"loss{number}": total.item()} | {f"{key}{number}": value for key, value in logged.items()})
        average.update_parameters(model)
        progress.update()
        if (step + 1) % every and step + 1 < row.steps:
            continue
        numbers = {key: value / (step + 1 - state["step"]) for key, value in sums.items()}
        numbers = {key: float(cast(Tensor, fabric.all_reduce(value))) for key, value in numbers.items()}
        sums.clear()
        if curve is not None and writer is not None:
            measured = measure(cast(CrossModal, average.module.eval()))
            numbers |= measured
            with curve.open("a") as file:
                line = {"step": step + 1, "samples": (step + 1) * row.batch}
                file.write(json.dumps(line | {key: round(value, 5) for key, value in numbers.items()}) + "\n")
            for key, value in numbers.items():
                writer.add_scalar(key, value, step + 1)
            progress.set_postfix({key: f"{value:.3g}" for key, value in measured.items()})
        state["step"] = step + 1
        fabric.save(folder / "next.ckpt", state)
        if fabric.is_global_zero:
            (folder / "next.ckpt").replace(path)
        fabric.barrier()
    progress.close()
    if writer is not None:
        writer.close()
    return cast(CrossModal, average.module.eval())


def _loss(loss: Loss, seen: Seen, noise: Noise, progress: float, model: CrossModal) -> Scored:
    return loss(Batch(model, seen, noise, progress))


def _schedule(progress: float) -> float:
    """Share of the learning rate: up over the first steps, then down to a hundredth as a cosine."""
    return min(1.0, progress / WARM_UP + 0.05) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def _cut_curve(path: Path, step: int) -> Path:
    """The curve as it was at `step`: what was written after the checkpoint is made again."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    path.write_text("".join(line + "\n" for line in kept))
    return path
