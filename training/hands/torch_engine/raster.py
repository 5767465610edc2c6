"""A z-buffer of many meshes at once: every triangle tests a square of pixels about as large as it is, and each pixel
keeps the smallest (depth, face), packed into one integer, by a scatter with minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: Sides of the squares; a triangle takes the smallest that covers its bounding box.
_SQUARES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
#: Pixels tested at once: bounds the memory (about 100 bytes each) whatever the batch.
_AT_ONCE = 1 << 24
_NOTHING = torch.iinfo(torch.int64).max
#: As raster.ROUNDING, for weights in single precision.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class View:
    """depth: (B, H, W) metres, inf where nothing is. face: (B, H, W) int64, -1 for none. bary: (B, H, W, 2) its first
    two weights there, perspective-correct."""

    depth: Tensor
    face: Tensor
    bary: Tensor


def render(points: Tensor, faces: Tensor, lens: Tensor, shape: tuple[int, int], there: Tensor | None = None) -> View:
    """The meshes `points` (B, V, 3), camera frame, of common `faces` (F, 3), each as its `lens` (B, 4) fx fy cx cy sees
    it in a picture of `shape`; near surfaces win. Meshes are closed: faces that turn away are not drawn, unless part
    of a mesh is too near to be drawn. there: (B, F) bool, faces to draw."""
    height, width = shape
    batch = len(points)
    z = points[..., 2]
    screen = points[..., :2] / z[..., None] * lens[:, None, :2] + lens[:, None, 2:]
    corners = screen[:, faces]  # (B, F, 3, 2)
    low, high = corners.amin(2).ceil(), corners.amax(2).floor()
    limit = torch.tensor([width - 1, height - 1], device=points.device, dtype=points.dtype)
    low, high = low.clamp(min=0), torch.minimum(high, limit)
    extent = (high - low).amax(-1) + 1
    (ax, ay), (bx, by), (cx, cy) = (corners[:, :, k].unbind(-1) for k in range(3))
    outside = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) < 0
    outside |= (z < 0.05).any(1, keepdim=True)  # one may look in
    drawn = (high >= low).all(-1) & (z[:, faces] >= 0.05).all(-1) & outside
    if there is not None:
        drawn &= there
    best = torch.full((batch * height * width,), _NOTHING, dtype=torch.int64, device=points.device)
    smaller = 0
    for side in _SQUARES:
        scene, face = torch.nonzero(drawn & (extent > smaller) & (extent <= side), as_tuple=True)
        smaller = side
        for start in range(0, len(scene), max(1, _AT_ONCE // side**2)):
            some = slice(start, start + max(1, _AT_ONCE // side**2))
            _draw(best, scene[some], face[some], side, corners, z[:, faces], low, high, shape)
        if side >= max(height, width):
            break
    best = best.view(batch, height, width)
    face = torch.where(best == _NOTHING, -1, best & 0xFFFFFFFF)
    return _finish(face, corners, z[:, faces])


def _draw(
    best: Tensor, scene: Tensor, face: Tensor, side: int, corners: Tensor, z: Tensor, low: Tensor, high: Tensor,
    shape: tuple[int, int],
) -> None:  # fmt: skip
    """Lower `best` where the triangles (N,) of bounding boxes up to `side` pixels are nearer."""
    height, width = shape
    step = torch.arange(side, device=best.device, dtype=torch.float32)
    start, end = low[scene, face], high[scene, face]
    u = start[:, 0, None, None] + step
    v = start[:, 1, None, None] + step[:, None]
    weights = _weights(corners[scene, face][:, :, :, None, None], u, v)
    inside = (weights >= -_ROUNDING).all(1) & (u <= end[:, 0, None, None]) & (v <= end[:, 1, None, None])
    nearness = (weights / z[scene, face][:, :, None, None]).sum(1)
    depth = 1 / nearness
    # positive floats order as their bits do
    key = (depth.view(torch.int32).long() << 32) | face[:, None, None]
    place = (scene[:, None, None] * height + v.long()) * width + u.long()
    best.scatter_reduce_(0, place[inside], key[inside], "amin")


def _weights(corners: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Affine weights (N, 3, …) of pixels u, v in triangles `corners` (N, 3, 2, …); NaN in those without area."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, k].unbind(1) for k in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    area = torch.where(area.abs() < 1e-12, torch.nan, area)
    a = ((bx - u) * (cy - v) - (by - v) * (cx - u)) / area
    b = ((cx - u) * (ay - v) - (cy - v) * (ax - u)) / area
    return torch.stack([a, b, 1 - a - b], 1)


def _finish(face: Tensor, corners: Tensor, z: Tensor) -> View:
    """Depth and weights of the faces seen."""
    depth = torch.full(face.shape, torch.inf, device=face.device)
    bary = torch.zeros((*face.shape, 2), device=face.device)
    scene, v, u = torch.nonzero(face >= 0, as_tuple=True)
    seen = face[scene, v, u]
    weights = _weights(corners[scene, seen], u.float(), v.float()) / z[scene, seen]
    distance = 1 / weights.sum(1)
    depth[scene, v, u] = distance
    bary[scene, v, u] = weights[:, :2] * distance[:, None]
    return View(depth, face, bary)
