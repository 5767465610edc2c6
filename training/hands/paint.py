"""The Numba kernel that colours surfaces seen at points of a picture: texture, wrinkles, hair, cloth, lights, shadows
and creases, in linear light; and what it is told of hands, skin, light and solids."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from training.hands.model import Array
from training.hands.parts import FOREARM, SLEEVE, THING
from training.hands.raster import face_weights
from training.hands.things import BOX, CYLINDER

f4 = np.float32
#: Surfaces nearer than this to what the light sees first are lit.
SHADOW_BIAS_M = 0.004
#: Textures are packed into integers, ten bits a colour, in these steps of their mean; wrinkles into eight bits.
TEXTURE_STEPS, SLOPE_STEPS = 256, 32
#: Powers of a highlight are looked up in so many steps.
_STEPS = 256


class Hands(NamedTuple):
    """vertices, normals: (K, V, 3). faces, faces_uv: (F, 3). skin_faces: where the forearm's begin. rim, back: how many
    points the forearm's rings have, and which of them lies on the back of the hand."""

    vertices: Array
    normals: Array
    faces: Array
    faces_uv: Array
    skin_faces: int
    rim: int
    back: int


class Skin(NamedTuple):
    """uv: (U, 2) pixels of `texture` (h, w), packed; nails, ring, hair: (h, w) 0 to 1, where they are on it. wrinkles:
    (W, W, 2) slopes, packed, and strands: (W, W) of hair, 0 to 1, both repeated; W is a power of 2."""

    uv: Array
    texture: Array
    nails: Array
    ring: Array
    hair: Array
    wrinkles: Array
    strands: Array


class Light(NamedTuple):
    """What the first light sees: turn (3, 3, rows) and place (3,) of its frame, its lens and nearness (L, L)."""

    turn: Array
    place: Array
    lens: tuple
    nearness: Array


class Solids(NamedTuple):
    """One scene of `Things` without its plane."""

    kind: Array
    centre: Array
    turn: Array
    half: Array


def pack_texture(texture: Array) -> Array:
    """Textures (h, w, 3) of mean 1 as (h, w) int32."""
    steps = np.rint(texture * TEXTURE_STEPS).clip(0, 1023).astype(np.int32)
    packed: Array = steps[..., 0] | steps[..., 1] << 10 | steps[..., 2] << 20
    return packed


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def paint(places, part, nearness, face_id, lens, hands, skin, look, sky, ground, solids, light, pattern, creases, out):
    """Linear light `out` (N, 3) of what part, nearness, face_id (H, W) of `lens` show at `places` (N, 2).

    sky, ground: (3,) light from all round. pattern: (h, w, 3) prints on cloth and things. The others as in `colour`.
    """
    vertices, normals, faces, faces_uv = hands.vertices, hands.normals, hands.faces, hands.faces_uv
    uv, texture, nails, ring, wrinkles = skin.uv, skin.texture, skin.nails, skin.ring, skin.wrinkles
    light_turn, light_place, light_lens, light_nearness = light.turn, light.place, light.lens, light.nearness
    # fields of a record are looked up at every use
    lights, cloth = look.lights, look.cloth
    tone = look.tone / f4(TEXTURE_STEPS)
    paints, prints, polish, metal = look.things, look.printed, look.polish, look.metal
    bump, skin_gloss, shadow = look.bump / f4(SLOPE_STEPS), look.gloss, look.shadow
    polished, ringed = polish[0] >= 0, look.ring >= 0
    hairy, watch, strap, dial = look.hair, look.watch, look.strap, look.dial
    powers = np.empty(_STEPS + 2, np.float32)
    for i in range(_STEPS + 2):
        powers[i] = (i / _STEPS) ** look.shine
    rows, columns = pattern.shape[0], pattern.shape[1]
    h, w = texture.shape[0], texture.shape[1]
    waves = wrinkles.shape[0] - 1
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
            nx, ny, nz, a, b = _thing(solids.kind[k], solids.centre[k], solids.turn[k], solids.half[k], px, py, z)
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
                t00, t01, t10, t11 = texture[y0, x0], texture[y0, x0 + 1], texture[y0 + 1, x0], texture[y0 + 1, x0 + 1]
                red = tone[0] * (
                    w00 * f4(t00 & 1023) + w01 * f4(t01 & 1023) + w10 * f4(t10 & 1023) + w11 * f4(t11 & 1023)
                )
                green = tone[1] * (
                    w00 * f4((t00 >> 10) & 1023) + w01 * f4((t01 >> 10) & 1023)
                    + w10 * f4((t10 >> 10) & 1023) + w11 * f4((t11 >> 10) & 1023)
                )  # fmt: skip
                blue = tone[2] * (w00 * f4(t00 >> 20) + w01 * f4(t01 >> 20) + w10 * f4(t10 >> 20) + w11 * f4(t11 >> 20))
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
                rough, along, about = bump, zero, zero
                if what == FOREARM:  # the forearm has one line of texture: wrinkles by place instead
                    wy, wx = int(abs(py) * f4(2000)) & waves, int(abs(px) * f4(2000)) & waves
                    along, about = on_arm(f - hands.skin_faces, hands.rim, hands.back, wa, wb, wc)
                    grown = one - f4(1.6) * abs(about)  # less on the inside
                    hy, hx = int(along * f4(64)) & waves, int((about + one) * f4(256)) & waves
                else:
                    wy, wx = int(f4(2) * ty) & waves, int(f4(2) * tx) & waves
                    grown = skin.hair[y0, x0]
                    hy, hx = wy, wx
                if hairy > zero:
                    share = one - hairy * grown * skin.strands[hy, hx]
                    red, green, blue = red * share, green * share, blue * share
                if what == FOREARM and abs(along - watch[0]) < max(watch[1], watch[3]) and watch[1] > zero:
                    # a turn about the arm is about as long as five rings
                    beside = abs(about - watch[2])
                    beside = min(beside, one - beside) * f4(5)
                    if (along - watch[0]) * (along - watch[0]) + beside * beside < watch[3] * watch[3]:
                        red, green, blue, gloss, rough = dial[0], dial[1], dial[2], f4(0.35), zero
                    elif abs(along - watch[0]) < watch[1]:
                        red, green, blue, gloss, rough = strap[0], strap[1], strap[2], f4(0.12), zero
                nx += rough * f4(wrinkles[wy, wx, 0])
                ny += rough * f4(wrinkles[wy, wx, 1])
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
                    lit -= shadow * shaded(x, y, one / (far - f4(SHADOW_BIAS_M)), light_nearness)
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
def on_arm(face, rim, back, wa, wb, wc):
    """Where on the forearm its `face` (0 its first) is at these weights: rings from the wrist on, and turns from the
    back of the hand, -0.5 to 0.5."""
    ring, rest = face // (2 * rim), face % (2 * rim)
    second = rest >= rim  # quads are split: (next, own, own outside) and (next, own outside, next outside)
    along = f4(ring) + wc + (wb if second else f4(0))
    about = (f4(rest % rim - back) + wa + (wc if second else f4(0))) / f4(rim)
    return along, about - np.floor(about + f4(0.5))


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def shaded(x, y, lit, nearness):
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
