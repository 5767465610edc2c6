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

    from training.hands.appearance import LINEAR
    from training.hands.look import sample_looks
    from training.hands.pictures import Studio
    from training.hands.samples import see_depth as see_one
    from training.hands.scene import HALF, sample_scenes
    from training.hands.scene import surfaces as surfaces_one
    from training.hands.torch_engine.bodies import surfaces
    from training.hands.torch_engine.colour import load_paints, see_rgb
    from training.hands.torch_engine.depth import see_depth

    torch.set_num_threads(arguments.threads)
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.startswith("cuda") else f"CPU, {arguments.threads} threads"
    batch, size = arguments.batch, arguments.size
    studio = Studio(None, None)
    model, paints = studio.model, load_paints(studio, device)
    rng = np.random.default_rng(0)
    scenes, looks = sample_scenes(model, rng, batch), sample_looks(rng, batch)
    tan_half = HALF / scenes.distance
    rooms = torch.as_tensor(LINEAR[studio.photos.patches(rng, batch, size)]).to(device)
    generator = torch.Generator(device).manual_seed(0)

    def finish() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    def depth_with_numba() -> None:
        vertices = surfaces_one(model, scenes)
        for i in range(batch):
            see_one(model, scenes, vertices[i], i, size)

    def colour_with_torch() -> None:
        see_rgb(paints, scenes, surfaces(paints.mesh, scenes), looks, rooms, tan_half, generator)

    print(f"pictures of {size} px, batches of {batch}, samples/s")
    tasks: list[tuple[str, Callable[[], object]]] = [
        ("scenes sampled, numpy, 1 thread", lambda: sample_scenes(model, rng, batch)),
        ("depth, numba, 1 thread", depth_with_numba),
        (
            "colour, numba, 1 thread, with its looks and rooms",
            lambda: studio.see_rgb(rng, scenes, surfaces_one(model, scenes), tan_half, size),
        ),
        (
            f"depth, torch, {name}",
            lambda: see_depth(paints.mesh, scenes, surfaces(paints.mesh, scenes), size, generator),
        ),
        (f"colour, torch, {name}", colour_with_torch),
    ]
    for task, work in tasks:
        work()
        finish()
        start = time.perf_counter()
        for _ in range(arguments.rounds):
            work()
        finish()
        print(f"{arguments.rounds * batch / (time.perf_counter() - start):10.0f}  {task}")
    if device.startswith("cuda"):
        print(f"{torch.cuda.max_memory_allocated() / 2**30:10.2f}  GiB of the device's memory at most")
    return 0
