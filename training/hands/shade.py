"""Numba kernels that colour what was rasterised: texture, wrinkles, cloth, lights, shadows, creases, in linear light.

Pixels are seen at their middles and at the corners that they share with their neighbours: a picture of H x W middles
and one of (H + 1) x (W + 1) corners. A pixel's middle stands for half of it and each corner for an eighth. One surface
is coloured once for a pixel, where its middle shows it; corners that show another one are coloured for themselves.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.parts import FOREARM, NOTHING, SLEEVE, THING
from training.hands.raster import face_weights
from training.hands.things import BOX, CYLINDER

f4 = np.float32
#: Samples of one pixel that lie so near each other in depth show one surface.
SAME_SURFACE_M = 0.006
#: Surfaces nearer than this to what the light sees first are lit.
SHADOW_BIAS_M = 0.004
#: Powers of a highlight are looked up in so many steps.
_STEPS = 256


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def gather(part, nearness, corner_part, corner_nearness, out, places, shares, corner_places, corner_shares):
    """What is to be coloured for `out` (H, W, 3): places (N, 2), rows first, of middles and the share (N,) of its pixel
    that each stands for; corner_places (M, 2) and corner_shares (M, 4) of the pixels above left, above, left and below
    of each. Returns N and M; takes away from `out` what they cover. Without corners, (0, 0), middles stand for all."""
    height, width = part.shape
    corners = corner_part.shape[0] > 0
    whole = 0.5 if corners else 1.0
    count = corner_count = 0
    for v in range(height):
        for u in range(width):
            what = part[v, u]
            covered = share = 0.0 if what == NOTHING else whole
            if corners:
                for k in range(4):
                    y, x = v + (k >> 1), u + (k & 1)
                    if corner_part[y, x] != NOTHING:
                        covered += 0.125
                        if _same(what, nearness[v, u], corner_part[y, x], corner_nearness[y, x]):
                            share += 0.125
            if covered == 0.0:
                continue
            if share > 0.0:
                places[count, 0], places[count, 1] = v, u
                shares[count] = share
                count += 1
            kept = np.float32(1.0 - covered)
            for c in range(3):
                out[v, u, c] *= kept
    for y in range(corner_part.shape[0]):
        for x in range(corner_part.shape[1]):
            if corner_part[y, x] == NOTHING:
                continue
            wanted = False
            for k in range(4):
                v, u = y - 1 + (k >> 1), x - 1 + (k & 1)
                inside = 0 <= v < height and 0 <= u < width
                other = inside and not _same(part[v, u], nearness[v, u], corner_part[y, x], corner_nearness[y, x])
                corner_shares[corner_count, k] = 0.125 if other else 0.0
                wanted = wanted or other
            if wanted:
                corner_places[corner_count, 0], corner_places[corner_count, 1] = y, x
                corner_count += 1
    return count, corner_count


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def _same(what, near, other, other_near):
    """Whether two samples show one surface."""
    there = what != NOTHING and other != NOTHING and (what >= THING) == (other >= THING)
    return there and abs(near - other_near) < SAME_SURFACE_M * near * other_near


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def mix(places, shares, colours, corner_places, corner_shares, corner_colours, out):
    """Add to `out` (H, W, 3) the colours (N, 3) and (M, 3) of what `gather` found."""
    for i in range(shares.shape[0]):
        for c in range(3):
            out[places[i, 0], places[i, 1], c] += shares[i] * colours[i, c]
    for i in range(corner_shares.shape[0]):
        for k in range(4):
            if corner_shares[i, k] > 0.0:
                v, u = corner_places[i, 0] - 1 + (k >> 1), corner_places[i, 1] - 1 + (k & 1)
                for c in range(3):
                    out[v, u, c] += corner_shares[i, k] * corner_colours[i, c]


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def paint(
    places, part, nearness, face_id, lens, vertices, faces, faces_uv, normals, uv, texture, nails, ring, wrinkles, look,
    kind, centre, turn, half, light_turn, light_place, light_lens, light_nearness, pattern, creases, out,
):  # fmt: skip
    """Linear light `out` (N, 3) of what part, nearness, face_id (H, W) of `lens` show at `places` (N, 2).

    vertices, normals: (K, V, 3) of the hands. uv: (U, 2) pixels of `texture` (h, w, 3), whose mean is 1; nails, ring:
    (h, w) 0 to 1, where they are on it. wrinkles: (W, W, 2) slopes, repeated. look: of look.LOOK. kind, centre, turn,
    half: the things. light_*: turn (3, 3), place (3,), lens and picture of the first light. pattern: (h, w, 3) prints
    on cloth and things. creases: (H, W) 0 open to 1 closed.
    """
    # fields of a record are looked up at every use
    tone, lights, sky, ground, cloth = look.tone, look.lights, look.sky, look.ground, look.cloth
    paints, prints, polish, metal = look.things, look.printed, look.polish, look.metal
    bump, skin_gloss, shadow = look.bump, look.gloss, look.shadow
    polished, ringed = polish[0] >= 0, look.ring >= 0
    powers = np.empty(_STEPS + 2, np.float32)
    for i in range(_STEPS + 2):
        powers[i] = (i / _STEPS) ** look.shine
    rows, columns = pattern.shape[0], pattern.shape[1]
    h, w = texture.shape[0], texture.shape[1]
    waves = wrinkles.shape[0]
    count = faces.shape[0]
    # from the camera to the first light's picture: its x and y times z, and its z
    t = light_turn.astype(np.float32)
    away = np.empty(3, np.float32)
    for c in range(3):
        away[c] = -(
            light_turn[c, 0] * light_place[0] + light_turn[c, 1] * light_place[1] + light_turn[c, 2] * light_place[2]
        )
    focal, middle = f4(light_lens[0]), f4(light_lens[2])
    last = f4(light_nearness.shape[0] - 1)
    zero, one, halved = f4(0), f4(1), f4(0.5)
    for place in range(places.shape[0]):
        v, u = places[place, 0], places[place, 1]
        what, z, f = part[v, u], one / nearness[v, u], face_id[v, u]
        ray_x, ray_y = (u - lens[2]) / lens[0], (v - lens[3]) / lens[1]
        rx, ry = f4(ray_x), f4(ray_y)
        px, py = rx * z, ry * z
        printed, gloss = zero, zero
        row = column = 0
        if what >= THING:
            k = what - THING
            nx, ny, nz, a, b = _thing(kind[k], centre[k], turn[k], half[k], px, py, z)
            k = k % paints.shape[0]
            red, green, blue = paints[k, 0], paints[k, 1], paints[k, 2]
            printed, gloss = prints[1 + k], f4(0.08)
            row, column = int(a * f4(0.3) * f4(rows)) % rows, int(b * f4(0.3) * f4(rows)) % columns
        else:
            own = 0
            while f >= count:
                f -= count
                own += 1
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            wide_a, wide_b = face_weights(vertices[own], i, j, k, ray_x, ray_y)
            wa, wb, wc = f4(wide_a), f4(wide_b), f4(1.0 - wide_a - wide_b)
            nx = wa * normals[own, i, 0] + wb * normals[own, j, 0] + wc * normals[own, k, 0]
            ny = wa * normals[own, i, 1] + wb * normals[own, j, 1] + wc * normals[own, k, 1]
            nz = wa * normals[own, i, 2] + wb * normals[own, j, 2] + wc * normals[own, k, 2]
            if what == SLEEVE:
                red, green, blue = cloth[0], cloth[1], cloth[2]
                printed = prints[0]
                row, column = int(abs(py) * f4(8 * rows)) % rows, int(abs(px) * f4(8 * rows)) % columns
            else:
                i, j, k = faces_uv[f, 0], faces_uv[f, 1], faces_uv[f, 2]
                tx = wa * uv[i, 0] + wb * uv[j, 0] + wc * uv[k, 0]
                ty = wa * uv[i, 1] + wb * uv[j, 1] + wc * uv[k, 1]
                x0, y0 = min(w - 2, max(0, int(tx))), min(h - 2, max(0, int(ty)))
                fx, fy = min(one, max(zero, tx - f4(x0))), min(one, max(zero, ty - f4(y0)))
                w11 = fx * fy
                w01, w10 = fx - w11, fy - w11
                w00 = one - fx - w10
                red = tone[0] * (
                    w00 * texture[y0, x0, 0] + w01 * texture[y0, x0 + 1, 0]
                    + w10 * texture[y0 + 1, x0, 0] + w11 * texture[y0 + 1, x0 + 1, 0]
                )  # fmt: skip
                green = tone[1] * (
                    w00 * texture[y0, x0, 1] + w01 * texture[y0, x0 + 1, 1]
                    + w10 * texture[y0 + 1, x0, 1] + w11 * texture[y0 + 1, x0 + 1, 1]
                )  # fmt: skip
                blue = tone[2] * (
                    w00 * texture[y0, x0, 2] + w01 * texture[y0, x0 + 1, 2]
                    + w10 * texture[y0 + 1, x0, 2] + w11 * texture[y0 + 1, x0 + 1, 2]
                )  # fmt: skip
                if polished or ringed:
                    for worn, mask, colour in ((polished, nails, polish), (ringed, ring, metal)):
                        if worn:
                            share = (
                                w00 * mask[y0, x0] + w01 * mask[y0, x0 + 1]
                                + w10 * mask[y0 + 1, x0] + w11 * mask[y0 + 1, x0 + 1]
                            )  # fmt: skip
                            red += share * (colour[0] - red)
                            green += share * (colour[1] - green)
                            blue += share * (colour[2] - blue)
                gloss = skin_gloss
                if what == FOREARM:  # the forearm has one line of texture: wrinkles by place instead
                    wy, wx = int(abs(py) * f4(2000)) % waves, int(abs(px) * f4(2000)) % waves
                else:
                    wy, wx = int(f4(2) * ty) % waves, int(f4(2) * tx) % waves
                nx += bump * wrinkles[wy, wx, 0]
                ny += bump * wrinkles[wy, wx, 1]
        if printed > zero:
            red += printed * (pattern[row, column, 0] - red)
            green += printed * (pattern[row, column, 1] - green)
            blue += printed * (pattern[row, column, 2] - blue)
        n = one / np.sqrt(nx * nx + ny * ny + nz * nz + f4(1e-20))
        if nx * rx + ny * ry + nz > zero:
            n = -n
        nx, ny, nz = nx * n, ny * n, nz * n
        p = one / np.sqrt(rx * rx + ry * ry + one)
        up = halved - halved * ny
        open_ = one - creases[min(v, creases.shape[0] - 1), min(u, creases.shape[1] - 1)]
        er = open_ * (ground[0] + up * (sky[0] - ground[0]))
        eg = open_ * (ground[1] + up * (sky[1] - ground[1]))
        eb = open_ * (ground[2] + up * (sky[2] - ground[2]))
        glow_r, glow_g, glow_b = zero, zero, zero
        for k in range(lights.shape[0]):
            lx, ly, lz = lights[k, 0], lights[k, 1], lights[k, 2]
            facing = nx * lx + ny * ly + nz * lz
            lit = one
            if k == 0 and shadow > zero and facing > f4(-0.2):
                far = t[2, 0] * px + t[2, 1] * py + t[2, 2] * z + away[2]
                near = one / far
                x = (t[0, 0] * px + t[0, 1] * py + t[0, 2] * z + away[0]) * near * focal + middle
                y = (t[1, 0] * px + t[1, 1] * py + t[1, 2] * z + away[1]) * near * focal + middle
                if x >= zero and y >= zero and x < last and y < last:
                    lit -= shadow * _shaded(x, y, one / (far - f4(SHADOW_BIAS_M)), light_nearness)
            # wrapped: skin lets light through
            lambert = max(zero, (facing + f4(0.2)) * f4(1 / 1.2)) * lit * (halved + halved * open_)
            er += lambert * lights[k, 3]
            eg += lambert * lights[k, 4]
            eb += lambert * lights[k, 5]
            hx, hy, hz = lx - rx * p, ly - ry * p, lz - p
            towards = nx * hx + ny * hy + nz * hz
            if towards > zero and gloss > zero:
                at = min(one, towards / np.sqrt(hx * hx + hy * hy + hz * hz)) * f4(_STEPS)
                step = int(at)
                glow = gloss * lit * (powers[step] + (at - f4(step)) * (powers[step + 1] - powers[step]))
                glow_r += glow * lights[k, 3]
                glow_g += glow * lights[k, 4]
                glow_b += glow * lights[k, 5]
        out[place, 0] = red * er + glow_r
        out[place, 1] = green * eg + glow_g
        out[place, 2] = blue * eb + glow_b


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def _shaded(x, y, lit, nearness):
    """Share of the light that is kept from a point, 0 lit to 1, from the four nearest pixels (x, y) the light sees."""
    i, j = int(y), int(x)
    a, b = y - f4(i), x - f4(j)
    one, zero = f4(1), f4(0)
    c, d = one if nearness[i, j] > lit else zero, one if nearness[i, j + 1] > lit else zero
    top = c + b * (d - c)
    c, d = one if nearness[i + 1, j] > lit else zero, one if nearness[i + 1, j + 1] > lit else zero
    return top + a * (c + b * (d - c) - top)


@njit(cache=True, fastmath=True)
def _thing(kind, centre, turn, half, px, py, pz):
    """A solid's normal at a point on it, not of unit length, and where it is on a print."""
    lx, ly, lz = px - centre[0], py - centre[1], pz - centre[2]
    ax = (turn[0, 0] * lx + turn[0, 1] * ly + turn[0, 2] * lz) / half[0]
    ay = (turn[1, 0] * lx + turn[1, 1] * ly + turn[1, 2] * lz) / half[1]
    az = (turn[2, 0] * lx + turn[2, 1] * ly + turn[2, 2] * lz) / half[2]
    ex, ey, ez = ax / half[0], ay / half[1], az / half[2]
    if kind == BOX:  # the side that is hit
        if abs(ax) >= abs(ay) and abs(ax) >= abs(az):
            ey = ez = 0.0
        elif abs(ay) >= abs(az):
            ex = ez = 0.0
        else:
            ex = ey = 0.0
    elif kind == CYLINDER:  # its mantle or its end
        if abs(az) > 0.999:
            ex = ey = 0.0
        else:
            ez = 0.0
    nx = turn[0, 0] * ex + turn[1, 0] * ey + turn[2, 0] * ez
    ny = turn[0, 1] * ex + turn[1, 1] * ey + turn[2, 1] * ez
    nz = turn[0, 2] * ex + turn[1, 2] * ey + turn[2, 2] * ez
    return f4(nx), f4(ny), f4(nz), f4(abs(ax + 1.7 * az)), f4(abs(ay - az))
