"""What depth cameras make of many scenes at once: the faults of `depth.measure`, with random numbers of its own, so the
noise is as strong, as frequent and as lumpy, but not the same from pixel to pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from training.hands.depth import JUMP_M, LUMP_PX, SENSOR_FIELDS
from training.hands.model import Array
from training.hands.parts import NOTHING, SLEEVE
from training.hands.torch_engine.things import rays

_FAR = 20.0


def blank(part: Tensor, depth: Tensor, lens: Tensor, border: Tensor) -> None:
    """Take away what lies beyond the cameras' pictures: `border` (B, 4) as in Scenes."""
    x, y = rays(lens, (depth.shape[1], depth.shape[2]))
    left, top, right, bottom = border[:, :, None, None].unbind(1)
    beyond = (x < left) | (y < top) | (x > right) | (y > bottom)
    depth[beyond], part[beyond] = torch.inf, NOTHING


def shadows(depth: Tensor, shadow: Tensor) -> Tensor:
    """What a second eye or a projector beside the cameras cannot see: bool (B, H, W), as `depth.shadows`."""
    side = torch.where(shadow > 0, 1.0, -1.0)[:, None, None]
    columns = torch.arange(depth.shape[2], device=depth.device, dtype=depth.dtype)
    place = side * columns - shadow.abs()[:, None, None] / depth
    forward = torch.cummin(place, 2).values
    backward = torch.cummin(place.flip(2), 2).values.flip(2)
    # strictly behind what came before it on its way
    return (place > torch.where(side > 0, backward, forward)) & (shadow != 0)[:, None, None]


def measure(
    depth: Tensor, part: Tensor, sensors: Array, lens: Tensor, sizes: Tensor, generator: torch.Generator
) -> Tensor:
    """Readings (B, H, W) of the true `depth` of `part` (B, H, W): metres, 0 where nothing came back. sensors: (B,) of
    depth.SENSOR. sizes: (B,) pixels of a side of the square, from the top left, that is the camera's picture."""
    batch, height, width = depth.shape
    device = depth.device
    s = {name: torch.as_tensor(sensors[name].astype("f4"), device=device) for name in SENSOR_FIELDS}
    focal = lens[:, 0]
    scale = (focal / torch.minimum(s["focal"], focal))[:, None, None]
    s = {name: value[:, None, None] for name, value in s.items()}

    def uniform() -> Tensor:
        return torch.rand(depth.shape, generator=generator, device=device)

    def normal() -> Tensor:
        return torch.randn(depth.shape, generator=generator, device=device)

    hidden = shadows(depth, (s["shadow"] / s["focal"])[:, 0, 0] * focal)
    lump, sway_u, sway_v, blot = (_lumps(batch, height, width, generator, device) for _ in range(4))
    rows = torch.arange(height, device=device, dtype=torch.float32)[None, :, None]
    columns = torch.arange(width, device=device, dtype=torch.float32)[None, None, :]
    fray = s["fray"] * scale
    y = rows + s["dv"] * scale + fray * (0.7 * sway_v + 0.4 * normal())
    x = columns + s["du"] * scale + fray * (0.7 * sway_u + 0.4 * normal())
    last = (sizes - 1)[:, None, None]
    vv = torch.minimum((y + 0.5).trunc().long().clamp(min=0), last)
    uu = torch.minimum((x + 0.5).trunc().long().clamp(min=0), last)

    def at(picture: Tensor, dv: int = 0, du: int = 0) -> Tensor:
        row, column = (torch.minimum((c + d).clamp(min=0), last) for c, d in ((vv, dv), (uu, du)))
        return picture.flatten(1).gather(1, (row * width + column).flatten(1)).view_as(picture)

    here = at(depth)
    z = here
    wide = torch.floor(s["fatten"] * scale + uniform()) * (s["fatten"] > 0)
    for k in range(1, int(wide.max().item()) + 1):
        for side in (-k, k):
            beside = at(depth, 0, side)
            z = torch.where((k <= wide) & (beside < z - JUMP_M), beside, z)
    gone = ~(z < _FAR) | (z < s["nearest"]) | (at(hidden) & (z == here))
    gone |= uniform() < s["speckle"]
    gone |= (s["blot"] > 0) & (blot > _quantile(s["blot"]))
    gone |= (s["dark"] > 0) & (at(part) >= SLEEVE) & (blot > _quantile(s["dark"]))

    around = [(dv, du) for wide in (1, 2) for dv, du in ((-wide, 0), (wide, 0), (0, -wide), (0, wide))]
    neighbours = torch.stack([at(depth, dv, du) for dv, du in around])
    low, high = (torch.cat([neighbours[:4], z[None]]).amin(0), torch.cat([neighbours[:4], z[None]]).amax(0))
    differences = neighbours - z
    alike = differences.abs() < 0.025
    filtered = torch.where(alike, differences, 0).sum(0) / (1 + alike.sum(0))
    jump = high - low > torch.maximum(torch.tensor(JUMP_M, device=device), 4 * z / focal[:, None, None])
    gone |= jump & (uniform() < s["edge_hole"])
    flying = jump & (uniform() < s["edge_fly"])
    z = torch.where(flying, low + (torch.minimum(high, low + 0.25) - low) * uniform() ** 2, z)
    slope = (high - low) * focal[:, None, None] / (2 * z)
    gone |= ~jump & (slope > s["grazing"]) & (uniform() < 0.8)
    z = z + s["smooth"] * filtered
    z = z + s["bias"] + s["sigma"] * (s["lumpy"] * lump + (1 - s["lumpy"]) * normal())
    z = torch.where(s["disparity"] > 0, s["disparity"] / torch.floor(s["disparity"] / z + 0.5), z)
    step = s["step"].clamp(min=1e-9)
    z = torch.where(s["step"] > 0, torch.floor(z / step + 0.5) * step, z)
    return torch.where(gone, 0.0, z)


def _lumps(batch: int, height: int, width: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Noise (B, H, W) of about unit variance that is alike over LUMP_PX pixels."""
    grid = torch.randn(
        batch, height // LUMP_PX + 3, width // LUMP_PX + 3, generator=generator, device=device, dtype=torch.float32
    )
    down = _between(height, grid.shape[1], device)
    across = _between(width, grid.shape[2], device)
    return 1.5 * (down @ grid @ across.T)


def _between(length: int, count: int, device: torch.device) -> Tensor:
    """Bilinear weights (length, count) of a coarse grid's samples at each pixel."""
    place = torch.arange(length, device=device, dtype=torch.float32) / LUMP_PX + 0.5
    return (1 - (place[:, None] - torch.arange(count, device=device)).abs()).clamp(min=0)


def _quantile(share: Tensor) -> Tensor:
    """As depth._quantile: about the standard normal deviate that a `share` of draws exceeds."""
    return ((1 - share).clamp(min=0) ** 0.135 - share**0.135) / 0.1975
