"""Batches of colour crops of synthetic hands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numba import njit

from training.hands.appearance import LINEAR, Backgrounds, hair_strands, load_skins, through_lens, wrinkle_slopes
from training.hands.depth import beyond
from training.hands.look import sample_looks
from training.hands.marks import map_skin, mark, refine
from training.hands.model import Array, load_hand_model
from training.hands.paint import SLOPE_STEPS, TEXTURE_STEPS, Hands, Light, Skin, Solids, pack_texture
from training.hands.raster import crop_lens, vertex_normals
from training.hands.samples import generators, pose_labels, see_depth
from training.hands.scene import HALF, Scenes, SceneSettings, sample_scenes, surfaces
from training.hands.shade import colour
from training.hands.shadow import light_view
from training.hands.stage import Stage, View, crop_stage, view, without_plane

#: Texels a side, about, of textures with nails and creases.
TEXTURE_PX = 256
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
    cubes: float = 0.5,
) -> Iterator[RgbBatch]:
    """Endless batches; a share shows left hands (mirrored) or no hand (empty). cubes: share that is framed by the cube,
    as beside depth, and not by a box, as without."""
    settings = replace(settings or SceneSettings(), facing=facing)
    studio = Studio(skins, backgrounds, settings)
    for rng in generators(seed):
        scenes = sample_scenes(studio.model, rng, batch, settings)
        tan_half = sample_framing(rng, scenes, cubes)
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
        self.packed = [pack_texture(texture) for texture in self.textures]
        self.textures = [np.rint(texture * TEXTURE_STEPS).clip(0, 1023) / TEXTURE_STEPS for texture in self.textures]
        self.slopes = np.rint(wrinkle_slopes() * SLOPE_STEPS).clip(-127, 127).astype(np.int8)
        self.strands = hair_strands()
        self.wrinkles = self.slopes / np.float32(SLOPE_STEPS)
        self.photos = Backgrounds(backgrounds if self.settings.textures else None)

    def see_rgb(
        self, rng: np.random.Generator, scenes: Scenes, vertices: Array, tan_half: Array, size: int,
        seen: Sequence[View] | None = None,
    ) -> Array:  # fmt: skip
        """What colour cameras make of the scenes, in crops that span `tan_half` (B,): (B, S, S, 3) uint8. seen: the
        views of these crops without their planes, where they are known."""
        batch = len(vertices)
        looks = sample_looks(rng, batch, self.settings.textures, self.settings.lights)
        rooms = self.photos.patches(rng, batch, size)
        out = np.empty((batch, size, size, 3), np.uint8)
        for i in range(batch):
            lens = crop_lens(float(tan_half[i]), size)
            stage = crop_stage(self.model, scenes, vertices[i], i)
            room = np.asarray(cv2.LUT(rooms[i], LINEAR))
            light = self.light(stage, looks[i], room, lens, seen=seen[i] if seen else None)
            for outside in beyond(lens, scenes.border[i], (size, size)):
                light[outside] = 0
            out[i] = through_lens(light, looks[i], int(scenes.seed[i]), size / 128)
        return out

    def light(
        self, stage: Stage, look: Array, room: Array, lens: tuple, corners: bool = True, seen: View | None = None
    ) -> Array:
        """Linear light (H, W, 3) that `lens` gets from the stage before its background `room` (H, W, 3), whose pixels
        are seen at their corners, too, where `corners`. seen: the view of it without its plane, where it is known."""
        height, width = room.shape[:2]
        plane, stage = stage.plane, without_plane(stage)  # the background is the plane's like
        seen = seen or view(self.model, stage, lens, (height, width))
        corner_lens = (lens[0], lens[1], lens[2] + 0.5, lens[3] + 0.5)
        beside = view(self.model, stage, corner_lens, (height + 1, width + 1) if corners else (0, 0))
        if not seen.part.any() and not beside.part.any():
            return room.copy()
        normals = np.empty(stage.vertices.shape, np.float32)
        for vertices, own in zip(stage.vertices, normals, strict=True):
            vertex_normals(vertices, self.model.faces, own)
        model, texture = self.model, self.packed[int(look["texture"] * len(self.packed))]
        hands = Hands(
            stage.vertices, normals, model.faces, model.faces_uv, model.skin_faces, len(model.rim), model.back
        )
        marks = self.skin
        ring = marks.rings[max(0, int(look["ring"]))]
        skin = Skin(self.uv, texture, marks.nails, ring, marks.hair, self.slopes, self.strands)
        out: Array = colour(
            seen.part, seen.nearness, seen.face, lens, beside.part, beside.nearness, beside.face, hands, skin, look,
            Solids(stage.kind, stage.centre, stage.turn, stage.half), plane,
            Light(*light_view(model, stage, look["lights"][0, :3])), room, creases(seen.nearness, lens),
        )  # fmt: skip
        return out


def creases(nearness: Array, lens: tuple) -> Array:
    """How much of the light from all round is kept from each pixel (H, W): 0 to 0.8, where the picture's depth is
    greater than round about (Luft, Colditz and Deussen 2006), though not where that is far before it."""
    nearest = float(nearness.max())
    if not nearest > 1 / NOTHING_M:
        return np.zeros(nearness.shape, np.float32)
    depth = np.empty(nearness.shape, np.float32)
    _fill(nearness, 1 / nearest + 0.3, depth)
    total = np.zeros(depth.shape, np.float32)
    for width_m, deep_m in ((0.012, 0.008), (0.045, 0.03)):
        side = max(3, 2 * int(width_m * lens[0] * nearest / 2) + 1)
        _add_deeper(depth, cv2.blur(depth, (side, side)), 1 / deep_m, total)
    return total


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _fill(nearness, far, depth):
    """Metres `depth` (H, W), `far` where there is nothing."""
    for v in range(nearness.shape[0]):
        for u in range(nearness.shape[1]):
            n = nearness[v, u]
            depth[v, u] = np.float32(1.0) / n if n > 1 / NOTHING_M else far


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _add_deeper(depth, around, scale, total):
    """Add to `total` (H, W) 0 to 0.4 where depth is greater than around it, less where that is far before it."""
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            deeper = (depth[v, u] - around[v, u]) * np.float32(scale)
            total[v, u] += np.float32(0.4) * min(
                min(np.float32(1.0), max(np.float32(0.0), deeper)),
                min(np.float32(1.0), max(np.float32(0.0), np.float32(2.5) - np.float32(0.5) * deeper)),
            )


def sample_framing(rng: np.random.Generator, scenes: Scenes, cubes: float = 0.5) -> Array:
    """tan_half (B,) of the crops: a share `cubes` as the depth's cube frames them, the others as a box around the hand
    does, which does not tell how large it is."""
    cube = HALF / scenes.distance
    flat = scenes.joints[..., :2] / scenes.joints[..., 2:]
    box = np.abs(flat).max((1, 2))  # from the crop's centre, so shifted boxes come out larger
    loose = (box * rng.uniform(1.05, 1.5, len(box))).clip(0.5 * cube, 1.25 * cube)
    return np.where(rng.random(len(box)) < cubes, cube, loose)
