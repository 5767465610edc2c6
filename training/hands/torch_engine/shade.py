"""Colours of many scenes at once: what `shade.paint` does pixel by pixel, over all samples that show something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from training.hands.look import LOOK
from training.hands.model import Array
from training.hands.paint import SHADOW_BIAS_M
from training.hands.parts import FOREARM, NOTHING, SLEEVE, THING
from training.hands.shade import SAME_SURFACE_M
from training.hands.things import BOX, CYLINDER, Things
from training.hands.torch_engine.bodies import Mesh, to_device
from training.hands.torch_engine.raster import View
from training.hands.torch_engine.things import rays

Looks = dict[str, Tensor]


@dataclass(frozen=True)
class Light:
    """What each scene's first light sees. turn: (B, 3, 3), place: (B, 3), lens: (B, 4), depth: (B, L, L), sizes: (B,)
    pixels of a side of its corner that is used."""

    turn: Tensor
    place: Tensor
    lens: Tensor
    depth: Tensor
    sizes: Tensor


@dataclass(frozen=True)
class Skins:
    """textures: (T, h, w, 3) of mean 1. uv: (U, 2) in their pixels. wrinkles: (w, w, 2) slopes, and strands: (w, w) of
    hair, repeated. nails, hair: (h, w) and rings: (4, h, w), 0 to 1, where they are."""

    textures: Tensor
    uv: Tensor
    wrinkles: Tensor
    strands: Tensor
    nails: Tensor
    hair: Tensor
    rings: Tensor


@dataclass(frozen=True)
class Samples:
    """The N samples that are coloured. scene, row, column: (N,) in the pictures of middles or of corners. share: (N, K)
    of a pixel that each stands for: its own, or the K = 4 pixels above left, above, left and below of a corner."""

    scene: Tensor
    row: Tensor
    column: Tensor
    share: Tensor


def looks_to(looks: Array, device: torch.device) -> Looks:
    """The looks' fields (B, …) on a device."""
    return {name: to_device(looks[name], device) for name in LOOK.names or ()}


def gather(part: Tensor, depth: Tensor, corner_part: Tensor, corner_depth: Tensor) -> tuple[Samples, Samples]:
    """What is to be coloured of pictures of middles (B, H, W) and of corners (B, H + 1, W + 1), as `shade.gather`."""
    height, width = part.shape[1:]
    there = part != NOTHING
    share = 0.5 * there.float()
    wanted = torch.zeros((*corner_part.shape, 4), device=part.device)
    for k in range(4):
        i, j = k // 2, k % 2  # the corner of each pixel; to it the pixel is the opposite one
        rows, columns = slice(i, i + height), slice(j, j + width)
        what, z = corner_part[:, rows, columns], corner_depth[:, rows, columns]
        same = there & (what != NOTHING) & ((what >= THING) == (part >= THING)) & ((z - depth).abs() < SAME_SURFACE_M)
        share += 0.125 * same
        wanted[:, rows, columns, 3 - k] = 0.125 * ((what != NOTHING) & ~same)
    some, others = torch.nonzero(there, as_tuple=True), torch.nonzero(wanted.any(-1), as_tuple=True)
    (b, v, u), (c, y, x) = some, others
    return Samples(b, v, u, share[some][:, None]), Samples(c, y, x, wanted[others])


def mix(
    samples: tuple[Samples, Samples], colours: list[Tensor], part: Tensor, corner_part: Tensor, rooms: Tensor
) -> Tensor:
    """Light (B, H, W, 3) of what `gather` found, with colours (N, 3) and (M, 3), before `rooms` (B, H, W, 3)."""
    batch, height, width, _ = rooms.shape
    seen = (corner_part != NOTHING).float()
    covered = 0.5 * (part != NOTHING).float()
    out = torch.zeros((batch, height + 2, width + 2, 3), device=rooms.device)  # with pixels beyond the edges
    flat = out.view(-1, 3)

    def add(samples: Samples, down: int, right: int, values: Tensor) -> None:
        place = (samples.scene * (height + 2) + samples.row + down) * (width + 2) + samples.column + right
        flat.index_add_(0, place, values)

    middles, corners = samples
    add(middles, 1, 1, colours[0] * middles.share)
    for k in range(4):
        i, j = k // 2, k % 2
        covered = covered + 0.125 * seen[:, i : i + height, j : j + width]
        add(corners, i, j, colours[1] * corners.share[:, k : k + 1])
    return out[:, 1:-1, 1:-1] + rooms * (1 - covered)[..., None]


