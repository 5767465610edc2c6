"""Light: a sky, lamps that cast soft shadows, and the shine of skin, in linear colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from training.hands.raster import crop_lens, render
from training.test_sets.rig import Array

_SHADOW_PIXELS = 384
_SHADOW_REACH_M = 0.30


@dataclass(frozen=True)
class Lamp:
    """place: (3,) metres, camera frame. colour: (3,) linear, at 1 m."""

    place: Array
    colour: Array


@dataclass(frozen=True)
class Lighting:
    """sky, ground: (3,) light from above and from below. up: (3,)."""

    sky: Array
    ground: Array
    up: Array
    lamps: tuple[Lamp, ...]


def sample_lighting(rng: np.random.Generator, hand: Array) -> Lighting:
    """One to three lamps about a hand at `hand` (3,), mostly above, and a sky."""
    warmth = rng.normal(0, 0.12)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    up = np.array([rng.normal(0, 0.2), -1.0, rng.normal(-0.3, 0.3)])
    lamps = []
    for _ in range(int(rng.integers(1, 4))):
        direction = rng.normal([0, -0.8, -0.4], 0.7)
        direction /= np.linalg.norm(direction)
        distance = rng.uniform(0.6, 2.5)
        power = rng.uniform(0.25, 1.1) * distance**2
        lamps.append(Lamp(hand + direction * distance, power * tint * (1 + rng.normal(0, 0.05, 3))))
    sky = rng.uniform(0.15, 0.55) * tint
    return Lighting(sky, sky * rng.uniform(0.2, 0.7, 3), up / np.linalg.norm(up), tuple(lamps))


def shine_on(
    lighting: Lighting, points: Array, normals: Array, albedo: Array, gloss: Array, mesh: tuple[Array, Array]
) -> Array:
    """Light (N, 3) that surfaces at `points` (N, 3) with unit `normals` (N, 3), `albedo` (N, 3) and `gloss` (N,) send
    to the camera at the origin; the `mesh`, vertices (V, 3) and faces (F, 3), throws shadows."""
    eye = -points / np.linalg.norm(points, axis=1, keepdims=True)
    height = 0.5 + 0.5 * normals @ lighting.up
    light = albedo * (lighting.ground + (lighting.sky - lighting.ground) * height[:, None])
    for lamp in lighting.lamps:
        way = lamp.place - points
        distance = np.linalg.norm(way, axis=1, keepdims=True)
        way = way / distance
        seen = _lit(lamp, points + 0.002 * normals, mesh)
        arriving = lamp.colour * (seen / distance[:, 0] ** 2)[:, None]
        cosine = np.einsum("ni,ni->n", normals, way)
        half = way + eye
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        highlight = gloss * np.einsum("ni,ni->n", normals, half).clip(0) ** 40 * (cosine > 0)
        light += arriving * (albedo * cosine.clip(0)[:, None] + highlight[:, None])
    return light


def _lit(lamp: Lamp, points: Array, mesh: tuple[Array, Array]) -> Array:
    """Share (N,) of the lamp that `points` see: a shadow map, blurred as a lamp of some size blurs it."""
    vertices, faces = mesh
    middle = vertices.mean(0)
    forward = middle - lamp.place
    distance = np.linalg.norm(forward)
    forward /= distance
    side = np.cross(forward, (0.2, 0.9, 0.4))
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(forward, side), forward])
    tan_half = float(_SHADOW_REACH_M / distance)
    lens = crop_lens(tan_half, _SHADOW_PIXELS)
    depth, _, _ = render((vertices - lamp.place) @ frame.T, faces, lens, (_SHADOW_PIXELS, _SHADOW_PIXELS))
    share = np.empty(len(points))
    _share_lit((points - lamp.place) @ frame.T, depth, tan_half, share)
    return share


@njit(cache=True)
def _share_lit(points, depth, tan_half, share):
    """How much of each of `points` (N, 3) is in the light of a lamp at the origin that sees `depth` (S, S)."""
    size = depth.shape[0]
    for i in range(len(points)):
        x, y, z = points[i]
        share[i] = 1.0
        if z < 0.01 or abs(x) > z * tan_half or abs(y) > z * tan_half:
            continue
        column = int((x / z / tan_half + 1) * size / 2)
        row = int((y / z / tan_half + 1) * size / 2)
        hidden = 0
        for v in range(row - 2, row + 3, 2):
            for u in range(column - 2, column + 3, 2):
                if depth[min(size - 1, max(0, v)), min(size - 1, max(0, u))] < z - 0.003:
                    hidden += 1
        share[i] = 1.0 - hidden / 9.0
