"""Numba kernel that colours a rasterised hand: texture, sleeve, lights with wrapped diffuse and a soft highlight."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def shade(
    face_id, bary, faces, faces_uv, normals, points, uv, texture, sleeve_face, sleeve_colour,
    lights, ambient, gloss, out,
):  # fmt: skip
    """Colour the pixels of `out` (S, S, 3) 0..255 where `face_id` (S, S) names a face.

    lights: (L, 6) unit direction to the light and colour. uv: (U, 2) pixels of `texture` (h, w, 3) 0..1. Faces from
    `sleeve_face` on are cloth of `sleeve_colour` (3,).
    """
    size = face_id.shape[0]
    height, width = texture.shape[0], texture.shape[1]
    for v in range(size):
        for u in range(size):
            f = face_id[v, u]
            if f < 0:
                continue
            wa, wb = bary[v, u, 0], bary[v, u, 1]
            wc = 1.0 - wa - wb
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
            ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
            nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
            px = wa * points[a, 0] + wb * points[b, 0] + wc * points[c, 0]
            py = wa * points[a, 1] + wb * points[b, 1] + wc * points[c, 1]
            pz = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
            n = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-20)
            p = 1.0 / np.sqrt(px * px + py * py + pz * pz)
            facing = -(nx * px + ny * py + nz * pz) * n * p
            if facing < 0.0:
                n, facing = -n, -facing
            nx, ny, nz = nx * n, ny * n, nz * n
            if f >= sleeve_face:
                r, g, bl, shine = sleeve_colour[0], sleeve_colour[1], sleeve_colour[2], 0.0
            else:
                ta, tb, tc = faces_uv[f, 0], faces_uv[f, 1], faces_uv[f, 2]
                tx = wa * uv[ta, 0] + wb * uv[tb, 0] + wc * uv[tc, 0]
                ty = wa * uv[ta, 1] + wb * uv[tb, 1] + wc * uv[tc, 1]
                x0 = min(width - 2, max(0, int(tx)))
                y0 = min(height - 2, max(0, int(ty)))
                fx, fy = min(1.0, max(0.0, tx - x0)), min(1.0, max(0.0, ty - y0))
                w00, w01, w10, w11 = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
                r = w00 * texture[y0, x0, 0] + w01 * texture[y0, x0 + 1, 0]
                r += w10 * texture[y0 + 1, x0, 0] + w11 * texture[y0 + 1, x0 + 1, 0]
                g = w00 * texture[y0, x0, 1] + w01 * texture[y0, x0 + 1, 1]
                g += w10 * texture[y0 + 1, x0, 1] + w11 * texture[y0 + 1, x0 + 1, 1]
                bl = w00 * texture[y0, x0, 2] + w01 * texture[y0, x0 + 1, 2]
                bl += w10 * texture[y0 + 1, x0, 2] + w11 * texture[y0 + 1, x0 + 1, 2]
                shine = gloss
            # light falls off into creases and rims: facing stands in for ambient occlusion
            er = ambient[0] * (0.55 + 0.45 * facing)
            eg = ambient[1] * (0.55 + 0.45 * facing)
            eb = ambient[2] * (0.55 + 0.45 * facing)
            glow = 0.0
            for k in range(lights.shape[0]):
                lx, ly, lz = lights[k, 0], lights[k, 1], lights[k, 2]
                lambert = max(0.0, (nx * lx + ny * ly + nz * lz + 0.25) / 1.25)  # wrapped: skin lets light through
                er += lambert * lights[k, 3]
                eg += lambert * lights[k, 4]
                eb += lambert * lights[k, 5]
                hx, hy, hz = lx - px * p, ly - py * p, lz - pz * p
                h = nx * hx + ny * hy + nz * hz
                if h > 0.0:
                    h = h / np.sqrt(hx * hx + hy * hy + hz * hz)
                    glow += shine * h**24 * lights[k, 3]
            out[v, u, 0] = min(255.0, 255.0 * (r * er + glow))
            out[v, u, 1] = min(255.0, 255.0 * (g * eg + glow))
            out[v, u, 2] = min(255.0, 255.0 * (bl * eb + glow))
