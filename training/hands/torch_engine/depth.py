"""Depth pictures of many scenes at once, as `samples.see_depth` makes them one by one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.hands.model import sleeve_faces
from training.hands.parts import NOTHING, SLEEVE
from training.hands.scene import HALF, Scenes
from training.hands.torch_engine.bodies import Mesh, to_device
from training.hands.torch_engine.raster import View, render
from training.hands.torch_engine.sensor import blank, measure
from training.hands.torch_engine.things import add_things


def crop_lenses(tan_half: Tensor, sizes: Tensor) -> Tensor:
    """Lenses (B, 4) of crops that span tan_half (B,) with `sizes` (B,) pixels, as `raster.crop_lens`."""
    focal, middle = sizes / 2 / tan_half, sizes / 2 - 0.5
    return torch.stack([focal, focal, middle, middle], 1).float()


def render_all(
    mesh: Mesh, scenes: Scenes, vertices: Tensor, lens: Tensor, shape: tuple[int, int], *, planes: bool = True
) -> tuple[Tensor, Tensor, View]:
    """True depth (B, H, W) in metres, inf where nothing is; what is seen there (B, H, W) uint8, as named in `parts.py`;
    and the hands alone. planes: whether walls and tables are there."""
    device = vertices.device
    first = np.where(scenes.present, 0, np.where(scenes.arm_only, mesh.model.skin_faces, len(mesh.faces)))
    numbers = torch.arange(len(mesh.faces), device=device)
    view = render(vertices, mesh.faces, lens, shape, numbers >= torch.as_tensor(first, device=device)[:, None])
    part = torch.where(view.face >= 0, mesh.part[view.face.clamp(min=0)], NOTHING)
    sleeve = torch.as_tensor(sleeve_faces(mesh.model, scenes.arm.sleeve), device=device)
    part = torch.where(view.face >= sleeve[:, None, None], SLEEVE, part).to(torch.uint8)
    depth = view.depth.clone()
    add_things(depth, part, lens, scenes.things, planes)
    return depth, part, view


def see_depth(mesh: Mesh, scenes: Scenes, vertices: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """What depth cameras make of the scenes' hands `vertices` (B, V, 3): (B, S, S) in cube units, 1 where nothing came
    back, left hands not yet mirrored. Where a camera's own pixels are larger than the picture's, they show."""
    device = vertices.device
    distance = to_device(scenes.distance, device)
    tan_half = HALF / distance
    own = np.clip(np.rint(2 * HALF / scenes.distance * scenes.sensors["focal"]), 24, size)
    sizes = torch.as_tensor(own.astype(np.int64), device=device)
    lens = crop_lenses(tan_half, sizes)
    # a coarser picture takes up the corner of a square as large as the others'
    depth, part, _ = render_all(mesh, scenes, vertices, lens, (size, size))
    blank(part, depth, lens, to_device(scenes.border, device))
    reading = measure(depth, part, scenes.sensors, lens, sizes, generator)
    middle = distance[:, None, None]
    seen = torch.where(reading > 0, ((reading - middle) / HALF).clamp(-1, 1), 1.0)
    nearest = torch.arange(size, device=device) * sizes[:, None] // size
    place = nearest[:, :, None] * size + nearest[:, None, :]
    return seen.flatten(1).gather(1, place.flatten(1)).view_as(seen)
