"""Numba kernels: skinning and the z-buffer. Plain loops over arrays, one hand at a time, no ROS and no torch."""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.model import Array
from training.hands.parts import FOREARM, SLEEVE

#: A pixel on the edge of two faces belongs to both: without it, rounding could leave it to neither.
ROUNDING = 1e-9


def crop_lens(tan_half: float, size: int) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of a crop of `size` pixels: pixel i lies at (2 i + 1) / size - 1 in units of tan_half."""
    return size / 2 / tan_half, size / 2 / tan_half, size / 2 - 0.5, size / 2 - 0.5


def render(vertices: Array, faces: Array, lens: tuple, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Depth (H, W) float32, inf where there is nothing; the face seen, -1 for none; its weights (H, W, 2) there."""
    depth, face_id, bary = empty(shape)
    rasterise(vertices, faces, lens, depth, face_id, bary)
    return depth, face_id, bary


def empty(shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Depth, face and weights of a picture of `shape` (H, W) with nothing in it, to rasterise into."""
    depth = np.full(shape, np.inf, dtype=np.float32)
    return depth, np.full(shape, -1, dtype=np.int32), np.empty((*shape, 2), dtype=np.float32)


@njit(cache=True, fastmath=True, nogil=True)
def skin(vertices, heads, maps, positions, weight_bones, weight_values, out):
    """Linear blend skinning of (V, 3) rest vertices into `out` (V, 3)."""
    for i in range(vertices.shape[0]):
        x = y = z = 0.0
        for k in range(weight_bones.shape[1]):
            w = weight_values[i, k]
            if w < 1e-4:
                continue
            b = weight_bones[i, k]
            dx = vertices[i, 0] - heads[b, 0]
            dy = vertices[i, 1] - heads[b, 1]
            dz = vertices[i, 2] - heads[b, 2]
            m = maps[b]
            x += w * (m[0, 0] * dx + m[0, 1] * dy + m[0, 2] * dz + positions[b, 0])
            y += w * (m[1, 0] * dx + m[1, 1] * dy + m[1, 2] * dz + positions[b, 1])
            z += w * (m[2, 0] * dx + m[2, 1] * dy + m[2, 2] * dz + positions[b, 2])
        out[i, 0] = x
        out[i, 1] = y
        out[i, 2] = z


@njit(cache=True, fastmath=True, nogil=True)
def rasterise(points, faces, lens, depth, face_id, bary, first=0):
    """Z-buffer of a mesh in camera coordinates (z forward) into a picture; near surfaces win, both sides drawn.

    points (V, 3) metres. lens: fx, fy, cx, cy in pixels, whole numbers at the pixels' centres. depth (H, W) holds z on
    entry (inf where empty) and is lowered where the mesh is nearer; face_id (H, W) int32, numbered from `first`, and
    bary (H, W, 2), the first two barycentric weights (perspective-correct), follow it.
    """
    height, width = depth.shape
    fx, fy, cx, cy = lens
    # each point once, not with each of the six faces around it
    count = points.shape[0]
    x, y, nearness = np.empty(count), np.empty(count), np.empty(count)
    for i in range(count):
        z = points[i, 2]
        nearness[i] = 1.0 / z if z >= 0.05 else -1.0
        x[i] = points[i, 0] * nearness[i] * fx + cx
        y[i] = points[i, 1] * nearness[i] * fy + cy
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        na, nb, nc = nearness[a], nearness[b], nearness[c]
        if na < 0.0 or nb < 0.0 or nc < 0.0:
            continue
        ax, ay, bx, by, qx, qy = x[a], y[a], x[b], y[b], x[c], y[c]
        left = max(0, int(np.ceil(min(ax, bx, qx))))
        right = min(width - 1, int(np.floor(max(ax, bx, qx))))
        top = max(0, int(np.ceil(min(ay, by, qy))))
        bottom = min(height - 1, int(np.floor(max(ay, by, qy))))
        if left > right or top > bottom:
            continue
        area = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
        if abs(area) < 1e-12:
            continue
        inverse = 1.0 / area
        for v in range(top, bottom + 1):
            for u in range(left, right + 1):
                wa = ((bx - u) * (qy - v) - (by - v) * (qx - u)) * inverse
                wb = ((qx - u) * (ay - v) - (qy - v) * (ax - u)) * inverse
                wc = 1.0 - wa - wb
                if wa < -ROUNDING or wb < -ROUNDING or wc < -ROUNDING:
                    continue
                pa, pb, pc = wa * na, wb * nb, wc * nc
                z = 1.0 / (pa + pb + pc)
                if z < depth[v, u]:
                    depth[v, u] = z
                    face_id[v, u] = first + f
                    bary[v, u, 0] = pa * z
                    bary[v, u, 1] = pb * z


@njit(cache=True, nogil=True)
def name_parts(face_id, faces, weight_bones, skin_faces, cloth, part):
    """Name in `part` (H, W) uint8 what the faces seen are (parts.py): faces from `skin_faces` on are the forearm's,
    those of hand k from cloth[k] on a sleeve."""
    count = faces.shape[0]
    for v in range(face_id.shape[0]):
        for u in range(face_id.shape[1]):
            if face_id[v, u] >= 0:
                f, k = face_id[v, u] % count, face_id[v, u] // count
                if f < skin_faces:
                    part[v, u] = weight_bones[faces[f, 0], 0] + 1
                else:
                    part[v, u] = FOREARM if f < cloth[k] else SLEEVE


@njit(cache=True, fastmath=True, nogil=True)
def vertex_normals(points, faces, out):
    """Area-weighted unit normals (V, 3), pointing as the faces wind."""
    out[:] = 0.0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(out.shape[0]):
        n = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-20
        out[i, 0] /= n
        out[i, 1] /= n
        out[i, 2] /= n
