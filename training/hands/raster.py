"""Numba kernels: skinning and the z-buffer. Plain loops over arrays, one hand at a time, no ROS and no torch."""

from __future__ import annotations

import numpy as np
from numba import njit

#: A pixel on the edge of two faces belongs to both: without it, rounding could leave it to neither.
ROUNDING = 1e-9


@njit(cache=True, fastmath=True)
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


@njit(cache=True, fastmath=True)
def rasterise(points, faces, tan_half, depth, face_id, bary):
    """Z-buffer of a mesh in camera coordinates (z forward) into an S x S crop; near surfaces win, both sides drawn.

    points (V, 3) metres. depth (S, S) holds z on entry (inf where empty) and is lowered where the mesh is nearer;
    face_id (S, S) int32 and bary (S, S, 2), the first two barycentric weights (perspective-correct), follow it.
    Pixel i has its centre at (2 i + 1) / S - 1 in units of tan_half.
    """
    size = depth.shape[0]
    half = 0.5 * size
    scale = half / tan_half
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
        if za < 0.05 or zb < 0.05 or zc < 0.05:
            continue
        ax = points[a, 0] / za * scale + half - 0.5
        ay = points[a, 1] / za * scale + half - 0.5
        bx = points[b, 0] / zb * scale + half - 0.5
        by = points[b, 1] / zb * scale + half - 0.5
        cx = points[c, 0] / zc * scale + half - 0.5
        cy = points[c, 1] / zc * scale + half - 0.5
        left = max(0, int(np.ceil(min(ax, bx, cx))))
        right = min(size - 1, int(np.floor(max(ax, bx, cx))))
        top = max(0, int(np.ceil(min(ay, by, cy))))
        bottom = min(size - 1, int(np.floor(max(ay, by, cy))))
        if left > right or top > bottom:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        inverse = 1.0 / area
        for v in range(top, bottom + 1):
            for u in range(left, right + 1):
                wa = ((bx - u) * (cy - v) - (by - v) * (cx - u)) * inverse
                wb = ((cx - u) * (ay - v) - (cy - v) * (ax - u)) * inverse
                wc = 1.0 - wa - wb
                if wa < -ROUNDING or wb < -ROUNDING or wc < -ROUNDING:
                    continue
                pa, pb, pc = wa / za, wb / zb, wc / zc
                z = 1.0 / (pa + pb + pc)
                if z < depth[v, u]:
                    depth[v, u] = z
                    face_id[v, u] = f
                    bary[v, u, 0] = pa * z
                    bary[v, u, 1] = pb * z


@njit(cache=True, fastmath=True)
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
