"""Rooms behind the hands, cast ray by ray, so that their depth and their colour belong together: a wall, a table or
floor, and boxes on it, with painted surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.test_sets.rig import Array

_TILE = 256
_TILE_M = 0.8


@dataclass(frozen=True)
class View:
    """What the rays meet: z (H, W) metres, inf for nothing; normal (H, W, 3) towards the camera; albedo (H, W, 3)
    linear, 0..1."""

    z: Array
    normal: Array
    albedo: Array


def see_room(rng: np.random.Generator, rays: Array, behind: float) -> View:
    """A room seen along `rays` (H, W, 3) with z = 1; nothing in it is nearer than `behind` metres."""
    height, width = rays.shape[:2]
    z = np.full((height, width), np.inf)
    normal, albedo = np.zeros(rays.shape), np.zeros(rays.shape)
    wall = behind + rng.uniform(0.05, 1.6)
    turn = _about_y(rng.uniform(-0.5, 0.5))
    # the wall turns about the point that the camera looks at, and its near side must stay behind the hand
    _plane(rng, rays, turn @ np.array([0, 0, -1.0]), np.array([0, 0, wall + 0.4]), behind, z, normal, albedo)
    if rng.random() < 0.75:
        tilt = rng.uniform(0.15, 1.0)  # how far the camera looks down
        up = np.array([0, -np.cos(tilt), -np.sin(tilt)])
        reach = (rays / np.linalg.norm(rays, axis=-1, keepdims=True) @ up).min()
        offset = behind * abs(min(reach, -0.1)) * rng.uniform(1.0, 1.8)
        _plane(rng, rays, up, -up * offset, behind, z, normal, albedo)
    for _ in range(int(rng.integers(0, 7))):
        half = rng.uniform(0.03, 0.22, 3)
        distance = behind + np.linalg.norm(half) + rng.exponential(0.25)
        v, u = rng.integers(height), rng.integers(width)
        turn = _about_y(rng.uniform(0, 3)) @ _about_x(rng.normal(0, 0.4))
        _box(rng, rays, rays[v, u] * distance, half, turn, z, normal, albedo)
    return View(z, normal, albedo)


def _plane(
    rng: np.random.Generator,
    rays: Array,
    up: Array,
    point: Array,
    behind: float,
    z: Array,
    normal: Array,
    albedo: Array,
) -> None:
    slope = rays @ up
    with np.errstate(divide="ignore"):
        hit = (point @ up) / slope
    hit = np.where((slope < -1e-3) & (hit > 0), hit, np.inf)
    near = (hit < z) & (hit < 12)
    hit = np.maximum(hit, behind)
    side = np.cross(up, (0.3, 0.1, 1.0))
    side /= np.linalg.norm(side)
    where = rays[near] * hit[near, None]
    z[near], normal[near] = hit[near], up
    albedo[near] = _look_up(_pattern(rng), where @ side, where @ np.cross(up, side))


def _box(
    rng: np.random.Generator,
    rays: Array,
    middle: Array,
    half: Array,
    turn: Array,
    z: Array,
    normal: Array,
    albedo: Array,
) -> None:
    direction, origin = rays @ turn.T, turn @ -middle
    with np.errstate(divide="ignore"):
        first, second = (-half - origin) / direction, (half - origin) / direction
    enter, leave = np.minimum(first, second), np.maximum(first, second)
    hit = enter.max(-1)
    near = (hit < leave.min(-1)) & (hit > 0.05) & (hit < z)
    if not near.any():
        return
    axis = enter[near].argmax(-1)
    where = origin + direction[near] * hit[near, None]
    facing = np.zeros((len(axis), 3))
    facing[np.arange(len(axis)), axis] = -np.sign(np.take_along_axis(direction[near], axis[:, None], 1)[:, 0])
    u, v = (np.take_along_axis(where, ((axis + k) % 3)[:, None], 1)[:, 0] for k in (1, 2))
    z[near], normal[near] = hit[near], facing @ turn
    albedo[near] = _look_up(_pattern(rng), 2 * u, 2 * v)


def _pattern(rng: np.random.Generator) -> Array:
    """A surface (256, 256, 3), linear 0..1: paint, planks, tiles, cloth, or a print, with dirt."""
    base = rng.uniform(0.05, 0.9) * (0.55 + 0.45 * rng.random(3))
    other = (base * rng.uniform(0.3, 1.6) + rng.normal(0, 0.08, 3)).clip(0.02, 0.95)
    grid = np.linspace(0, 1, _TILE)
    u, v = np.meshgrid(grid, grid)
    kind = rng.integers(5)
    mix = np.zeros((_TILE, _TILE))
    if kind == 1:  # planks, with grain along them
        number = rng.integers(3, 9)
        mix = 0.4 * rng.random(number)[(v * number).astype(int).clip(0, number - 1)]
        grain = cv2.resize(rng.normal(0, 0.25, (160, 6)), (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
        mix = mix + grain + 0.8 * (np.mod(v * number, 1) < 0.03)
    elif kind == 2:
        number = rng.integers(2, 14)
        mix = (np.floor(u * number) + np.floor(v * number)) % 2
    elif kind == 3:  # weave
        number = rng.integers(20, 60)
        mix = 0.5 + 0.5 * np.sin(2 * np.pi * u * number) * np.sin(2 * np.pi * v * number)
    elif kind == 4:  # a print: blots of several colours
        for _ in range(int(rng.integers(6, 30))):
            centre, radius = rng.random(2), rng.uniform(0.02, 0.16, 2)
            mix[((u - centre[0]) / radius[0]) ** 2 + ((v - centre[1]) / radius[1]) ** 2 < 1] = rng.random()
    surface = base + (other - base) * mix[..., None]
    dirt = cv2.resize(rng.normal(0, 0.12, (9, 9)), (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
    pattern: Array = (surface * (1 + dirt + rng.normal(0, 0.03, (_TILE, _TILE)))[..., None]).clip(0.01, 1)
    return pattern


def _look_up(pattern: Array, u: Array, v: Array) -> Array:
    """Repeats of the pattern every 0.8 m, mirrored, so that there are no seams."""
    rows, columns = (np.abs(np.mod(c / _TILE_M + 1, 2) - 1) * (_TILE - 1) for c in (v, u))
    found: Array = pattern[rows.astype(int), columns.astype(int)]
    return found


def _about_y(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_x(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
