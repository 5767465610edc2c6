"""What one camera looks at: hands as a mesh, a plane and solids, and their rendering to true depth and parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from training.hands.model import Array, HandModel, sleeve_faces
from training.hands.parts import NOTHING, SLEEVE
from training.hands.raster import empty, rasterise
from training.hands.scene import Scenes
from training.hands.things import Things, add_plane, add_things


@dataclass(frozen=True)
class Stage:
    """Everything metres in the camera's frame. vertices: (K, V, 3) of K hands. sleeves: (K,) ring of the forearm where
    cloth begins. right: (K,) bool, the others are right hands' mirror images. first: the first of a hand's faces that
    is there: 0, `skin_faces` for a forearm alone, or all. plane, kind, centre, turn, half: one scene of `Things`."""

    vertices: Array
    sleeves: Array
    right: Array
    first: int
    plane: Array
    kind: Array
    centre: Array
    turn: Array
    half: Array


@dataclass(frozen=True)
class View:
    """nearness: (H, W) float32, 1 / z in 1 / metres, 0 where nothing is. part: (H, W) uint8, as named in `parts.py`.
    face: (H, W) int32, -1 for none; face f of hand k is f + k F for a model of F faces."""

    nearness: Array
    part: Array
    face: Array

    @property
    def depth(self) -> Array:
        """(H, W) metres, inf where nothing is."""
        with np.errstate(divide="ignore"):
            return 1 / self.nearness


def crop_stage(model: HandModel, scenes: Scenes, vertices: Array, i: int) -> Stage:
    """Scene `i` with its hand's `vertices` (V, 3), in the crop frame."""
    first = 0 if scenes.present[i] else (model.skin_faces if scenes.arm_only[i] else len(model.faces))
    right = np.ones(1, dtype=bool)  # left hands are mirrored once they are pictures
    return Stage(vertices[None], scenes.arm.sleeve[i : i + 1], right, first, *one_of(scenes.things, i))


def one_of(things: Things, i: int) -> tuple[Array, ...]:
    """plane, kind, centre, turn and half of scene `i`."""
    return things.planes[i], things.kind[i], things.centre[i], things.turn[i], things.half[i]


def without_plane(stage: Stage) -> Stage:
    return replace(stage, plane=np.array([0.0, 0.0, 1.0, np.inf]))


def view(model: HandModel, stage: Stage, lens: tuple, shape: tuple[int, int]) -> View:
    """The stage through `lens` (fx, fy, cx, cy) in a picture of `shape` (H, W)."""
    nearness, face = empty(shape)
    part = np.empty(shape, dtype=np.uint8)
    draw_hands(stage.vertices, model.faces, stage.right, stage.first, lens, nearness, face)
    _name_parts(face, model.face_parts, sleeve_faces(model, stage.sleeves), part)
    add_things(nearness, part, lens, stage.kind, stage.centre, stage.turn, stage.half)
    add_plane(nearness, part, lens, stage.plane)
    return View(nearness, part, face)


@njit(cache=True, nogil=True)
def draw_hands(vertices, faces, right, first, lens, nearness, face):
    """Rasterise the hands of a stage."""
    for k in range(vertices.shape[0]):
        outside = 1 if right[k] else -1
        rasterise(vertices[k], faces[first:], lens, nearness, face, first + k * faces.shape[0], outside)


@njit(cache=True, nogil=True)
def _name_parts(face, face_parts, cloth, part):
    """Name in `part` (H, W) uint8 what the faces seen are (parts.py): those of hand k from cloth[k] on a sleeve."""
    count = face_parts.shape[0]
    for v in range(face.shape[0]):
        for u in range(face.shape[1]):
            f, k = face[v, u], 0
            if f < 0:
                part[v, u] = NOTHING
                continue
            while f >= count:
                f -= count
                k += 1
            part[v, u] = SLEEVE if f >= cloth[k] else face_parts[f]