def shade_plane(lens: Tensor, planes: Array, look: Looks, light: Light, rooms: Tensor) -> Tensor:
    """Rooms (B, H, W, 3) with the shadows that walls and tables `planes` (B, 4) get, as `shade._shade_plane`."""
    plane = to_device(planes, rooms.device)
    first = look["lights"][:, 0]
    facing = -(plane[:, :3] * first[:, :3]).sum(1)
    direct = facing * first[:, 3:].mean(1)
    around = 0.5 * (look["sky"].mean(1) + look["ground"].mean(1))
    dark = look["shadow"] * direct / (direct + around + 1e-6)
    x, y = rays(lens, (rooms.shape[1], rooms.shape[2]))
    ray = torch.stack([x, y, torch.ones_like(x)], -1)
    slope = (ray * plane[:, None, None, :3]).sum(-1)
    there = (slope > 1e-6) & ((plane[:, 3] > 0) & (plane[:, 3] < 1e6) & (facing > 0))[:, None, None]
    b, v, u = torch.nonzero(there, as_tuple=True)
    place = ray[b, v, u] * (plane[b, 3] / slope[b, v, u])[:, None]
    out = rooms.clone()
    out[b, v, u] *= (1 - dark[b] * _shaded(place, b, light))[:, None]
    return out


def paint(
    mesh: Mesh, samples: Samples, part: Tensor, depth: Tensor, view: View, lens: Tensor, normals: Tensor,
    skins: Skins, looks: Looks, things: Things, light: Light, rooms: Tensor, creases: Tensor,
) -> Tensor:  # fmt: skip
    """Linear light (N, 3) of the samples of part, depth, view (B, H, W) of `lens` (B, 4).

    normals: (B, V, 3). creases: (B, h, w), that of a corner is the pixel's below it.
    """
    b, y, x = samples.scene, samples.row, samples.column
    what, z = part[b, y, x].long(), depth[b, y, x]
    at = (torch.stack([x, y], 1) - lens[b, 2:]) / lens[b, :2]
    place = torch.cat([at, torch.ones_like(z)[:, None]], 1) * z[:, None]
    look = {name: value[b] for name, value in looks.items()}

    albedo, normal, gloss = _skin_and_cloth(mesh, what, view, samples, place, normals, skins, look, rooms)
    solid = torch.nonzero(what >= THING)[:, 0]
    if len(solid):
        own = {name: value[solid] for name, value in look.items()}
        of_things = _things(what[solid] - THING, b[solid], place[solid], things, own, rooms)
        albedo[solid], normal[solid] = of_things
        gloss[solid] = 0.08
    normal = normalize(normal, dim=1)
    eye = -normalize(place, dim=1)
    normal = torch.where((normal * eye).sum(1, keepdim=True) < 0, -normal, normal)
    row, column = (axis.clamp(max=length - 1) for axis, length in zip((y, x), creases.shape[1:], strict=True))
    open_ = 1 - creases[b, row, column][:, None]
    return _shine(albedo, normal, eye, gloss, open_, place, b, look, light)


