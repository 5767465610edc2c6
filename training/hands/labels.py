"""Everything that is known about a synthetic picture of a hand, in the crop frame of docs/architecture.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hand_pose_ros.skeleton import JOINT_COUNT, PARENTS
from training.hands.joints import JOINT_BONE
from training.hands.model import BONE_PARENT, Array, HandModel
from training.hands.parts import FOREARM, NOTHING
from training.hands.pictures import Studio
from training.hands.raster import crop_lens, vertex_normals
from training.hands.rooms import box_of
from training.hands.samples import generators, see_crop, see_depth
from training.hands.scene import HALF, Scenes, SceneSettings, sample_scenes, surfaces
from training.hands.stage import View, crop_stage, view, without_plane

#: Skin this far before a joint does not hide it if it is the skin around that joint.
AROUND_M = 0.035
#: A surface point is seen if nothing lies so much before it.
BEFORE_M = 0.002


@dataclass(frozen=True)
class Labels:
    """Labels of `B` crops of `S` pixels; left hands are left ones here, pictures and all. Where present is False there
    is no hand, and what is said of it means nothing.

    lens: (B, 4) fx, fy, cx, cy. distance: (B,) metres to the cube's centre. joints: (B, 21, 3) metres, crop frame.
    joints_2d: (B, 21, 2) crop coordinates. visible: (B, 21) what is seen at a joint's pixel is the skin around it.
    right, present: (B,). angles: (B, 21) degrees, as turns.py orders them. bones: (B, 20) metres from each joint but
    the wrist to its parent. wrist_turn: (B, 3, 3), wrist_shift: (B, 3), the pose of the hand frame (of a left hand the
    mirrored one). depth: (B, S, S) metres before the camera's faults, inf for nothing. part: (B, S, S) uint8, as named
    in `parts.py`. box: (B, 4) x, y, width, height in pixels around what is seen from wrist to tips, NaN for nothing.
    surface, normals: (B, N, 3) points spread evenly over the skin, and unit normals out of it. seen: (B, N) which of
    them the camera sees. The six from phenotypes on are what the hand was made from, as `ShapeParameters` has them.
    """

    lens: Array
    distance: Array
    joints: Array
    joints_2d: Array
    visible: Array
    right: Array
    present: Array
    angles: Array
    bones: Array
    wrist_turn: Array
    wrist_shift: Array
    depth: Array
    part: Array
    box: Array
    surface: Array
    normals: Array
    seen: Array
    phenotypes: Array
    shape_coefficients: Array
    hand_length: Array
    palm_scale: Array
    finger_thickness: Array
    bone_scale: Array


@dataclass(frozen=True)
class CompleteBatch:
    """rgb: (B, S, S, 3) uint8. depth: (B, S, S) in cube units, as in `samples.DepthBatch`. Both show what `labels`
    say, framed by the cube."""

    rgb: Array
    depth: Array
    labels: Labels


def complete_batches(
    seed: int,
    batch: int,
    size: int,
    skins: Path | None,
    backgrounds: Path | None,
    points: int = 256,
    settings: SceneSettings | None = None,
) -> Iterator[CompleteBatch]:
    """Endless RGB-D crops with every label."""
    studio = Studio(skins, backgrounds, settings)
    for rng in generators(seed):
        yield complete_batch(studio, rng, batch, size, points)


def complete_batch(studio: Studio, rng: np.random.Generator, batch: int, size: int, points: int = 256) -> CompleteBatch:
    """One batch of RGB-D crops with every label, of scenes as the studio's settings have them."""
    scenes = sample_scenes(studio.model, rng, batch, studio.settings)
    vertices = surfaces(studio.model, scenes)
    model, tan_half = studio.model, HALF / scenes.distance
    seen = []
    for i in range(batch):
        stage = without_plane(crop_stage(model, scenes, vertices[i], i))
        seen.append(view(model, stage, crop_lens(float(tan_half[i]), size), (size, size)))
    rgb = studio.see_rgb(rng, scenes, vertices, tan_half, size, seen)
    seen = [see_crop(model, scenes, vertices[i], i, size, seen[i]) for i in range(batch)]
    depth = np.stack([see_depth(model, scenes, vertices[i], i, size, seen[i]) for i in range(batch)])
    labels = label(model, rng, scenes, vertices, size, points, seen)
    left = np.flatnonzero(~scenes.right)
    rgb[left], depth[left] = rgb[left, :, ::-1], depth[left, :, ::-1]
    return CompleteBatch(rgb, depth, labels)


def label(
    model: HandModel, rng: np.random.Generator, scenes: Scenes, vertices: Array, size: int, points: int = 256,
    seen: Sequence[View] | None = None,
) -> Labels:  # fmt: skip
    """Labels of the scenes' cube crops with `size` pixels. vertices: (B, V, 3), as `surfaces` gives them. seen: the
    crops as `see_crop` gives them, where they are known."""
    tan_half = HALF / scenes.distance
    lenses = [crop_lens(float(tan), size) for tan in tan_half]
    seen = seen or [see_crop(model, scenes, own, i, size) for i, own in enumerate(vertices)]
    depth, part = (np.stack([getattr(shown, name) for shown in seen]) for name in ("depth", "part"))
    surface, normals = spread_points(model, rng, vertices, points)
    lens_array = np.array(lenses)
    joints = scenes.joints
    labels = Labels(
        lens_array, scenes.distance, joints, joints[..., :2] / joints[..., 2:] / tan_half[:, None, None],
        visible_joints(joints, lens_array, depth, part), scenes.right, scenes.present, scenes.angles,
        np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1), scenes.turn, scenes.shift, depth, part,
        np.stack([box_of((p != NOTHING) & (p < FOREARM)) for p in part]),
        surface, normals, seen_points(surface, normals, lens_array, depth), **vars(scenes.parameters),
    )  # fmt: skip
    return mirror(labels, ~scenes.right)


