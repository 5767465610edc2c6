"""What one camera looks at: hands as a mesh, a plane and solids, and their rendering to true depth and parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.hands.model import Array, HandModel
from training.hands.parts import NOTHING
from training.hands.raster import empty, name_parts, rasterise
from training.hands.scene import Scenes
from training.hands.things import Things, add_things


@dataclass(frozen=True)
class Stage:
    """Everything metres in the camera's frame. vertices: (K, V, 3) of K hands. sleeves: (K,) ring of the forearm where
    cloth begins. first: the first of a hand's faces that is there: 0, `skin_faces` for a forearm alone, or all. plane,
    kind, centre, turn, half: one scene of `Things`."""

    vertices: Array
    sleeves: Array
    first: int
    plane: Array
    kind: Array
    centre: Array
    turn: Array
    half: Array


@dataclass(frozen=True)
class View:
    """depth: (H, W) metres, inf where nothing is. part: (H, W) uint8, as named in `parts.py`. face: (H, W) int32, -1
    for none; face f of hand k is f + k F for a model of F faces. bary: (H, W, 2) the first two weights there."""

    depth: Array
    part: Array
    face: Array
    bary: Array


def crop_stage(model: HandModel, scenes: Scenes, vertices: Array, i: int) -> Stage:
    """Scene `i` with its hand's `vertices` (V, 3), in the crop frame."""
    first = 0 if scenes.present[i] else (model.skin_faces if scenes.arm_only[i] else len(model.faces))
    return Stage(vertices[None], scenes.arm.sleeve[i : i + 1], first, *one_of(scenes.things, i))


def one_of(things: Things, i: int) -> tuple[Array, ...]:
    """plane, kind, centre, turn and half of scene `i`."""
    return things.planes[i], things.kind[i], things.centre[i], things.turn[i], things.half[i]


def without_plane(stage: Stage) -> Stage:
    return replace(stage, plane=np.array([0.0, 0.0, 1.0, np.inf]))


def seen_from(stage: Stage, turn: Array, place: Array) -> Stage:
    """The stage, but for its plane, in the frame of a camera at `place` (3,) with axes `turn` (3, 3, rows)."""
    return replace(
        without_plane(stage), vertices=(stage.vertices - place) @ turn.T,
        centre=(stage.centre - place) @ turn.T, turn=stage.turn @ turn.T,
    )  # fmt: skip


def view(model: HandModel, stage: Stage, lens: tuple, shape: tuple[int, int]) -> View:
    """The stage through `lens` (fx, fy, cx, cy) in a picture of `shape` (H, W)."""
    faces = model.faces[stage.first :]
    depth, face, bary = empty(shape)
    for k, vertices in enumerate(stage.vertices):
        rasterise(vertices, faces, lens, depth, face, bary, stage.first + k * len(model.faces))
    part = np.full(shape, NOTHING, dtype=np.uint8)
    cloth = model.skin_faces + 2 * len(model.rim) * stage.sleeves.astype(np.int64)
    name_parts(face, model.faces, model.weight_bones, model.skin_faces, cloth, part)
    add_things(depth, part, lens, stage.plane, stage.kind, stage.centre, stage.turn, stage.half)
    return View(depth, part, face, bary)
