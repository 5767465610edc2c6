"""Batches of colour crops of synthetic hands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from training.hands.appearance import LINEAR, Backgrounds, load_skins, through_lens, wrinkle_slopes
from training.hands.depth import blank
from training.hands.look import sample_looks
from training.hands.marks import map_skin, mark, refine, wear
from training.hands.model import Array, HandModel, load_hand_model
from training.hands.raster import crop_lens, vertex_normals
from training.hands.samples import generators, pose_labels, see_depth
from training.hands.scene import HALF, Scenes, SceneSettings, sample_scenes, surfaces
from training.hands.shade import gather, paint
from training.hands.stage import Stage, crop_stage, seen_from, view, without_plane

#: Pixels are rasterised so much finer along a side than they are coloured.
FINE = 2
#: Texels a side, about, of textures with nails and creases.
TEXTURE_PX = 256
#: How far the first light is, and how large the pixels are in which it sees the scene.
LIGHT_M, LIGHT_PIXEL_M = 3.0, 0.005
#: Farther than anything.
NOTHING_M = 20.0


@dataclass(frozen=True)
class RgbBatch:
    """rgb: (B, S, S, 3) uint8, red first. The labels are DepthBatch's."""

    rgb: Array
    surface: Array
    joints: Array
    joints_2d: Array
    tan_half: Array
    right: Array
    present: Array


def rgb_batches(
    seed: int,
    batch: int,
    size: int,
    skins: Path | None,
    backgrounds: Path | None,
    facing: float = 0.5,
    settings: SceneSettings | None = None,
) -> Iterator[RgbBatch]:
    """Endless batches; a share shows left hands (mirrored) or no hand (empty)."""
    settings = replace(settings or SceneSettings(), facing=facing)
    studio = Studio(skins, backgrounds, settings)
    for rng in generators(seed):
        scenes = sample_scenes(studio.model, rng, batch, settings)
        tan_half = sample_framing(rng, scenes)
        vertices = surfaces(studio.model, scenes)
        rgb = studio.see_rgb(rng, scenes, vertices, tan_half, size)
        rgb = np.where(scenes.right[:, None, None, None], rgb, rgb[:, :, ::-1])
        labels = pose_labels(scenes, vertices, tan_half)
        flags = (a.astype(np.float32) for a in (tan_half, scenes.right, scenes.present))
        yield RgbBatch(rgb, *labels, *flags)


@dataclass(frozen=True)
class RgbdBatch:
    """The same right hands through both cameras, framed by the cube: rgb and depth as in RgbBatch and DepthBatch."""

    rgb: Array
    depth: Array
    joints: Array
    joints_2d: Array
    tan_half: Array


def rgbd_batches(
    seed: int,
    batch: int,
    rgb_size: int,
    depth_size: int,
    skins: Path | None,
    backgrounds: Path | None,
    settings: SceneSettings | None = None,
) -> Iterator[RgbdBatch]:
    """Endless batches for calibration and validation; draws as training does, but right hands alone."""
    settings = replace(settings or SceneSettings(), mirrored=0.0, empty=0.0)
    studio = Studio(skins, backgrounds, settings)
    for rng in generators(seed):
        scenes = sample_scenes(studio.model, rng, batch, settings)
        vertices = surfaces(studio.model, scenes)
        tan_half = HALF / scenes.distance
        rgb = studio.see_rgb(rng, scenes, vertices, tan_half, rgb_size)
        depth = np.stack([see_depth(studio.model, scenes, vertices[i], i, depth_size) for i in range(batch)])
        _, joints, joints_2d = pose_labels(scenes, vertices, tan_half)
        yield RgbdBatch(rgb, depth, joints, joints_2d, tan_half.astype(np.float32))


