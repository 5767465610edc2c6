"""Numba kernels that colour what was rasterised, in linear light.

Pixels are seen at their middles and at the corners that they share with their neighbours: a picture of H x W middles
and one of (H + 1) x (W + 1) corners. A pixel's middle stands for half of it and each corner for an eighth. One surface
is coloured once for a pixel, where its middle shows it; corners that show another one are coloured for themselves.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.paint import SHADOW_BIAS_M, paint, shaded
from training.hands.parts import NOTHING, THING

f4 = np.float32
#: Samples of one pixel that lie so near each other in depth show one surface.
SAME_SURFACE_M = 0.006


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def colour(
    part, nearness, face_id, lens, corner_part, corner_nearness, corner_face_id, hands, skin, look, solids, plane,
    light, room, creases,
):  # fmt: skip
    """Linear light (H, W, 3) of what a view of middles and one of corners show before `room` (H, W, 3): hands with
    their skin and look (of look.LOOK), and solids, in that light, and their shadow on a wall or table `plane` (4,)
    that looks like the room. creases: (H, W) 0 open to 1 closed."""
    height, width = part.shape
    out = room.copy()
    places, shares = np.empty((height * width, 2), np.int32), np.empty((height * width, 1), np.float32)
    most = corner_part.size
    corner_places, corner_shares = np.empty((most, 2), np.int32), np.empty((most, 4), np.float32)
    count, corner_count = _gather(
        part, nearness, corner_part, corner_nearness, out, places, shares, corner_places, corner_shares
    )
    sky, ground = _surroundings(room, look)
    _shade_plane(lens, plane, light, look, sky, ground, out)
    colours = np.empty((max(count, corner_count), 3), np.float32)
    paint(
        places[:count], part, nearness, face_id, lens, hands, skin, look, sky, ground, solids, light, room, creases,
        colours,
    )  # fmt: skip
    for i in range(count):
        for c in range(3):
            out[places[i, 0], places[i, 1], c] += shares[i, 0] * colours[i, c]
    corner_lens = (lens[0], lens[1], lens[2] + 0.5, lens[3] + 0.5)
    paint(
        corner_places[:corner_count], corner_part, corner_nearness, corner_face_id, corner_lens, hands, skin, look, sky,
        ground, solids, light, room, creases, colours,
    )  # fmt: skip
    for i in range(corner_count):
        for k in range(4):
            if corner_shares[i, k] > 0.0:
                v, u = corner_places[i, 0] - 1 + (k >> 1), corner_places[i, 1] - 1 + (k & 1)
                for c in range(3):
                    out[v, u, c] += corner_shares[i, k] * colours[i, c]
    return out


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _surroundings(room, look):
    """The light from above (3,) and from below (3,), which take on the colours of the room's halves."""
    sky, ground = look.sky.copy(), look.ground.copy()
    half = room.shape[0] // 2
    means = np.zeros((2, 3), np.float32)
    for side in range(2):
        rows = room[:half] if side == 0 else room[half:]
        for v in range(rows.shape[0]):
            for u in range(rows.shape[1]):
                for c in range(3):
                    means[side, c] += rows[v, u, c]
        means[side] /= f4(rows.shape[0] * rows.shape[1])
    mean = means.mean() + f4(0.02)
    for c in range(3):
        sky[c] *= f4(1) + look.mirror_room * (means[0, c] / mean - f4(1))
        ground[c] *= f4(1) + look.mirror_room * (means[1, c] / mean - f4(1))
    return sky, ground


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _shade_plane(lens, plane, light, look, sky, ground, out):
    """Take away from `out` (H, W, 3), a picture of a wall or table `plane` (4,), the first light's share of its light
    where that is kept from it."""
    facing = -(plane[0] * look.lights[0, 0] + plane[1] * look.lights[0, 1] + plane[2] * look.lights[0, 2])
    if not 0.0 < plane[3] < 1e6 or facing <= 0.0 or look.shadow == 0.0:
        return
    direct = facing * look.lights[0, 3:].mean()
    dark = f4(look.shadow * direct / (direct + 0.5 * (sky.mean() + ground.mean()) + 1e-6))
    turn, place, lens_2, nearness = light.turn, light.place, light.lens, light.nearness
    last = f4(nearness.shape[0] - 1)
    for v in range(out.shape[0]):
        for u in range(out.shape[1]):
            rx, ry = (u - lens[2]) / lens[0], (v - lens[3]) / lens[1]
            slope = plane[0] * rx + plane[1] * ry + plane[2]
            if slope <= 1e-6:
                continue
            z = plane[3] / slope
            px, py, pz = rx * z - place[0], ry * z - place[1], z - place[2]
            far = turn[2, 0] * px + turn[2, 1] * py + turn[2, 2] * pz
            x = f4((turn[0, 0] * px + turn[0, 1] * py + turn[0, 2] * pz) / far * lens_2[0] + lens_2[2])
            y = f4((turn[1, 0] * px + turn[1, 1] * py + turn[1, 2] * pz) / far * lens_2[1] + lens_2[3])
            if x >= f4(0) and y >= f4(0) and x < last and y < last and far > SHADOW_BIAS_M:
                kept = f4(1) - dark * shaded(x, y, f4(1.0 / (far - SHADOW_BIAS_M)), nearness)
                for c in range(3):
                    out[v, u, c] *= kept


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _gather(part, nearness, corner_part, corner_nearness, out, places, shares, corner_places, corner_shares):
    """What is to be coloured for `out` (H, W, 3): places (N, 2), rows first, of middles and the share (N, 1) of its
    pixel that each stands for; corner_places (M, 2) and corner_shares (M, 4) of the pixels above left, above, left and
    below of each. Returns N and M; takes away from `out` what they cover. Without corners, (0, 0), middles stand for
    all."""
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
                shares[count, 0] = share
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
