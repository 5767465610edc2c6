"""`hand-pose-train bench-engine`: how many complete samples a second the engines make on this machine.

Sampling is numpy's in both; rendering is the numba engine's on one thread, or the torch engine's on a device.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

HELP = "measure how many samples a second the engines make"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="of the torch engine: cpu, cuda (default: cuda where there is one)")
    parser.add_argument("--batch", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--size", type=int, default=128, help="pixels of a side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=1, help="of torch on a CPU (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    import torch

    from training.hands.model import load_hand_model
    from training.hands.samples import see_depth as see_one
    from training.hands.scene import sample_scenes
    from training.hands.scene import surfaces as surfaces_one
    from training.hands.torch_engine.bodies import load_mesh, surfaces
    from training.hands.torch_engine.depth import see_depth

    torch.set_num_threads(arguments.threads)
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.startswith("cuda") else f"CPU, {arguments.threads} threads"
    model = load_hand_model()
    mesh = load_mesh(model, device)
    rng = np.random.default_rng(0)
    scenes = sample_scenes(model, rng, arguments.batch)
    generator = torch.Generator(device).manual_seed(0)

    def finish() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    def with_numba() -> None:
        vertices = surfaces_one(model, scenes)
        for i in range(arguments.batch):
            see_one(model, scenes, vertices[i], i, arguments.size)

    def with_torch() -> None:
        see_depth(mesh, scenes, surfaces(mesh, scenes), arguments.size, generator)

    print(f"depth pictures of {arguments.size} px, batches of {arguments.batch}, samples/s")
    tasks: list[tuple[str, Callable[[], object]]] = [
        ("scenes sampled, numpy, 1 thread", lambda: sample_scenes(model, rng, arguments.batch)),
        ("skin, depth and noise, numba, 1 thread", with_numba),
        (f"skin, depth and noise, torch, {name}", with_torch),
    ]
    for task, work in tasks:
        work()
        finish()
        start = time.perf_counter()
        for _ in range(arguments.rounds):
            work()
        finish()
        print(f"{arguments.rounds * arguments.batch / (time.perf_counter() - start):10.0f}  {task}")
    if device.startswith("cuda"):
        print(f"{torch.cuda.max_memory_allocated() / 2**30:10.2f}  GiB of the device's memory at most")
    return 0
