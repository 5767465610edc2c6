"""Batches of colour crops of synthetic hands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.hands.appearance import Backgrounds, load_skins, through_lens
from training.hands.depth import Clutter, add_clutter, sample_clutter, sample_noise
from training.hands.model import FOREARM_RINGS, Array, HandModel, load_hand_model
from training.hands.raster import vertex_normals
from training.hands.samples import HALF, MIRRORED, generators, pose_labels, render, see_depth
from training.hands.scene import Scenes, sample_scenes
from training.hands.shade import shade

SUPERSAMPLE = 2


@dataclass(frozen=True)
class RgbBatch:
    """rgb: (B, S, S, 3) uint8, red first. The labels are DepthBatch's."""

    rgb: Array
    surface: Array
    joints: Array
    joints_2d: Array
    right: Array
    present: Array


def rgb_batches(
    seed: int,
    batch: int,
    size: int,
    skins: Path | None,
    backgrounds: Path | None,
    facing: float = 0.5,
    mirrored: float = MIRRORED,
    empty: float = 0.05,
) -> Iterator[RgbBatch]:
    """Endless batches; a share shows left hands (mirrored) or no hand (empty)."""
    studio = Studio(skins, backgrounds)
    for rng in generators(seed):
        scenes = sample_scenes(studio.model, rng, batch, facing)
        present = rng.random(batch) >= empty
        right = rng.random(batch) >= mirrored
        tan_half = sample_framing(rng, scenes)
        clutter = sample_clutter(rng, scenes.vertices, scenes.palm, scenes.distance)
        rgb = np.empty((batch, size, size, 3), np.uint8)
        for i in range(batch):
            picture = studio.see_rgb(rng, scenes, clutter, i, float(tan_half[i]), size, bool(present[i]))
            rgb[i] = picture if right[i] else picture[:, ::-1]
        joints, joints_2d, surface = pose_labels(studio.model, rng, scenes, tan_half)
        yield RgbBatch(rgb, surface, joints, joints_2d, right.astype(np.float32), present.astype(np.float32))


@dataclass(frozen=True)
class RgbdBatch:
    """The same right hands through both cameras, framed by the cube: rgb and depth as in RgbBatch and DepthBatch."""

    rgb: Array
    depth: Array
    joints: Array
    joints_2d: Array
    tan_half: Array


def rgbd_batches(
    seed: int, batch: int, rgb_size: int, depth_size: int, skins: Path | None, backgrounds: Path | None
) -> Iterator[RgbdBatch]:
    """Endless batches for calibration and validation; draws as training does."""
    studio = Studio(skins, backgrounds)
    for rng in generators(seed):
        scenes = sample_scenes(studio.model, rng, batch)
        clutter = sample_clutter(rng, scenes.vertices, scenes.palm, scenes.distance)
        noise = sample_noise(rng, batch, scenes.distance)
        tan_half = HALF / scenes.distance
        rgb = np.empty((batch, rgb_size, rgb_size, 3), np.uint8)
        depth = np.empty((batch, depth_size, depth_size), np.float32)
        for i in range(batch):
            rgb[i] = studio.see_rgb(rng, scenes, clutter, i, float(tan_half[i]), rgb_size)
            depth[i] = see_depth(scenes, clutter, noise, i, studio.model.faces, depth_size)
        joints, joints_2d, _ = pose_labels(studio.model, rng, scenes, tan_half)
        yield RgbdBatch(rgb, depth, joints, joints_2d, tan_half.astype(np.float32))


