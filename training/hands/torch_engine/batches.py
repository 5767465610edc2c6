"""Endless training batches on a device, of the same scenes with the same labels as `samples.depth_batches`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from training.hands.model import load_hand_model
from training.hands.samples import generators, pose_labels
from training.hands.scene import HALF, SceneSettings, sample_scenes
from training.hands.torch_engine.bodies import load_mesh, surfaces, to_device
from training.hands.torch_engine.depth import see_depth


def depth_batches(
    seed: int, batch: int, size: int, settings: SceneSettings | None = None, device: torch.device | str = "cpu"
) -> Iterator[dict[str, Tensor]]:
    """Batches seen by a depth camera: the fields of `samples.DepthBatch` as tensors on `device`, float32. Batch k of a
    seed is always the same on the same device; scenes and labels are the numba engine's, noise is not."""
    model = load_hand_model()
    mesh = load_mesh(model, device)
    on = mesh.faces.device
    for rng in generators(seed):
        scenes = sample_scenes(model, rng, batch, settings)
        vertices = surfaces(mesh, scenes)
        noise = torch.Generator(on).manual_seed(int(scenes.seed[0]))
        depth = see_depth(mesh, scenes, vertices, size, noise)
        right = torch.as_tensor(scenes.right, device=on)
        depth = torch.where(right[:, None, None], depth, depth.flip(2))
        tan_half = HALF / scenes.distance
        surface, joints, joints_2d = pose_labels(scenes, vertices.cpu().numpy(), tan_half)
        labels = {"surface": surface, "joints": joints, "joints_2d": joints_2d, "tan_half": tan_half}
        labels |= {"right": scenes.right, "present": scenes.present}
        yield {"depth": depth} | {name: to_device(array, on) for name, array in labels.items()}
