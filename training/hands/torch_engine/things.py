"""Planes and solids before many cameras at once, as `things.add_things`."""

from __future__ import annotations

import torch
from torch import Tensor

from training.hands.parts import THING, WALL
from training.hands.things import BOX, ELLIPSOID, NONE, Things
from training.hands.torch_engine.bodies import to_device

_NEVER = 1e9


def rays(lens: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """x and y (B, H, W) at z = 1 of the pixels of cameras `lens` (B, 4)."""
    u, v = (torch.arange(length, device=lens.device, dtype=torch.float32) for length in (shape[1], shape[0]))
    x = (u - lens[:, 2, None]) / lens[:, 0, None]
    y = (v - lens[:, 3, None]) / lens[:, 1, None]
    return x[:, None, :].expand(-1, shape[0], -1), y[:, :, None].expand(-1, -1, shape[1])


def add_things(depth: Tensor, part: Tensor, lens: Tensor, things: Things, planes: bool = True) -> None:
    """Lower `depth` (B, H, W) and name in `part` (B, H, W) uint8 where a plane or a solid is nearer."""
    device = depth.device
    x, y = rays(lens, (depth.shape[1], depth.shape[2]))
    if planes:
        plane = to_device(things.planes, device)[:, None, None]
        slope = plane[..., 0] * x + plane[..., 1] * y + plane[..., 2]
        z = torch.where(slope > 1e-6, plane[..., 3] / slope, torch.inf)
        nearer = (z < depth) & (plane[..., 3] < 1e6)
        depth[nearer] = z[nearer]
        part[nearer] = WALL
    kind = torch.as_tensor(things.kind, device=device)
    centre, turn, half = (to_device(a, device) for a in (things.centre, things.turn, things.half))
    for k in range(kind.shape[1]):
        there = (kind[:, k] != NONE) & (centre[:, k, 2] - half[:, k].norm(dim=1) >= 0.03)
        some = torch.nonzero(there)[:, 0]
        if not len(some):
            continue
        z = _hits(kind[some, k], centre[some, k], turn[some, k], half[some, k], x[some], y[some])
        old = depth[some]
        nearer = (z > 0.03) & (z < _NEVER) & (z < old)
        depth[some] = torch.where(nearer, z, old)
        part[some] = torch.where(nearer, THING + k, part[some].int()).to(torch.uint8)


def _hits(kind: Tensor, centre: Tensor, turn: Tensor, half: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """How far along their rays (N, H, W) the solids are entered, _NEVER where they are missed."""
    origin = -(turn @ centre[..., None])[..., 0]  # the camera in the solids' axes
    o = origin[:, :, None, None]
    h = half[:, :, None, None]
    d = torch.einsum("nij,njhw->nihw", turn, torch.stack([x, y, torch.ones_like(x)], 1))
    near, far = (-h - o) / d, (h - o) / d
    parallel = d.abs() < 1e-9
    inside = o.abs() <= h
    enter = torch.where(parallel, torch.where(inside, -_NEVER, _NEVER), torch.minimum(near, far))
    leave = torch.where(parallel, torch.where(inside, _NEVER, -_NEVER), torch.maximum(near, far))
    ellipsoid, box = (kind == ELLIPSOID)[:, None, None], (kind == BOX)[:, None, None]
    scaled, place = d / h, o / h
    a2, ab, b2 = (
        (p * q)[:, :2].sum(1) + torch.where(ellipsoid, (p * q)[:, 2], 0)
        for p, q in ((scaled, scaled), (scaled, place), (place, place))
    )
    root = ab * ab - a2 * (b2 - 1)
    round_ = (root > 0) & (a2 >= 1e-12)
    root = root.clamp(min=0).sqrt()
    first, last = (-ab - root) / a2, (-ab + root) / a2
    across = torch.where(box, enter[:, :2].amax(1), first)
    out = torch.where(box, leave[:, :2].amin(1), last)
    across = torch.where(ellipsoid, across, torch.maximum(across, enter[:, 2]))
    out = torch.where(ellipsoid, out, torch.minimum(out, leave[:, 2]))
    return torch.where((across < out) & (box | round_), across, _NEVER)