class Studio:
    """The hand with its skins, and the backgrounds: what colour pictures are painted from."""

    def __init__(self, skins: Path | None, backgrounds: Path | None) -> None:
        self.model = load_hand_model()
        self.textures, self.uv = load_skins(skins, self.model.uv)
        self.photos = Backgrounds(backgrounds)

    def see_rgb(
        self,
        rng: np.random.Generator,
        scenes: Scenes,
        clutter: Clutter,
        i: int,
        tan_half: float,
        size: int,
        present: bool = True,
    ) -> Array:
        """What a colour camera makes of scene `i`, or of its background alone: (S, S, 3) uint8."""
        picture = self.photos.patch(rng, size * SUPERSAMPLE)
        if present:
            texture = self.textures[rng.integers(len(self.textures))]
            picture, depth = paint_hand(self.model, scenes, i, tan_half, picture, texture, self.uv, rng)
            picture = paint_balls(picture, depth, tan_half, clutter.balls[i], rng)
        return through_lens(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), rng)


def sample_framing(rng: np.random.Generator, scenes: Scenes) -> Array:
    """tan_half (B,) of the crops: half as the depth's cube frames them, half as a box around the hand does."""
    cube = HALF / scenes.distance
    flat = scenes.joints[..., :2] / scenes.joints[..., 2:]
    box = np.abs(flat).max((1, 2))  # from the crop's centre, so shifted boxes come out larger
    loose = (box * rng.uniform(1.05, 1.5, len(box))).clip(0.5 * cube, 1.25 * cube)
    return np.where(rng.random(len(box)) < 0.5, cube, loose)


def paint_hand(
    model: HandModel, scenes: Scenes, i: int, tan_half: float, picture: Array, texture: Array, uv: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array]:  # fmt: skip
    """Scene `i` drawn over `picture` (S, S, 3) with a tone of its own: the picture and the hand's depth (S, S)."""
    tone = np.exp(rng.normal(0, 0.12, 3)) * np.exp(rng.normal(0, 0.1))
    texture = (texture * tone).clip(0, 1).astype(np.float32)
    points = scenes.vertices[i].astype(np.float64)
    return shade_hand(model, points, tan_half, picture, texture, uv, int(scenes.sleeve[i]), rng)


def shade_hand(
    model: HandModel, points: Array, tan_half: float, picture: Array, texture: Array, uv: Array, sleeve: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:  # fmt: skip
    """Posed skin and forearm (V, 3) drawn over `picture` (S, S, 3) in random light, with cloth from ring `sleeve` of
    the forearm on: the picture, float32, and the hand's depth (S, S), inf beside it."""
    depth, face_id, bary = render(points, model.faces, tan_half, len(picture))
    normals = np.empty_like(points)
    vertex_normals(points, model.faces, normals)
    per_ring = (len(model.faces) - model.skin_faces) // FOREARM_RINGS
    lights = np.empty((2, 6))
    for light in lights:
        direction = rng.normal([0, -0.7, -0.7], 1)  # more often from above and from the camera's side
        light[:3] = direction / np.linalg.norm(direction)
        light[3:] = rng.uniform(0.05, 0.75) * (1 + rng.normal(0, 0.08, 3))
    ambient = rng.uniform(0.2, 0.6) * (1 + rng.normal(0, 0.06, 3))
    out = picture.astype(np.float32)
    shade(
        face_id, bary, model.faces, model.faces_uv, normals, points, uv, texture,
        model.skin_faces + per_ring * sleeve, rng.random(3) ** 1.5, lights, ambient, rng.uniform(0, 0.3), out,
    )  # fmt: skip
    return out, depth


def paint_balls(picture: Array, depth: Array, tan_half: float, balls: Array, rng: np.random.Generator) -> Array:
    """Held and floating things over the picture, plainly coloured, darker towards their rims."""
    if not (balls[:, 3] > 0).any():
        return picture
    behind = depth.copy()
    add_clutter(depth, tan_half, np.array([0.0, 0, 1, np.inf]), balls)
    covered = depth < behind
    if covered.any():
        near = depth[covered]
        relief = 1 - 0.6 * (near - near.min()) / (np.ptp(near) + 0.01)
        picture[covered] = relief[:, None] * rng.uniform(10, 245, 3)
    return picture