def _skin_and_cloth(
    mesh: Mesh, what: Tensor, view: View, samples: Samples, place: Tensor, normals: Tensor, skins: Skins,
    look: Looks, rooms: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Albedo (N, 3), normal (N, 3), not of unit length, and gloss (N,) of samples as if all were hand or sleeve."""
    b = samples.scene
    face = view.face[b, samples.row, samples.column].clamp(min=0)
    bary = view.bary[b, samples.row, samples.column]
    weights = torch.cat([bary, 1 - bary.sum(1, keepdim=True)], 1)[..., None]
    normal = (weights * normals[b[:, None], mesh.faces[face]]).sum(1)
    t = (weights * skins.uv[mesh.faces_uv[face]]).sum(1)
    skin = _worn_skin(skins, look, t)
    arm = what == FOREARM
    along, about = _on_arm(mesh, face, weights[..., 0])
    # the forearm has one line of texture: wrinkles by place instead
    by_place = place[:, :2].abs() * 2000
    waves = torch.where(arm[:, None], by_place, 2 * t).long() % len(skins.wrinkles)
    on_arm = torch.stack([(about + 1) * 256, along * 64], 1).long()
    hairs = torch.where(arm[:, None], on_arm, waves) % len(skins.strands)
    texel = [t[:, k].long().clamp(min=0, max=skins.hair.shape[1 - k] - 2) for k in (0, 1)]
    grown = torch.where(arm, 1 - 1.6 * about.abs(), skins.hair[texel[1], texel[0]])
    skin = skin * (1 - look["hair"] * grown * skins.strands[hairs[:, 1], hairs[:, 0]])[:, None]
    gloss, rough = look["gloss"], look["bump"]
    middle, half, turn, radius = look["watch"].unbind(1)
    away = (about - turn).abs()
    away = torch.minimum(away, 1 - away) * 5
    off = along - middle
    worn = arm & (half > 0)
    dial = worn & (off**2 + away**2 < radius**2)
    strap = worn & ~dial & (off.abs() < half)
    skin = torch.where(dial[:, None], look["dial"], torch.where(strap[:, None], look["strap"], skin))
    gloss = torch.where(dial, 0.35, torch.where(strap, 0.12, gloss))
    rough = torch.where(dial | strap, 0, rough)
    bump = rough[:, None] * skins.wrinkles[waves[:, 1], waves[:, 0]]
    sleeve = (what == SLEEVE)[:, None]
    normal = normal + torch.where(sleeve, 0, torch.nn.functional.pad(bump, (0, 1)))
    size = torch.tensor([rooms.shape[2], rooms.shape[1]], device=b.device)
    column, row = ((place[:, :2].abs() * 8 * size).long() % size).unbind(1)
    cloth = torch.lerp(look["cloth"], rooms[b, row, column], look["printed"][:, :1])
    return torch.where(sleeve, cloth, skin), normal, torch.where(sleeve[:, 0], 0.0, gloss)


def _on_arm(mesh: Mesh, face: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Where on the forearm faces (N,) are at weights (N, 3), as `shade._on_arm`; no matter where for the hand's."""
    rim = len(mesh.rim)
    rest = (face - mesh.model.skin_faces).clamp(min=0)
    ring, rest = rest // (2 * rim), rest % (2 * rim)
    second = rest >= rim
    wa, wb, wc = weights.unbind(1)
    along = ring + wc + torch.where(second, wb, 0)
    about = (rest % rim - mesh.model.back + wa + torch.where(second, wc, 0)) / rim
    return along, about - torch.floor(about + 0.5)


def _things(
    k: Tensor, b: Tensor, place: Tensor, things: Things, look: Looks, rooms: Tensor
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Albedo and normal (N, 3) of samples on the things k (N,) of scenes b (N,)."""
    device = place.device
    centre, turn, half = (to_device(a, device)[b, k] for a in (things.centre, things.turn, things.half))
    kind = torch.as_tensor(things.kind, device=device)[b, k][:, None]
    a = (turn @ (place - centre)[..., None])[..., 0] / half
    e = a / half
    first = torch.nn.functional.one_hot(a.abs().argmax(1), 3).bool()
    end = (a[:, 2:].abs() > 0.999) & (kind == CYLINDER)
    last = torch.tensor([False, False, True], device=device)
    keep = torch.where(kind == BOX, first, torch.where(kind == CYLINDER, end == last, True))
    normal = (turn.transpose(1, 2) @ torch.where(keep, e, 0)[..., None])[..., 0]
    rows, columns = rooms.shape[1:3]
    row = ((a[:, 0] + 1.7 * a[:, 2]).abs() * 0.3 * rows).long() % rows
    column = ((a[:, 1] - a[:, 2]).abs() * 0.3 * rows).long() % columns
    which = torch.arange(len(k), device=device)
    plain, printed = look["things"][which, k], look["printed"][which, 1 + k]
    return torch.lerp(plain, rooms[b, row, column], printed[:, None]), normal


def _shine(
    albedo: Tensor, normal: Tensor, eye: Tensor, gloss: Tensor, open_: Tensor, place: Tensor, b: Tensor, look: Looks,
    light: Light,
) -> Tensor:  # fmt: skip
    """Light (N, 3) that the samples send to the camera."""
    up = 0.5 - 0.5 * normal[:, 1:2]
    around = open_ * torch.lerp(look["ground"], look["sky"], up)
    glow = torch.zeros_like(albedo)
    for k in range(look["lights"].shape[1]):
        direction, colour = look["lights"][:, k, :3], look["lights"][:, k, 3:]
        facing = (normal * direction).sum(1, keepdim=True)
        lit = torch.ones_like(facing)
        if k == 0:
            dark = look["shadow"][:, None] * _shaded(place, b, light)[:, None]
            lit = torch.where(facing > -0.2, 1 - dark, lit)
        around = around + ((facing + 0.2) / 1.2).clamp(min=0) * lit * (0.5 + 0.5 * open_) * colour
        towards = (normal * normalize(direction + eye, dim=1)).sum(1, keepdim=True).clamp(min=0)
        glow = glow + gloss[:, None] * lit * towards ** look["shine"][:, None] * colour * (towards > 0)
    return albedo * around + glow


def _shaded(place: Tensor, b: Tensor, light: Light) -> Tensor:
    """Share (N,) of the first light that is kept from each sample, from the four nearest pixels the light sees."""
    away = (light.turn[b] @ (place - light.place[b])[..., None])[..., 0]
    at = away[:, :2] / away[:, 2:] * light.lens[b, :2] + light.lens[b, 2:]
    size = light.sizes[b]
    inside = ((at >= 0) & (at < (size - 1)[:, None])).all(1)
    column, row = torch.where(inside[:, None], at, 0).long().unbind(1)
    share_x, share_y = (at - torch.stack([column, row], 1)).unbind(1)
    near = away[:, 2] - SHADOW_BIAS_M
    kept = [[(light.depth[b, row + i, column + j] < near).float() for j in (0, 1)] for i in (0, 1)]
    top, bottom = (torch.lerp(left, right, share_x) for left, right in kept)
    return torch.where(inside, torch.lerp(top, bottom, share_y), 0.0)


def _worn_skin(skins: Skins, look: Looks, t: Tensor) -> Tensor:
    """Colours (N, 3) of the skins at pixels t (N, 2) of their textures, with polished nails and rings, bilinear."""
    height, width = skins.nails.shape
    index = (look["texture"] * len(skins.textures)).long().clamp(max=len(skins.textures) - 1)
    ring = look["ring"].long()

    limit = torch.tensor([width - 2, height - 2], device=t.device)
    start = torch.minimum(t.long().clamp(min=0), limit)
    fx, fy = (t - start).clamp(0, 1)[..., None].unbind(1)
    column, row = start.unbind(1)

    def at(texel: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        upper = torch.lerp(texel(row, column), texel(row, column + 1), fx)
        return torch.lerp(upper, torch.lerp(texel(row + 1, column), texel(row + 1, column + 1), fx), fy)

    colour = look["tone"] * at(lambda v, u: skins.textures[index, v, u])
    nail = at(lambda v, u: skins.nails[v, u, None]) * (look["polish"][:, :1] >= 0)
    band = at(lambda v, u: skins.rings[ring.clamp(min=0), v, u, None]) * (ring >= 0)[:, None]
    return torch.lerp(torch.lerp(colour, look["polish"], nail), look["metal"], band)
