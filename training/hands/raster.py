"""Numba kernels: skinning and the z-buffer. Plain loops over arrays, one hand at a time, no ROS and no torch."""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.model import Array

#: A pixel on the edge of two faces belongs to both: without it, rounding could leave it to neither.
ROUNDING = 1e-9


def crop_lens(tan_half: float, size: int) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of a crop of `size` pixels: pixel i lies at (2 i + 1) / size - 1 in units of tan_half."""
    return size / 2 / tan_half, size / 2 / tan_half, size / 2 - 0.5, size / 2 - 0.5


def render(vertices: Array, faces: Array, lens: tuple, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Depth (H, W) float32, inf where there is nothing; the face seen, -1 for none; its weights (H, W, 2) there."""
    nearness, face_id = empty(shape)
    rasterise(vertices, faces, lens, nearness, face_id)
    bary = np.zeros((*shape, 2), dtype=np.float32)
    weigh(vertices, faces, lens, face_id, bary)
    with np.errstate(divide="ignore"):
        return 1 / nearness, face_id, bary


def empty(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Nearness and face of a picture of `shape` (H, W) with nothing in it, to rasterise into."""
    return np.zeros(shape, dtype=np.float32), np.full(shape, -1, dtype=np.int32)


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
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


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def rasterise(points, faces, lens, nearness, face_id, first=0, outside=0):
    """Z-buffer of a mesh in camera coordinates (z forward) into a picture; near surfaces win.

    points (V, 3) metres. lens: fx, fy, cx, cy in pixels, whole numbers at the pixels' centres. nearness (H, W) holds
    1 / z on entry (0 where empty), which is linear over a face's pixels, and is raised where the mesh is nearer;
    face_id (H, W) int32, numbered from `first`, follows it. outside: 1 for a closed mesh whose faces wind as
    `vertex_normals` has it, -1 for its mirror image: faces that turn away are not drawn, unless part of the mesh is
    too near to be drawn; 0 for faces drawn from both sides.
    """
    height, width = nearness.shape
    fx, fy, cx, cy = lens
    # each point once, not with each of the six faces around it
    count = points.shape[0]
    x, y, near = np.empty(count), np.empty(count), np.empty(count)
    for i in range(count):
        z = points[i, 2]
        near[i] = 1.0 / z if z >= 0.05 else -1.0
        x[i] = points[i, 0] * near[i] * fx + cx
        y[i] = points[i, 1] * near[i] * fy + cy
        if z < 0.05:
            outside = 0  # one may look in
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, qx, qy = x[a], y[a], x[b], y[b], x[c], y[c]
        left = max(0, int(np.ceil(min(ax, bx, qx))))
        right = min(width - 1, int(np.floor(max(ax, bx, qx))))
        if left > right:
            continue
        top = max(0, int(np.ceil(min(ay, by, qy))))
        bottom = min(height - 1, int(np.floor(max(ay, by, qy))))
        if top > bottom:
            continue
        na, nb, nc = near[a], near[b], near[c]
        if na < 0.0 or nb < 0.0 or nc < 0.0:
            continue
        area = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
        if abs(area) < 1e-12 or area * outside > 0.0:
            continue
        inverse = 1.0 / area
        # the first two weights and the nearness change by so much with each pixel to the right
        step_a, step_b = (by - qy) * inverse, (qy - ay) * inverse
        step = step_a * (na - nc) + step_b * (nb - nc)
        for v in range(top, bottom + 1):
            wa = ((bx - left) * (qy - v) - (by - v) * (qx - left)) * inverse
            wb = ((qx - left) * (ay - v) - (qy - v) * (ax - left)) * inverse
            n = nc + wa * (na - nc) + wb * (nb - nc)
            for u in range(left, right + 1):
                if wa >= -ROUNDING and wb >= -ROUNDING and wa + wb <= 1.0 + ROUNDING and n > nearness[v, u]:
                    nearness[v, u] = n
                    face_id[v, u] = first + f
                wa += step_a
                wb += step_b
                n += step


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def weigh(points, faces, lens, face_id, bary):
    """The first two perspective-correct weights `bary` (H, W, 2) of the faces that pixels see; others stay."""
    for v in range(face_id.shape[0]):
        for u in range(face_id.shape[1]):
            f = face_id[v, u]
            if f >= 0:
                x, y = (u - lens[2]) / lens[0], (v - lens[3]) / lens[1]
                bary[v, u, 0], bary[v, u, 1] = face_weights(points, faces[f, 0], faces[f, 1], faces[f, 2], x, y)


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def face_weights(points, a, b, c, x, y):
    """The first two weights of the corners a, b, c of a face where the ray (x, y, 1) meets it: the volumes that the
    ray spans with the opposite edges."""
    ax, ay, az = np.float64(points[a, 0]), np.float64(points[a, 1]), np.float64(points[a, 2])
    bx, by, bz = np.float64(points[b, 0]), np.float64(points[b, 1]), np.float64(points[b, 2])
    qx, qy, qz = np.float64(points[c, 0]), np.float64(points[c, 1]), np.float64(points[c, 2])
    wa = x * (by * qz - bz * qy) + y * (bz * qx - bx * qz) + (bx * qy - by * qx)
    wb = x * (qy * az - qz * ay) + y * (qz * ax - qx * az) + (qx * ay - qy * ax)
    wc = x * (ay * bz - az * by) + y * (az * bx - ax * bz) + (ax * by - ay * bx)
    inverse = 1.0 / (wa + wb + wc)
    return wa * inverse, wb * inverse


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
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