def visible_joints(joints: Array, lens: Array, depth: Array, part: Array) -> Array:
    """(B, 21) whether what is seen at a joint's pixel is skin of the bones that meet there, and not far before it."""
    batch, size = depth.shape[:2]
    uv = joints[..., :2] / joints[..., 2:] * lens[:, None, :2] + lens[:, None, 2:]
    u, v = np.moveaxis(np.rint(uv).astype(int), -1, 0)
    inside = (u >= 0) & (v >= 0) & (u < size) & (v < size)
    place = np.arange(batch)[:, None], v.clip(0, size - 1), u.clip(0, size - 1)
    bone = JOINT_BONE
    parent = np.maximum(np.array(BONE_PARENT)[bone], 0)  # the first bone has none: 0 would be what is no hand at all
    around = (part[place] == bone + 1) | (part[place] == parent + 1)
    around[:, 0] |= part[place][:, 0] == FOREARM
    return inside & around & (joints[..., 2] - depth[place] < AROUND_M)


def spread_points(model: HandModel, rng: np.random.Generator, vertices: Array, points: int) -> tuple[Array, Array]:
    """Points (B, N, 3) spread evenly over the skin of the mean hand, the same ones of every hand, and their normals."""
    count = len(model.mean) - 21
    faces = model.faces[: model.skin_faces]
    corners = model.mean[:count][faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = np.cumsum(area) / area.sum()
    pick = faces[np.searchsorted(share, (np.arange(points) + rng.random(points)) / points).clip(0, len(faces) - 1)]
    root, along = np.sqrt(rng.random(points)), rng.random(points)
    weights = np.stack([1 - root, root * (1 - along), root * along], axis=1).astype(np.float32)
    normals = np.empty(vertices.shape, np.float32)
    for own, out in zip(vertices, normals, strict=True):
        vertex_normals(own, model.faces, out)
    surface, outward = (np.einsum("bnkc,nk->bnc", a[:, pick], weights) for a in (vertices, normals))
    return surface, outward / np.linalg.norm(outward, axis=-1, keepdims=True)


def seen_points(surface: Array, normals: Array, lens: Array, depth: Array) -> Array:
    """(B, N) which points the camera sees: they face it, and none of the four pixels around them is before them."""
    batch, size = depth.shape[:2]
    uv = surface[..., :2] / surface[..., 2:] * lens[:, None, :2] + lens[:, None, 2:]
    u, v = np.moveaxis(np.floor(uv).astype(int), -1, 0)
    inside = (u >= 0) & (v >= 0) & (u < size - 1) & (v < size - 1)
    u, v = u.clip(0, size - 2), v.clip(0, size - 2)
    row = np.arange(batch)[:, None]
    nearest = np.stack([depth[row, v + i, u + j] for i in (0, 1) for j in (0, 1)]).min(0)
    facing = (surface * normals).sum(-1) < 0
    return inside & facing & (surface[..., 2] - nearest < BEFORE_M + steepness(surface, normals) / lens[:, :1])


def steepness(surface: Array, normals: Array) -> Array:
    """How many metres depth changes (B, N) from one pixel to the next, times the focal length, at points (B, N, 3)."""
    towards = np.abs((surface * normals).sum(-1)) / surface[..., 2]
    return surface[..., 2] * np.abs(normals[..., :2]).sum(-1) / np.maximum(towards, 0.1)


def mirror(labels: Labels, which: Array) -> Labels:
    """The labels with the pictures `which` (B,) seen in a mirror."""
    across = np.where(which[:, None], [-1.0, 1.0, 1.0], 1.0)
    size = labels.depth.shape[-1]
    box, depth, part = labels.box.copy(), labels.depth.copy(), labels.part.copy()
    depth[which], part[which] = labels.depth[which, :, ::-1], labels.part[which, :, ::-1]
    box[which, 0] = size - box[which, 0] - box[which, 2]
    return replace(
        labels,
        joints=labels.joints * across[:, None],
        joints_2d=labels.joints_2d * across[:, None, :2],
        wrist_turn=across[:, :, None] * labels.wrist_turn * across[:, None, :],
        wrist_shift=labels.wrist_shift * across,
        depth=depth,
        part=part,
        box=box,
        surface=labels.surface * across[:, None],
        normals=labels.normals * across[:, None],
    )


def heat_maps(joints_2d: Array, size: int, sigma_px: float = 1.5) -> Array:
    """Heat maps (B, 21, size, size) float32 of joints_2d (B, 21, 2) in crop coordinates: 1 where the joint is, falling
    as a Gaussian of `sigma_px` pixels."""
    if joints_2d.shape[-2:] != (JOINT_COUNT, 2):
        raise ValueError(f"joints_2d is {joints_2d.shape}, not (B, {JOINT_COUNT}, 2)")
    places = ((joints_2d + 1) * size - 1) / 2
    rows, columns = (np.exp(-(((np.arange(size) - places[..., axis, None]) / sigma_px) ** 2) / 2) for axis in (1, 0))
    return (rows[..., :, None] * columns[..., None, :]).astype(np.float32)
