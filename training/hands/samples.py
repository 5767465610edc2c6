"""Batches of complete training samples, endless and reproducible from (seed, index)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numba import njit

from training.hands.depth import Clutter, add_clutter, measure, sample_clutter, sample_noise
from training.hands.model import Array, HandModel, load_hand_model
from training.hands.raster import rasterise
from training.hands.scene import CROP_SIZE_M, Scenes, sample_scenes

HALF = CROP_SIZE_M / 2
SURFACE_POINTS = 256
#: Share of left hands in the pictures, from which only side and presence are learnt.
MIRRORED = 0.25


@dataclass(frozen=True)
class DepthBatch:
    """depth: (B, S, S) in cube units, what the camera saw, 1 where nothing came back. surface: (B, 256, 3) metres from
    the cube's centre, the hand's own visible and hidden skin. joints: (B, 21, 3) metres from the cube's centre.
    joints_2d: (B, 21, 2) crop coordinates. tan_half: (B,) of the crop's half width. right, present: (B,) 1 or 0; the
    labels of hands that are not right ones or not there mean nothing."""

    depth: Array
    surface: Array
    joints: Array
    joints_2d: Array
    tan_half: Array
    right: Array
    present: Array


@dataclass(frozen=True)
class PoseBatch:
    """Labels without pictures: joints (B, 21, 3), joints_2d (B, 21, 2), surface (B, 256, 3), as in DepthBatch."""

    joints: Array
    joints_2d: Array
    surface: Array


def pose_batches(seed: int, batch: int) -> Iterator[PoseBatch]:
    """Endless labels, with the crop's scale drawn as both the depth and the colour crops draw it."""
    model = load_hand_model()
    index = 0
    while True:
        rng = np.random.default_rng([seed, index])
        scenes = sample_scenes(model, rng, batch)
        scale = np.where(rng.random(batch) < 0.6, 1.0, rng.uniform(0.5, 1.25, batch))
        joints, joints_2d, surface = pose_labels(model, rng, scenes, scale * HALF / scenes.distance)
        yield PoseBatch(joints, joints_2d, surface)
        index += 1


@njit(cache=True)
def seed_numba(seed):
    """Numba has its own generator, apart from numpy's."""
    np.random.seed(seed)


def generators(seed: int) -> Iterator[np.random.Generator]:
    """One random generator a batch, from (seed, index), with numba's seeded from it."""
    for index in count():
        rng = np.random.default_rng([seed, index])
        seed_numba(int(rng.integers(2**31)))
        yield rng


def depth_batches(
    seed: int, batch: int, size: int, mirrored: float = MIRRORED, empty: float = 0.06
) -> Iterator[DepthBatch]:
    """Endless batches seen by a depth camera; a share shows left hands (mirrored) or no hand at all (empty)."""
    model = load_hand_model()
    for rng in generators(seed):
        yield _depth_batch(model, rng, batch, size, mirrored, empty)


def _depth_batch(
    model: HandModel, rng: np.random.Generator, batch: int, size: int, mirrored: float, empty: float
) -> DepthBatch:
    scenes = sample_scenes(model, rng, batch)
    clutter = sample_clutter(rng, scenes.vertices, scenes.palm, scenes.distance)
    noise = sample_noise(rng, batch, scenes.distance)
    present = rng.random(batch) >= empty
    arm_only = rng.random(batch) < 0.3
    right = rng.random(batch) >= mirrored
    depth = np.empty((batch, size, size), dtype=np.float32)
    for i in range(batch):
        faces = model.faces if present[i] else (model.faces[model.skin_faces :] if arm_only[i] else model.faces[:0])
        depth[i] = see_depth(scenes, clutter, noise, i, faces, size)
    depth = np.where(right[:, None, None], depth, depth[:, :, ::-1])
    tan_half = HALF / scenes.distance
    joints, joints_2d, surface = pose_labels(model, rng, scenes, tan_half)
    flags = (a.astype(np.float32) for a in (tan_half, right, present))
    return DepthBatch(depth, surface, joints, joints_2d, *flags)


def see_depth(scenes: Scenes, clutter: Clutter, noise: Array, i: int, faces: Array, size: int) -> Array:
    """What a depth camera makes of scene `i`: (S, S) in cube units, 1 where nothing came back."""
    distance = scenes.distance[i]
    tan_half = HALF / distance
    true = render_depth(scenes.vertices[i], faces, tan_half, size)
    add_clutter(true, tan_half, clutter.planes[i], clutter.balls[i])
    reading = np.empty_like(true)
    measure(true, noise[i], reading)
    return np.where(reading > 0, ((reading - distance) / HALF).clip(-1, 1), 1.0).astype(np.float32)


def pose_labels(model: HandModel, rng: np.random.Generator, scenes: Scenes, tan_half: Array) -> tuple[Array, ...]:
    """joints (B, 21, 3) and surface points (B, 256, 3) in metres from the cube's centre, joints_2d (B, 21, 2) in the
    crop coordinates of pictures that span `tan_half` (B,)."""
    centre = np.zeros((len(tan_half), 1, 3))
    centre[:, 0, 2] = scenes.distance
    joints_2d = scenes.joints[..., :2] / scenes.joints[..., 2:] / tan_half[:, None, None]
    pick = rng.integers(len(model.mean) - 21, size=SURFACE_POINTS)
    labels = scenes.joints - centre, joints_2d, scenes.vertices[:, pick] - centre
    return tuple(a.astype(np.float32) for a in labels)


def render_depth(vertices: Array, faces: Array, tan_half: float, size: int) -> Array:
    """True depth (S, S) float32 of a mesh in the crop frame, inf where there is nothing."""
    return render(vertices, faces, tan_half, size)[0]


def render(vertices: Array, faces: Array, tan_half: float, size: int) -> tuple[Array, Array, Array]:
    """Depth (S, S), inf where there is nothing; the face seen (S, S), -1 for none; its weights (S, S, 2) there."""
    depth = np.full((size, size), np.inf, dtype=np.float32)
    face_id = np.full((size, size), -1, dtype=np.int32)
    bary = np.empty((size, size, 2), dtype=np.float32)
    rasterise(vertices, faces, tan_half, depth, face_id, bary)
    return depth, face_id, bary
