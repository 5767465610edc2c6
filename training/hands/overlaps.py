"""How far a posed hand's skin passes through itself, measured on the mesh: what contacts of capsules left over."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from training.hands.model import BONE_COUNT, Array, HandModel, HandShape, pose_bones
from training.hands.raster import skin, vertex_normals

#: A point counts as inside where it lies in the mesh once more than just above the skin, this far (m) above it.
ABOVE = 0.001
#: No finger is thicker (m): skin farther away is not what it is in.
DEEPEST = 0.015
#: Parts of the hand: 0 the palm with the ball of the thumb, 1 to 5 the thumb and the fingers.
PART = np.array([0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5])
#: The bones whose skin is looked at: the palm's and the fingers' roots always touch their neighbours.
OUTER = np.array([2, 3, 5, 6, 8, 9, 11, 12, 14, 15])


def skin_overlaps(model: HandModel, shape: HandShape, turns: Array) -> Array:
    """How deep (B, 6, 6) in metres skin of part a, of its outer bones alone, lies in part b; 0 where it does not.

    Inside is where the generalised winding number (Jacobson et al. 2013) says so and the other part's nearest skin
    faces away; how deep, the distance to that skin's plane.
    """
    count = len(model.mean) - 21
    faces = np.ascontiguousarray(model.faces[: model.skin_faces])
    weights = np.zeros((count, BONE_COUNT))
    np.put_along_axis(weights, model.weight_bones[:count].astype(np.int64), model.weight_values[:count], axis=1)
    bone = weights.argmax(1)
    looked_at = np.flatnonzero(np.isin(bone, OUTER))
    maps, positions = pose_bones(shape, turns)
    deepest = np.zeros((len(turns), 6, 6))
    points, normals = np.empty((2, count, 3), np.float32)
    for i in range(len(turns)):
        skin(
            shape.vertices[i], shape.heads[i], maps[i], positions[i],
            model.weight_bones[:count], model.weight_values[:count], points,
        )  # fmt: skip
        vertex_normals(points, faces, normals)
        for a in range(1, 6):
            for b in range(6):
                if a == b:
                    continue
                # the thumb's middle bone always touches its ball
                own = looked_at[(PART[bone[looked_at]] == a) & ((b > 0) | (bone[looked_at] != 2))]
                other = np.flatnonzero(PART[bone] == b)
                # below the nearest skin, and the mesh surrounds it more than once: not only beyond the skin's edge
                _, nearest = cKDTree(points[other]).query(points[own], distance_upper_bound=DEEPEST)
                near = np.flatnonzero(nearest < len(other))
                facing = other[nearest[near]]
                depth = -((points[own[near]] - points[facing]) * normals[facing]).sum(1)
                near, depth = near[depth > 0], depth[depth > 0]
                above = points[own[near]] + np.float32(ABOVE) * normals[own[near]]
                inside = np.abs(winding_numbers(above, points, faces)) > 0.5
                deepest[i, a, b] = depth[inside].max(initial=0.0)
    return deepest


@njit(cache=True, fastmath=True)
def winding_numbers(queries, points, faces):
    """How often (Q,) the mesh surrounds each of `queries` (Q, 3): the faces' solid angles (van Oosterom, Strackee)."""
    out = np.zeros(len(queries))
    for q in range(len(queries)):
        x, y, z = queries[q, 0], queries[q, 1], queries[q, 2]
        total = 0.0
        for f in range(len(faces)):
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            ax, ay, az = points[a, 0] - x, points[a, 1] - y, points[a, 2] - z
            bx, by, bz = points[b, 0] - x, points[b, 1] - y, points[b, 2] - z
            cx, cy, cz = points[c, 0] - x, points[c, 1] - y, points[c, 2] - z
            la = np.sqrt(ax * ax + ay * ay + az * az)
            lb = np.sqrt(bx * bx + by * by + bz * bz)
            lc = np.sqrt(cx * cx + cy * cy + cz * cz)
            volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
            ab, bc, ca = ax * bx + ay * by + az * bz, bx * cx + by * cy + bz * cz, cx * ax + cy * ay + cz * az
            total += np.arctan2(volume, la * lb * lc + ab * lc + bc * la + ca * lb)
        out[q] = total / (2 * np.pi)
    return out
