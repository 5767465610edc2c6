"""Batches of complete training samples, endless and reproducible from (seed, index)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count

import numpy as np
from numba import njit

from training.hands.depth import beyond, measure
from training.hands.model import Array, HandModel, load_hand_model
from training.hands.parts import NOTHING
from training.hands.raster import crop_lens
from training.hands.scene import HALF, Scenes, SceneSettings, sample_scenes, surfaces
from training.hands.stage import View, crop_stage, view
from training.hands.things import add_plane

SURFACE_POINTS = 256


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


def pose_batches(seed: int, batch: int, settings: SceneSettings | None = None) -> Iterator[PoseBatch]:
    """Endless labels, with the crop's scale drawn as both the depth and the colour crops draw it."""
    model = load_hand_model()
    for rng in generators(seed):
        scenes = sample_scenes(model, rng, batch, settings)
        scale = np.where(rng.random(batch) < 0.6, 1.0, rng.uniform(0.5, 1.25, batch))
        surface, joints, joints_2d = pose_labels(scenes, surfaces(model, scenes), scale * HALF / scenes.distance)
        yield PoseBatch(joints, joints_2d, surface)


def generators(seed: int) -> Iterator[np.random.Generator]:
    """One random generator a batch, from (seed, index)."""
    for index in count():
        yield np.random.default_rng([seed, index])


def depth_batches(seed: int, batch: int, size: int, settings: SceneSettings | None = None) -> Iterator[DepthBatch]:
    """Endless batches seen by a depth camera; a share shows left hands (mirrored) or no hand at all."""
    model = load_hand_model()
    for rng in generators(seed):
        scenes = sample_scenes(model, rng, batch, settings)
        vertices = surfaces(model, scenes)
        depth = np.empty((batch, size, size), dtype=np.float32)
        for i in range(batch):
            depth[i] = see_depth(model, scenes, vertices[i], i, size)
        depth = np.where(scenes.right[:, None, None], depth, depth[:, :, ::-1])
        tan_half = HALF / scenes.distance
        labels = pose_labels(scenes, vertices, tan_half)
        flags = (a.astype(np.float32) for a in (tan_half, scenes.right, scenes.present))
        yield DepthBatch(depth, *labels, *flags)


def see_depth(model: HandModel, scenes: Scenes, vertices: Array, i: int, size: int, seen: View | None = None) -> Array:
    """What a depth camera makes of scene `i` with the hand `vertices` (V, 3): (S, S) in cube units, 1 where nothing
    came back. Where the camera's own pixels are larger than the picture's, they show. seen: `see_crop` of this size,
    where it is known."""
    distance = float(scenes.distance[i])
    tan_half = HALF / distance
    own = int(np.clip(np.rint(2 * tan_half * scenes.sensors["focal"][i]), 24, size))
    true = see_crop(model, scenes, vertices, i, own) if seen is None or own != size else seen
    reading = np.empty((own, own), np.float32)
    measure(true.depth, true.part, scenes.sensors[i], crop_lens(tan_half, own), scenes.seed[i], reading)
    cube = np.empty((size, size), np.float32)
    _to_cube(reading, distance, cube)
    return cube


@njit(cache=True, fastmath=True, nogil=True)
def _to_cube(reading, distance, out):
    """Readings (H, H) in metres, 0 for none, to cube units (S, S), 1 for none, by the nearest pixel."""
    size, own = out.shape[0], reading.shape[0]
    middle, scale, one = np.float32(distance), np.float32(1 / HALF), np.float32(1)
    for v in range(size):
        for u in range(size):
            z = reading[v * own // size, u * own // size] if own < size else reading[v, u]
            out[v, u] = min(one, max(-one, (z - middle) * scale)) if z > 0 else one


def see_crop(model: HandModel, scenes: Scenes, vertices: Array, i: int, size: int, bare: View | None = None) -> View:
    """Scene `i` with the hand `vertices` (V, 3) in its cube's crop of `size` pixels, cut where the camera's picture
    ends. bare: its view without a plane, which then becomes this one."""
    lens = crop_lens(float(HALF / scenes.distance[i]), size)
    if bare is None:
        seen = view(model, crop_stage(model, scenes, vertices, i), lens, (size, size))
    else:
        seen = bare
        add_plane(seen.nearness, seen.part, lens, scenes.things.planes[i])
    for outside in beyond(lens, scenes.border[i], (size, size)):
        seen.nearness[outside], seen.part[outside] = 0, NOTHING
    return seen


@cache
def surface_points() -> Array:
    """Numbers (256,) of the skin's vertices that are labels: the same of every hand, spread evenly over the mean one
    (each is the farthest from those before it)."""
    model = load_hand_model()
    skin = model.mean[:-21]
    picked = [0]
    distance = np.linalg.norm(skin - skin[0], axis=1)
    while len(picked) < SURFACE_POINTS:
        picked.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(skin - skin[picked[-1]], axis=1))
    return np.array(picked)


def pose_labels(scenes: Scenes, vertices: Array, tan_half: Array) -> tuple[Array, ...]:
    """Surface points (B, 256, 3) and joints (B, 21, 3) in metres from the cube's centre, joints_2d (B, 21, 2) in the
    crop coordinates of pictures that span `tan_half` (B,)."""
    centre = np.zeros((len(tan_half), 1, 3))
    centre[:, 0, 2] = scenes.distance
    joints_2d = scenes.joints[..., :2] / scenes.joints[..., 2:] / tan_half[:, None, None]
    labels = vertices[:, surface_points()] - centre, scenes.joints - centre, joints_2d
    return tuple(a.astype(np.float32) for a in labels)
