"""What grows and is worn on the skin, painted into its texture where the mean hand at rest has it: nails, creases at
the joints, redder tips and knuckles, rings. The textures of whole bodies show the hand too coarsely for these."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.hands.model import FINGER_BONES, Array, HandModel
from training.hands.raster import render, vertex_normals

#: Half the length of a nail, of the last bone's, and half its width in metres; the thumb's is wider.
NAIL_LENGTH, NAIL_WIDTH_M, THUMB_NAIL_WIDTH_M = 0.19, 0.0058, 0.0075
CREASE_M, RING_M = 0.0009, 0.0016
#: Natural nails, creases, and the blood under thin skin, times the skin's colour.
NAIL, CREASE, RED = np.array([1.12, 1.02, 1.05]), np.array([0.72, 0.66, 0.66]), np.array([1.07, 0.90, 0.90])


@dataclass(frozen=True)
class SkinMap:
    """Where things are on a texture of (h, w) texels. nails, creases, red: (h, w) 0 to 1. rings: (4, h, w) 0 to 1, a
    ring on the first bone of each finger but the thumb. hair: (h, w) 0 to 1, how much grows there."""

    nails: Array
    creases: Array
    red: Array
    rings: Array
    hair: Array


def map_skin(model: HandModel, uv: Array, shape: tuple[int, int]) -> SkinMap:
    """The mean hand's skin on a texture of `shape` (h, w). uv: (U, 2) in its texels."""
    place, normal, bone = _rest_surface(model, uv, shape)
    heads, tips = model.mean[-21:-5], model.mean[-5:]
    nails, creases, red = (np.zeros(shape, np.float32) for _ in range(3))
    rings = np.zeros((4, *shape), np.float32)
    hair = 0.5 * (bone == 0) * ((normal[..., 2] - 0.2) / 0.4).clip(0, 1)
    for finger, bones in enumerate(FINGER_BONES):
        ends = [*heads[list(bones[1:])], tips[finger]]
        for k, (own, end) in enumerate(zip(bones, ends, strict=True)):
            along = end - heads[own]
            length = np.linalg.norm(along)
            along = along / length
            across = model.flex_axes[own] - (model.flex_axes[own] @ along) * along
            across /= np.linalg.norm(across)
            back = np.cross(along, across)  # bending turns a bone towards the palm, away from here
            relative = place - heads[own]
            s, x = relative @ along, relative @ across
            there = (bone == own) | (bone == own - 1 if k else False)
            dorsal = (normal @ back).clip(-1, 1)
            if k:
                line = np.exp(-((s / CREASE_M) ** 2)) + 0.6 * np.exp(-(((s - 3 * CREASE_M) / CREASE_M) ** 2))
                folds = 0.35 * np.exp(-((s / 0.005) ** 2)) * (0.5 + 0.5 * np.cos(2 * np.pi * s / 0.0026))
                creases = np.maximum(creases, there * np.where(dorsal < -0.1, line, folds * (dorsal > 0.2)))
                red = np.maximum(red, there * (dorsal > 0.2) * np.exp(-((s / 0.006) ** 2)))
            elif finger:
                grown = np.exp(-(((s / length - 0.5) / 0.2) ** 2))
                hair = np.maximum(hair, (bone == own) * (dorsal > 0.3) * grown)
                worn = np.abs(s - 0.45 * length) < RING_M
                rings[finger - 1] = worn & (bone == own)
            if k == 2:
                wide = NAIL_WIDTH_M if finger else THUMB_NAIL_WIDTH_M
                edge = np.hypot((s / length - 0.80) / NAIL_LENGTH, x / wide)
                nails = np.maximum(nails, (bone == own) * (dorsal > 0.25) * ((1.15 - edge) / 0.25).clip(0, 1))
                red = np.maximum(red, (bone == own) * (dorsal < 0) * ((s / length - 0.3) / 0.4).clip(0, 1))
    nails, creases, red, hair = (mask.clip(0, 1).astype(np.float32) for mask in (nails, creases, red, hair))
    return SkinMap(nails, creases, red, rings, hair)


def refine(texture: Array, uv: Array, finer: int) -> tuple[Array, Array]:
    """A texture (h, w, 3) with `finer` times as many texels a side, and uv (U, 2) in them."""
    large = cv2.resize(texture, None, fx=finer, fy=finer, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large), (uv + 0.5) * finer - 0.5


def mark(texture: Array, skin: SkinMap) -> Array:
    """The texture (h, w, 3) with natural nails, creases and redder parts."""
    for mask, colour in ((skin.red, RED), (skin.creases, CREASE), (skin.nails, NAIL)):
        texture = texture * (1 + mask[..., None] * (colour - 1))
    return texture.astype(np.float32)


def _rest_surface(model: HandModel, uv: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Place and normal (h, w, 3) of the mean hand's skin at each texel, and its bone (h, w), -1 where there is none."""
    count = len(model.mean) - 21
    vertices = model.mean[:count].astype(np.float64)
    normals = np.empty_like(vertices)
    faces = model.faces[: model.skin_faces]
    vertex_normals(vertices, faces, normals)
    flat = np.column_stack([uv, np.ones(len(uv))])  # the texture seen from straight above
    depth, face, bary = render(flat, model.faces_uv[: model.skin_faces], (1.0, 1.0, 0.0, 0.0), shape)
    seen = np.isfinite(depth)
    weights = np.where(seen[..., None], np.concatenate([bary, 1 - bary.sum(-1, keepdims=True)], axis=-1), 0)
    corners = faces[face.clip(min=0)]
    place, normal = (np.einsum("hwk,hwkc->hwc", weights, a[corners]) for a in (vertices, normals))
    strongest = np.take_along_axis(corners, weights.argmax(-1)[..., None], axis=-1)[..., 0]
    return place, normal, np.where(seen, model.weight_bones[strongest, 0], -1)