class Studio:
    """The hand with its skins, and the backgrounds: what colour pictures are painted from."""

    def __init__(self, skins: Path | None, backgrounds: Path | None, settings: SceneSettings | None = None) -> None:
        self.settings = settings or SceneSettings()
        self.model = load_hand_model()
        textures, uv = load_skins(skins if self.settings.textures else None, self.model.uv)
        fine = [refine(texture, uv, TEXTURE_PX // len(texture)) for texture in textures]
        self.uv = fine[0][1]
        self.skin = map_skin(self.model, self.uv, fine[0][0].shape[:2])
        self.textures = [mark(texture, self.skin) for texture, _ in fine]
        if not self.settings.textures:
            self.textures = [np.ones_like(self.textures[0])]
        self.wrinkles = wrinkle_slopes()
        self.photos = Backgrounds(backgrounds if self.settings.textures else None)

    def see_rgb(self, rng: np.random.Generator, scenes: Scenes, vertices: Array, tan_half: Array, size: int) -> Array:
        """What colour cameras make of the scenes, in crops that span `tan_half` (B,): (B, S, S, 3) uint8."""
        batch = len(vertices)
        looks = sample_looks(rng, batch, self.settings.textures, self.settings.lights)
        rooms = self.photos.patches(rng, batch, size)
        out = np.empty((batch, size, size, 3), np.uint8)
        for i in range(batch):
            lens = crop_lens(float(tan_half[i]), size)
            light = self.light(
                crop_stage(self.model, scenes, vertices[i], i), looks[i], cv2.LUT(rooms[i], LINEAR), lens
            )
            beyond = np.zeros((size, size), np.float32)
            blank(np.zeros((size, size), np.uint8), beyond, lens, scenes.border[i])
            light[np.isinf(beyond)] = 0
            out[i] = through_lens(light, looks[i], int(scenes.seed[i]), size / 128)
        return out

    def light(self, stage: Stage, look: Array, room: Array, lens: tuple, finer: int = FINE) -> Array:
        """Linear light (H, W, 3) that `lens` gets from the stage before its background `room` (H, W, 3), rasterised
        `finer` times finer."""
        height, width = room.shape[:2]
        fine = (lens[0] * finer, lens[1] * finer, (lens[2] + 0.5) * finer - 0.5, (lens[3] + 0.5) * finer - 0.5)
        # the background is the plane's like
        seen = view(self.model, without_plane(stage), fine, (height * finer, width * finer))
        look = look.copy()
        above, below = (np.array(cv2.mean(half)[:3]) for half in (room[: height // 2], room[height // 2 :]))
        mean = (above.mean() + below.mean()) / 2 + 0.02
        for key, around in (("sky", above), ("ground", below)):
            look[key] *= 1 + look["mirror_room"] * (around / mean - 1)
        turn, place, light_lens, light_depth = light_view(self.model, stage, look["lights"][0, :3])
        normals = np.empty(stage.vertices.shape)
        for vertices, own in zip(stage.vertices, normals, strict=True):
            vertex_normals(vertices, self.model.faces, own)
        texture = self.textures[int(look["texture"] * len(self.textures))]
        texture = wear(texture, self.skin, look["tone"], look["polish"], int(look["ring"]), look["metal"])
        out = room.astype(np.float32)
        most = np.count_nonzero(seen.part)
        places, shares = np.empty((most, 4), np.int32), np.empty(most, np.float32)
        count = gather(seen.part, seen.depth, finer, out, places, shares)
        paint(
            places[:count], shares[:count], seen.part, seen.depth, seen.face, seen.bary, fine, self.model.faces,
            self.model.faces_uv, normals, self.uv, texture, self.wrinkles, look, stage.centre, stage.turn, stage.half,
            stage.kind, turn, place, light_lens, light_depth, room, creases(seen.depth[::finer, ::finer], lens), out,
        )  # fmt: skip
        return out


def light_view(model: HandModel, stage: Stage, direction: Array) -> tuple[Array, Array, tuple, Array]:
    """What a light in unit `direction` (3,) sees of the stage: its turn (3, 3) and place (3,), lens and depth."""
    forward = -direction.astype(np.float64)
    side = np.cross([0.0, 1.0, 0.0] if abs(forward[1]) < 0.9 else [1.0, 0.0, 0.0], forward)
    side /= np.linalg.norm(side)
    turn = np.stack([side, np.cross(forward, side), forward])
    points = stage.vertices.reshape(-1, 3) if len(stage.vertices) else stage.centre
    low, high = points.min(0), points.max(0)
    place = (low + high) / 2 + LIGHT_M * direction
    half = max(0.1, 0.55 * float(np.linalg.norm(high - low)))
    size = int(np.clip(2 * half / LIGHT_PIXEL_M, 32, 320))
    lens = crop_lens(half / LIGHT_M, size)
    return turn, place, lens, view(model, seen_from(stage, turn, place), lens, (size, size)).depth


def creases(depth: Array, lens: tuple) -> Array:
    """How much of the light from all round is kept from each pixel (H, W): 0 to 0.8, where the depth picture lies
    deeper than its surroundings (Luft, Colditz and Deussen 2006), though not where these are far before it."""
    nearest = float(depth.min())
    if not nearest < NOTHING_M:
        return np.zeros(depth.shape, np.float32)
    filled = np.where(depth < NOTHING_M, depth, np.float32(nearest + 0.3))
    total = np.zeros(depth.shape, np.float32)
    for width_m, deep_m in ((0.012, 0.008), (0.045, 0.03)):
        side = max(3, 2 * int(width_m * lens[0] / nearest / 2) + 1)
        deeper = (filled - cv2.blur(filled, (side, side))) * np.float32(1 / deep_m)
        total += np.minimum(deeper.clip(0, 1), (2.5 - deeper / 2).clip(0, 1))
    return 0.4 * total


def sample_framing(rng: np.random.Generator, scenes: Scenes) -> Array:
    """tan_half (B,) of the crops: half as the depth's cube frames them, half as a box around the hand does."""
    cube = HALF / scenes.distance
    flat = scenes.joints[..., :2] / scenes.joints[..., 2:]
    box = np.abs(flat).max((1, 2))  # from the crop's centre, so shifted boxes come out larger
    loose = (box * rng.uniform(1.05, 1.5, len(box))).clip(0.5 * cube, 1.25 * cube)
    return np.where(rng.random(len(box)) < 0.5, cube, loose)
