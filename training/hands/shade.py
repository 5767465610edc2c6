"""Numba kernels that colour what was rasterised: texture, wrinkles, cloth, lights, shadows, creases, in linear light.

Pixels are rasterised finer than they are coloured: a pixel whose samples show one surface is coloured once, one on an
edge once for each surface, weighted by its samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.parts import FOREARM, NOTHING, SLEEVE, THING

#: Samples of one pixel that lie so near each other in depth show one surface.
SAME_SURFACE_M = 0.006
#: Surfaces nearer than this to what the light sees first are lit.
SHADOW_BIAS_M = 0.004


@njit(cache=True, fastmath=True, nogil=True)
def gather(part, depth, finer, out, places, shares):
    """What is to be coloured of pictures (finer H, finer W) for `out` (H, W, 3): places (N, 4) in it and in them, rows
    first, and the share (N,) of its pixel that each stands for; returns N. Takes away from `out` what they cover."""
    done = np.empty(finer * finer, dtype=np.bool_)
    count = 0
    for v in range(out.shape[0]):
        for u in range(out.shape[1]):
            done[:] = False
            covered = 0
            for k in range(finer * finer):
                y, x = v * finer + k // finer, u * finer + k % finer
                what, z = part[y, x], depth[y, x]
                if done[k] or what == NOTHING:
                    continue
                group = 0
                for m in range(k, finer * finer):
                    yy, xx = v * finer + m // finer, u * finer + m % finer
                    same = not done[m] and (what >= THING) == (part[yy, xx] >= THING)  # each sample counts once
                    if same and part[yy, xx] != NOTHING and abs(depth[yy, xx] - z) < SAME_SURFACE_M:
                        done[m] = True
                        group += 1
                places[count, 0], places[count, 1], places[count, 2], places[count, 3] = v, u, y, x
                shares[count] = group / (finer * finer)
                count += 1
                covered += group
            if covered > 0:
                for c in range(3):
                    out[v, u, c] *= 1.0 - covered / (finer * finer)
    return count


@njit(cache=True, fastmath=True, nogil=True)
def paint(
    places, shares, part, depth, face_id, bary, lens, faces, faces_uv, normals, uv, texture, wrinkles, look, centre,
    turn, half, kind, light_turn, light_place, light_lens, light_depth, pattern, creases, out,
):  # fmt: skip
    """Add to `out` (H, W, 3), linear light, what the finer pictures part, depth, face_id, bary of `lens` show at
    `places` (N, 4), times `shares` (N,), as `gather` gives them.

    normals: (K, V, 3) of the hands. uv: (U, 2) pixels of `texture` (h, w, 3), whose mean is 1. wrinkles: (W, W, 2)
    slopes, repeated. look: of look.LOOK. centre, turn, half, kind: the things. light_*: turn (3, 3), place (3,), lens
    and depth picture of the first light. pattern: (h, w, 3) prints on cloth and things. creases: (H, W) 0 open to 1
    closed.
    """
    # fields of a record are looked up at every use
    tone, lights, sky, ground, cloth = look.tone, look.lights, look.sky, look.ground, look.cloth
    paints, prints = look.things, look.printed
    bump, skin_gloss, shine, shadow = look.bump, look.gloss, look.shine, look.shadow
    for place in range(shares.shape[0]):
        v, u, y, x = places[place, 0], places[place, 1], places[place, 2], places[place, 3]
        share, what, z, f = shares[place], part[y, x], depth[y, x], face_id[y, x]
        wa, wb = bary[y, x, 0], bary[y, x, 1]
        px, py, pz = (x - lens[2]) / lens[0] * z, (y - lens[3]) / lens[1] * z, z
        rows, columns = pattern.shape[0], pattern.shape[1]
        if what >= THING:
            k = what - THING
            lx, ly, lz = px - centre[k, 0], py - centre[k, 1], pz - centre[k, 2]
            ax = (turn[k, 0, 0] * lx + turn[k, 0, 1] * ly + turn[k, 0, 2] * lz) / half[k, 0]
            ay = (turn[k, 1, 0] * lx + turn[k, 1, 1] * ly + turn[k, 1, 2] * lz) / half[k, 1]
            az = (turn[k, 2, 0] * lx + turn[k, 2, 1] * ly + turn[k, 2, 2] * lz) / half[k, 2]
            ex, ey, ez = ax / half[k, 0], ay / half[k, 1], az / half[k, 2]
            if kind[k] == 2:  # a box: the side that is hit
                if abs(ax) >= abs(ay) and abs(ax) >= abs(az):
                    ey = ez = 0.0
                elif abs(ay) >= abs(az):
                    ex = ez = 0.0
                else:
                    ex = ey = 0.0
            elif kind[k] == 3:  # a cylinder: its mantle or its end
                if abs(az) > 0.999:
                    ex = ey = 0.0
                else:
                    ez = 0.0
            nx = turn[k, 0, 0] * ex + turn[k, 1, 0] * ey + turn[k, 2, 0] * ez
            ny = turn[k, 0, 1] * ex + turn[k, 1, 1] * ey + turn[k, 2, 1] * ez
            nz = turn[k, 0, 2] * ex + turn[k, 1, 2] * ey + turn[k, 2, 2] * ez
            t = k % paints.shape[0]
            r, g, b = paints[t, 0], paints[t, 1], paints[t, 2]
            printed, gloss = prints[1 + t], 0.08
            row, column = int(abs(ax + 1.7 * az) * 0.3 * rows) % rows, int(abs(ay - az) * 0.3 * rows) % columns
        else:
            wc = 1.0 - wa - wb
            own, f = f // faces.shape[0], f % faces.shape[0]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            nx = wa * normals[own, i, 0] + wb * normals[own, j, 0] + wc * normals[own, k, 0]
            ny = wa * normals[own, i, 1] + wb * normals[own, j, 1] + wc * normals[own, k, 1]
            nz = wa * normals[own, i, 2] + wb * normals[own, j, 2] + wc * normals[own, k, 2]
            if what == SLEEVE:
                r, g, b = cloth[0], cloth[1], cloth[2]
                printed, gloss = prints[0], 0.0
                row, column = int(abs(py) * 8.0 * rows) % rows, int(abs(px) * 8.0 * rows) % columns
            else:
                ta, tb, tc = faces_uv[f, 0], faces_uv[f, 1], faces_uv[f, 2]
                tx = wa * uv[ta, 0] + wb * uv[tb, 0] + wc * uv[tc, 0]
                ty = wa * uv[ta, 1] + wb * uv[tb, 1] + wc * uv[tc, 1]
                if what == FOREARM:  # the forearm has one line of texture: wrinkles by place instead
                    wy, wx = abs(py) * 2000.0, abs(px) * 2000.0
                else:
                    wy, wx = 2.0 * ty, 2.0 * tx
                h, w = texture.shape[0], texture.shape[1]
                x0, y0 = min(w - 2, max(0, int(tx))), min(h - 2, max(0, int(ty)))
                fx, fy = min(1.0, max(0.0, tx - x0)), min(1.0, max(0.0, ty - y0))
                w00, w01, w10, w11 = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
                r = tone[0] * (
                    w00 * texture[y0, x0, 0] + w01 * texture[y0, x0 + 1, 0]
                    + w10 * texture[y0 + 1, x0, 0] + w11 * texture[y0 + 1, x0 + 1, 0]
                )  # fmt: skip
                g = tone[1] * (
                    w00 * texture[y0, x0, 1] + w01 * texture[y0, x0 + 1, 1]
                    + w10 * texture[y0 + 1, x0, 1] + w11 * texture[y0 + 1, x0 + 1, 1]
                )  # fmt: skip
                b = tone[2] * (
                    w00 * texture[y0, x0, 2] + w01 * texture[y0, x0 + 1, 2]
                    + w10 * texture[y0 + 1, x0, 2] + w11 * texture[y0 + 1, x0 + 1, 2]
                )  # fmt: skip
                printed, gloss = 0.0, skin_gloss
                row = column = 0
                waves = wrinkles.shape[0]
                row, column = int(wy) % waves, int(wx) % waves
                nx += bump * wrinkles[row, column, 0]
                ny += bump * wrinkles[row, column, 1]
                row = column = 0
        if printed > 0.0:
            r += printed * (pattern[row, column, 0] - r)
            g += printed * (pattern[row, column, 1] - g)
            b += printed * (pattern[row, column, 2] - b)
        n = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-20)
        p = 1.0 / np.sqrt(px * px + py * py + pz * pz)
        if nx * px + ny * py + nz * pz > 0.0:
            n = -n
        nx, ny, nz = nx * n, ny * n, nz * n
        up = 0.5 - 0.5 * ny
        open_ = 1.0 - creases[v, u]
        er = open_ * (ground[0] + up * (sky[0] - ground[0]))
        eg = open_ * (ground[1] + up * (sky[1] - ground[1]))
        eb = open_ * (ground[2] + up * (sky[2] - ground[2]))
        glow_r = glow_g = glow_b = 0.0
        for k in range(lights.shape[0]):
            lx, ly, lz = lights[k, 0], lights[k, 1], lights[k, 2]
            facing = nx * lx + ny * ly + nz * lz
            lit = 1.0
            if k == 0 and shadow > 0.0 and facing > -0.2:
                lit = 1.0 - shadow * _shaded(px, py, pz, light_turn, light_place, light_lens, light_depth)
            lambert = max(0.0, (facing + 0.2) / 1.2) * lit * (0.5 + 0.5 * open_)  # wrapped: skin lets light through
            er += lambert * lights[k, 3]
            eg += lambert * lights[k, 4]
            eb += lambert * lights[k, 5]
            hx, hy, hz = lx - px * p, ly - py * p, lz - pz * p
            towards = nx * hx + ny * hy + nz * hz
            if towards > 0.0 and gloss > 0.0:
                glow = gloss * lit * (towards / np.sqrt(hx * hx + hy * hy + hz * hz)) ** shine
                glow_r += glow * lights[k, 3]
                glow_g += glow * lights[k, 4]
                glow_b += glow * lights[k, 5]
        out[v, u, 0] += share * (r * er + glow_r)
        out[v, u, 1] += share * (g * eg + glow_g)
        out[v, u, 2] += share * (b * eb + glow_b)


@njit(cache=True, fastmath=True, inline="always")
def _shaded(px, py, pz, turn, place, lens, depth):
    """Share of the light that is kept from a point: 0 lit to 1, from the four nearest pixels the light sees."""
    dx, dy, dz = px - place[0], py - place[1], pz - place[2]
    z = turn[2, 0] * dx + turn[2, 1] * dy + turn[2, 2] * dz
    x = (turn[0, 0] * dx + turn[0, 1] * dy + turn[0, 2] * dz) / z * lens[0] + lens[2]
    y = (turn[1, 0] * dx + turn[1, 1] * dy + turn[1, 2] * dz) / z * lens[1] + lens[3]
    size = depth.shape[0]
    if x < 0 or y < 0 or x >= size - 1 or y >= size - 1:
        return 0.0
    i, j = int(y), int(x)
    a, b = y - i, x - j
    near = z - SHADOW_BIAS_M
    top = (depth[i, j] < near) * (1 - b) + (depth[i, j + 1] < near) * b
    bottom = (depth[i + 1, j] < near) * (1 - b) + (depth[i + 1, j + 1] < near) * b
    return top * (1 - a) + bottom * a
