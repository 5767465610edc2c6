"""A skinned mesh of somebody else's making, brought to our bones, our units and our 21 joints.

The hand frame is the one of `training.hands.build_model`: metres, origin at the wrist, +y to the middle knuckle, +z out
of the back of the hand, +x to the little finger. Rigs are right hands; left ones are their mirror images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.skeleton import JOINT_NAMES
from training.hands.joints import JOINT_BONE, PALM, fit_mano_offsets, rest_joints

Array = NDArray[Any]

#: Wrist, then three bones a finger from the thumb on, then the forearm, which turns about the wrist.
BONE_COUNT = 17
FOREARM = 16
PARENT = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14, 0)
#: Wrist to middle PIP joint of an adult hand, metres (mean of women and men).
ADULT_M = 0.130


@dataclass(frozen=True)
class Rig:
    """A right hand at rest, of adult size, in the hand frame.

    vertices: (V, 3). faces: (F, 3), wound counter-clockwise seen from outside. uv: (V, 2) in pixels of `texture`
    (h, w, 3), sRGB 0..1. weights: (V, 17), rows sum to 1. heads: (17, 3) where bones begin. tips: (5, 3) where the
    fingers end, at the skin. offsets: (21, 3) from the bones' ends to our joints. flex_axes: (16, 3) unit axes about
    which bones flex, towards the palm. rest_flexion: (16,) radians, how far they are flexed at rest.
    """

    vertices: Array
    faces: Array
    uv: Array
    texture: Array
    weights: Array
    heads: Array
    tips: Array
    offsets: Array
    flex_axes: Array
    rest_flexion: Array


def build_rig(
    vertices: Array, faces: Array, uv: Array, texture: Array, weights: Array, heads: Array, axes: Array, pointing: Array
) -> Rig:
    """A rig from a mesh in any frame and unit: heads (16, 3), flexion axes (16, 3) and the directions (5, 3) in which
    the fingers' last bones point are in the mesh's frame. weights (V, 17) need not sum to 1.

    The palm's joints lie where MANO has them, by the same fit as the training hand's (`fit_mano_offsets`); the wrist is
    put in the middle of the arm there, as it is in the training hand. The others are the bones' heads, and the tips
    are at the skin.
    """
    wrist, index, middle, little = heads[[0, 4, 7, 13]]
    y = _unit(middle - wrist)
    x = _unit(np.cross(y, -np.cross(index - wrist, little - wrist)))
    frame = np.stack([x, y, np.cross(x, y)])
    scale = ADULT_M / np.linalg.norm(heads[8] - wrist)
    vertices, heads = ((p - wrist) @ frame.T * scale for p in (vertices, heads))
    axes, pointing = (_unit(directions @ frame.T) for directions in (axes, pointing))
    tips = np.stack([_skin_ahead(vertices, faces, heads[3 + 3 * f], direction) for f, direction in enumerate(pointing)])
    offsets = fit_mano_offsets(heads, tips)
    section = vertices[np.abs(vertices[:, 1] - offsets[0, 1]) < 0.008]
    offsets[0, [0, 2]] = (section.min(0) + section.max(0))[[0, 2]] / 2
    return Rig(
        vertices=vertices,
        faces=faces,
        uv=uv,
        texture=texture,
        weights=weights / weights.sum(1, keepdims=True),
        heads=np.concatenate([heads, heads[:1]]),
        tips=tips,
        offsets=offsets,
        flex_axes=axes,
        rest_flexion=_rest_flexion(heads, tips, axes),
    )


def pose(rig: Rig, turns: Array) -> tuple[Array, Array]:
    """Vertices (V, 3) and our joints (21, 3) in the hand frame, for local rotations `turns` (17, 3, 3) of the bones."""
    rotations, positions = np.empty((BONE_COUNT, 3, 3)), np.zeros((BONE_COUNT, 3))
    for bone, parent in enumerate(PARENT):
        rotations[bone] = turns[bone] if parent < 0 else rotations[parent] @ turns[bone]
        if parent >= 0:
            positions[bone] = positions[parent] + rotations[parent] @ (rig.heads[bone] - rig.heads[parent])
    shifts = positions - np.einsum("bij,bj->bi", rotations, rig.heads)
    blended = rig.weights @ np.concatenate([rotations.reshape(-1, 9), shifts], axis=1)
    vertices = np.einsum("vij,vj->vi", blended[:, :9].reshape(-1, 3, 3), rig.vertices) + blended[:, 9:]
    bones = JOINT_BONE.copy()
    bones[PALM] = 0
    rest = rest_joints(rig.heads[:16], rig.tips) + rig.offsets
    return vertices, np.einsum("jab,jb->ja", rotations[bones], rest) + shifts[bones]


def describe_definition(rig: Rig) -> str:
    """How far our joints lie from the rig's bones, for a terminal."""
    moved = ", ".join(f"{JOINT_NAMES[j]} {1000 * np.linalg.norm(rig.offsets[j]):.1f}" for j in PALM)
    return f"from its bone to our joint, mm, in a hand of {1000 * ADULT_M:.0f} mm from wrist to middle PIP: {moved}"


def _skin_ahead(vertices: Array, faces: Array, origin: Array, direction: Array, reach: float = 0.045) -> Array:
    """Where the ray from `origin` last leaves the mesh within `reach` metres (Möller and Trumbore, 1997)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    edge1, edge2 = b - a, c - a
    across = np.cross(direction, edge2)
    determinant = np.einsum("fi,fi->f", edge1, across)
    with np.errstate(divide="ignore", invalid="ignore"):  # the ray may run along a face
        start = origin - a
        u = np.einsum("fi,fi->f", start, across) / determinant
        turned = np.cross(start, edge1)
        v = turned @ direction / determinant
        t = np.einsum("fi,fi->f", edge2, turned) / determinant
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < reach)
    if not hit.any():
        raise ValueError("a finger's last bone does not point out of the mesh: the rig's bones are mapped wrongly")
    return origin + t[hit].max() * direction


def _rest_flexion(heads: Array, tips: Array, axes: Array) -> Array:
    """Flexion (16,) against the bone before; at the four fingers' knuckles against the palm's plane; thumb's base 0."""
    flexion = np.zeros(16)
    for finger in range(5):
        bones = [1 + 3 * finger + k for k in range(3)]
        directions = _unit(np.diff(np.concatenate([heads[bones], tips[finger : finger + 1]]), axis=0))
        for k in (1, 2):
            before, after = directions[k - 1], directions[k]
            flexion[bones[k]] = np.arctan2(axes[bones[k]] @ np.cross(before, after), before @ after)
        if finger > 0:
            flexion[bones[0]] = np.arcsin(-directions[0][2])
    return flexion


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
