"""Colour pictures of many scenes at once, as `pictures.Studio.see_rgb` makes them one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from training.hands.model import Array
from training.hands.pictures import NOTHING_M, Studio
from training.hands.scene import Scenes
from training.hands.shadow import LIGHT_M, LIGHT_PIXEL_M, LIGHT_PX
from training.hands.torch_engine.bodies import Mesh, load_mesh, to_device, vertex_normals
from training.hands.torch_engine.camera import through_lens
from training.hands.torch_engine.depth import crop_lenses, render_all
from training.hands.torch_engine.sensor import blank
from training.hands.torch_engine.shade import Light, Looks, Skins, gather, looks_to, mix, paint, shade_plane


@dataclass(frozen=True)
class Paints:
    """A studio's constant arrays on a device."""

    mesh: Mesh
    skins: Skins


def load_paints(studio: Studio, device: torch.device | str) -> Paints:
    mesh = load_mesh(studio.model, device)
    marks = studio.skin
    arrays = (
        np.stack(studio.textures), studio.uv, studio.wrinkles, studio.strands, marks.nails, marks.hair, marks.rings,
    )  # fmt: skip
    return Paints(mesh, Skins(*(to_device(array, mesh.faces.device) for array in arrays)))


def see_rgb(
    paints: Paints, scenes: Scenes, vertices: Tensor, looks: Array, rooms: Tensor, tan_half: Array,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """What colour cameras make of the scenes with `looks` (B,) before `rooms` (B, S, S, 3), linear light, in crops that
    span tan_half (B,): (B, S, S, 3) uint8, left hands not yet mirrored, without compression."""
    size = rooms.shape[1]
    light = light_of(paints, scenes, vertices, looks, rooms, tan_half)
    return through_lens(light, looks, generator, size / 128)


def light_of(paints: Paints, scenes: Scenes, vertices: Tensor, looks: Array, rooms: Tensor, tan_half: Array) -> Tensor:
    """The linear light (B, S, S, 3) that `see_rgb`'s cameras get."""
    mesh, device = paints.mesh, vertices.device
    batch, size = rooms.shape[:2]
    sizes = torch.full((batch,), size, device=device)
    lens = crop_lenses(to_device(tan_half, device), sizes)
    corner_lens = lens + torch.tensor([0, 0, 0.5, 0.5], device=device)
    # the background is the plane's like
    middles = render_all(mesh, scenes, vertices, lens, (size, size), planes=False)
    corners = render_all(mesh, scenes, vertices, corner_lens, (size + 1, size + 1), planes=False)
    look = _mirror_room(looks_to(looks, device), rooms)
    light = _lights(mesh, scenes, vertices, looks)
    closed, normals = creases(middles[0], lens), vertex_normals(mesh, vertices)
    samples = gather(middles[1], middles[0], corners[1], corners[0])
    colours = [
        paint(mesh, some, part, depth, view, eye, normals, paints.skins, look, scenes.things, light, rooms, closed)
        for some, (depth, part, view), eye in zip(samples, (middles, corners), (lens, corner_lens), strict=True)
    ]
    lit = shade_plane(lens, scenes.things.planes, look, light, rooms)
    out = mix(samples, colours, middles[1], corners[1], lit)
    beyond = torch.zeros(out.shape[:3], device=device)
    blank(torch.zeros_like(beyond, dtype=torch.uint8), beyond, lens, to_device(scenes.border, device))
    out[beyond.isinf()] = 0
    return out


def creases(depth: Tensor, lens: Tensor) -> Tensor:
    """How much of the light from all round is kept from each pixel (B, H, W), as `pictures.creases`."""
    nearest = depth.amin((1, 2)).clamp(max=NOTHING_M)
    filled = torch.where(depth < NOTHING_M, depth, (nearest + 0.3)[:, None, None])
    total = torch.zeros_like(depth)
    for width_m, deep_m in ((0.012, 0.008), (0.045, 0.03)):
        sides = (2 * (width_m * lens[:, 0] / nearest / 2).long() + 1).clamp(min=3)
        deeper = (filled - _box_means(filled, sides)) / deep_m
        total += torch.minimum(deeper.clamp(0, 1), (2.5 - deeper / 2).clamp(0, 1))
    return 0.4 * total


def _box_means(pictures: Tensor, sides: Tensor) -> Tensor:
    """Means over squares of `sides` (B,) pixels, odd, mirrored at the edges as OpenCV does, by summed areas."""
    _, height, width = pictures.shape
    reach = min(int(sides.max().item()) // 2, height - 1, width - 1)
    half = torch.minimum(sides // 2, torch.tensor(reach, device=sides.device))
    offset = pictures.mean((1, 2), keepdim=True)  # sums of small numbers keep their digits
    wide = pad((pictures - offset)[:, None], (reach,) * 4, mode="reflect")[:, 0]
    sums = pad(wide.double().cumsum(1).cumsum(2), (1, 0, 1, 0))
    rows, columns = (torch.arange(length, device=sides.device)[None] + reach for length in (height, width))
    top, bottom = rows - half[:, None], rows + half[:, None] + 1
    left, right = columns - half[:, None], columns + half[:, None] + 1
    scene = torch.arange(len(pictures), device=sides.device)[:, None, None]

    def corner(row: Tensor, column: Tensor) -> Tensor:
        return sums[scene, row[:, :, None], column[:, None, :]]

    total = corner(bottom, right) - corner(top, right) - corner(bottom, left) + corner(top, left)
    return (total / (2 * half + 1)[:, None, None] ** 2).float() + offset


def _mirror_room(look: Looks, rooms: Tensor) -> Looks:
    """The looks with light from all round that takes on the background's colours."""
    mean = rooms.mean((1, 2, 3))[:, None]
    half = rooms.shape[1] // 2
    changed = dict(look)
    for key, part in (("sky", rooms[:, :half]), ("ground", rooms[:, half:])):
        around = part.mean((1, 2)) / (mean + 0.02)
        changed[key] = look[key] * (1 + look["mirror_room"][:, None] * (around - 1))
    return changed


def _lights(mesh: Mesh, scenes: Scenes, vertices: Tensor, looks: Array) -> Light:
    """What the first lights see of the scenes, as `pictures.light_view`."""
    device = vertices.device
    direction = looks["lights"][:, 0, :3].astype(np.float64)
    forward = -direction
    side = np.cross(np.where(np.abs(forward[:, 1:2]) < 0.9, [0.0, 1, 0], [1.0, 0, 0]), forward)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    turn = np.stack([side, np.cross(forward, side), forward], 1)
    low, high = (a.cpu().numpy().astype(np.float64) for a in (vertices.amin(1), vertices.amax(1)))
    place = (low + high) / 2 + LIGHT_M * direction
    half = np.maximum(0.1, 0.55 * np.linalg.norm(high - low, axis=1))
    sizes = np.clip(2 * half / LIGHT_PIXEL_M, *LIGHT_PX).astype(np.int64)
    things = scenes.things
    moved = replace(
        things,
        centre=(things.centre - place[:, None]) @ turn.transpose(0, 2, 1),
        turn=things.turn @ turn.transpose(0, 2, 1)[:, None],
    )
    turn_t, place_t, sizes_t = to_device(turn, device), to_device(place, device), torch.as_tensor(sizes, device=device)
    lens = crop_lenses(to_device(half / LIGHT_M, device), sizes_t)
    seen = (vertices - place_t[:, None]) @ turn_t.transpose(1, 2)
    shape = (int(sizes.max()), int(sizes.max()))
    depth, *_ = render_all(mesh, replace(scenes, things=moved), seen, lens, shape, planes=False)
    return Light(turn_t, place_t, lens, depth, sizes_t)
