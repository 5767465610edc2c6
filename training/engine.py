"""One training loop for all stages: batches from worker processes, AdamW with a cosine, EMA, checkpoints, resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from hand_pose_ros.types import HandPoseError

#: Short, since a run on a small machine has few steps: the average must forget how training began.
EMA_DECAY = 0.99
SAVE_EVERY_S = 120

M = TypeVar("M", bound=nn.Module)


def part_of_the_work() -> tuple[int, int]:
    """Which part of how many falls to this process: every loader's worker of every rank has one."""
    worker = torch.utils.data.get_worker_info()
    number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
    shared = torch.distributed.is_available() and torch.distributed.is_initialized()
    rank, ranks = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if shared else (0, 1)
    return rank * workers + number, ranks * workers


class Endless(IterableDataset):
    """Batches from `make(seed)`, each worker process of each rank with a seed of its own: process p has batch k of seed
    1000 * seed + p as its k-th."""

    def __init__(self, make: Callable[[int], Iterator[Any]], seed: int):
        self.make = make
        self.seed = seed

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        if torch.utils.data.get_worker_info():
            torch.set_num_threads(1)
        part, _ = part_of_the_work()
        for batch in self.make(self.seed * 1000 + part):
            yield {name: torch.from_numpy(array) for name, array in vars(batch).items()}


def fit(
    module: M,
    loss: Callable[[M, dict[str, Tensor]], tuple[Tensor, dict[str, float]]],
    make_batches: Callable[[int], Iterator[Any]],
    *,
    minutes: float,
    lr: float,
    seed: int,
    folder: Path,
    name: str,
    workers: int = 1,
    device: str = "cpu",
    stop_after: float | None = None,
) -> M:
    """Train `module` for `minutes`, resuming from `folder/name.ckpt` where there is one; returns its moving average.

    device: what the networks run on; samples are made by `workers` processes on the CPU. stop_after: minutes after
    which this call ends, to be gone on with by another.

    The budget is time, since that is what a machine has; the learning rate warms up and falls over it as a cosine, so
    that training on a slow or busy machine still ends well. Resuming draws fresh batches (the seed moves with the
    step), so no sample is seen twice.

    Raises HandPoseError where there are no minutes, and when the loss or its gradient is no number any more: the last
    good checkpoint stays.
    """
    if not minutes > 0:
        raise HandPoseError(f"{name}: 'minutes' must be more than 0, not {minutes}")
    path = folder / f"{name}.ckpt"
    module = module.to(device)
    optimiser = torch.optim.AdamW(module.parameters(), lr=lr, weight_decay=0.01)
    average = torch.optim.swa_utils.AveragedModel(
        module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA_DECAY), use_buffers=True
    )
    parts: dict[str, Any] = {"module": module, "average": average, "optimiser": optimiser}
    step, spent = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True, map_location=device)
        for key, part in parts.items():
            part.load_state_dict(state[key])
        step, spent = state["step"], state["seconds"]
        print(f"{name}: resuming at step {step}, minute {spent / 60:.1f} of {minutes}", flush=True)
    samples = Endless(make_batches, seed + 7919 * step)
    loader = iter(DataLoader(samples, batch_size=None, num_workers=workers, pin_memory=device != "cpu"))
    start = saved = time.monotonic()
    fraction = spent / (60 * minutes)
    end = math.inf if stop_after is None else start + 60 * stop_after
    now = start
    while fraction < 1 and now < end:
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, fraction / 0.03 + 0.02) * (0.01 + 0.99 * (1 + math.cos(math.pi * fraction)) / 2)
        batch = {key: values.to(device, non_blocking=True) for key, values in next(loader).items()}
        total, logged = loss(module, batch)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        if not (total.isfinite() and norm.isfinite()):
            raise HandPoseError(f"{path}: the loss is no number after {step} steps; lower 'lr' and start anew")
        optimiser.step()
        average.update_parameters(module)
        step += 1
        now = time.monotonic()
        fraction = (spent + now - start) / (60 * minutes)
        if step % 100 == 0:
            line = {"step": step, "seconds": round(spent + now - start), "loss": round(total.item(), 4)}
            line |= {key: round(value, 3) for key, value in logged.items()}
            print(f"{name} {json.dumps(line)}", flush=True)
            with (folder / f"{name}.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        if now - saved > SAVE_EVERY_S or fraction >= 1 or now >= end:
            state = {key: part.state_dict() for key, part in parts.items()}
            temporary = path.with_suffix(".tmp")
            torch.save(state | {"step": step, "seconds": spent + now - start}, temporary)
            temporary.replace(path)
            saved = now
    return cast(M, average.module)
