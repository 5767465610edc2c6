"""What a depth camera makes of a scene: stereo or structured light, time of flight, or a cleaned picture.

The faults are those that the literature on such cameras measures (Khoshelham and Elberink 2012, axial noise and steps
growing with z²; Nguyen, Izadi and Lovell 2012, noise at grazing angles; Sarbolandi, Lefloch and Kolb 2015, flying
pixels and multipath of time of flight), drawn wider than any one camera.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.model import Array
from training.hands.noise import advance, normal, three_normals, two_uniforms, uniform
from training.hands.parts import SLEEVE

f4 = np.float32
#: One camera and its mood. focal: px of its own picture. sigma: axial noise (m), of which a share `lumpy` is alike over
#: some pixels. disparity: disparity steps times metres, 0 for none. step: metres of its integers. shadow: focal times
#: baseline (px m) to what lights or matches the scene, its sign the side. fatten, fray: px by which near edges grow
#: and waver. edge_hole, edge_fly: chances at a jump in depth. grazing: slope beyond which nothing comes back. dark:
#: share of dark cloth and things that is lost, blot: of everything, in patches, speckle: in single pixels. smooth: 0 to
#: 1, what filters and multipath round off. bias (m). nearest (m) it measures. du, dv: px it lies beside the colour.
SENSOR_FIELDS = (
    "focal", "sigma", "lumpy", "disparity", "step", "shadow", "fatten", "fray", "edge_hole", "edge_fly", "grazing",
    "dark", "blot", "speckle", "smooth", "bias", "nearest", "du", "dv",
)  # fmt: skip
SENSOR = np.dtype([(name, np.float64) for name in SENSOR_FIELDS])
#: A step in depth of this many metres between neighbours is an edge.
JUMP_M = 0.015
#: Pixels across a lump of noise.
LUMP_PX = 6


def perfect_sensors(batch: int) -> Array:
    """Cameras without a fault (B,) of SENSOR."""
    sensors = np.zeros(batch, SENSOR)
    sensors["focal"], sensors["grazing"] = 1e4, np.inf
    return sensors


def sample_sensors(rng: np.random.Generator, distance: Array, noise: bool = True) -> Array:
    """Cameras (B,) of SENSOR for hands at `distance` (B,): stereo or structured light in two of five scenes, time of
    flight in three of ten, and clean pictures; `noise` False for perfect ones."""
    batch = len(distance)
    sensors = perfect_sensors(batch)
    if not noise:
        return sensors
    square = distance**2
    kind = rng.random(batch)
    stereo, flight = kind < 0.4, kind > 0.7

    def some(share: float, values: Array) -> Array:
        return values * (rng.random(batch) < share)

    sensors["focal"] = np.exp(rng.uniform(np.log(350), np.log(640), batch))
    sensors["sigma"] = np.exp(rng.uniform(np.log(3e-4), np.log(4e-3), batch)) * np.maximum(square, 0.1)
    sensors["sigma"] *= np.where(stereo | flight, 1.0, 0.3)
    sensors["lumpy"] = np.where(stereo, rng.uniform(0.3, 1, batch), rng.uniform(0, 0.4, batch))
    baseline = rng.uniform(0.04, 0.09, batch)
    sub = np.exp2(rng.uniform(2.5, 6, batch))  # steps of a disparity pixel
    sensors["disparity"] = np.where(stereo, sensors["focal"] * baseline * sub, 0)
    sensors["step"] = 1e-3
    side = np.where(rng.random(batch) < 0.7, 1, -1)
    sensors["shadow"] = np.where(stereo, some(0.8, side * sensors["focal"] * baseline), 0)
    sensors["fatten"] = np.where(stereo, rng.uniform(0, 2.5, batch), some(0.3, rng.uniform(0, 1, batch)))
    sensors["fray"] = np.where(stereo, rng.uniform(0.2, 1.2, batch), rng.uniform(0, 0.5, batch))
    sensors["edge_hole"] = np.where(stereo | flight, rng.uniform(0, 0.7, batch), some(0.3, rng.uniform(0, 0.5, batch)))
    sensors["edge_fly"] = np.where(flight, rng.uniform(0.2, 0.9, batch), some(0.3, rng.uniform(0, 0.5, batch)))
    sensors["grazing"] = np.where(stereo | flight, rng.uniform(2.5, 9, batch), np.inf)
    sensors["dark"] = np.where(stereo | flight, some(0.4, rng.uniform(0, 1, batch)), 0)
    sensors["blot"] = some(0.15, rng.uniform(0, 0.12, batch))
    sensors["speckle"] = some(0.2, rng.uniform(0, 0.08, batch))
    sensors["smooth"] = np.where(flight, rng.uniform(0.2, 1, batch), some(0.6, rng.uniform(0, 1, batch)))
    sensors["bias"] = rng.normal(0, 2e-3, batch) + np.where(flight, rng.uniform(-1e-3, 4e-3, batch), 0)
    sensors["nearest"] = rng.uniform(0.05, 0.95, batch) * (distance - 0.05)
    for axis in ("du", "dv"):
        sensors[axis] = some(0.6, rng.normal(0, 0.8, batch))
    return sensors


@njit(cache=True, fastmath=True, error_model="numpy")
def _lumps(height, width, state):
    """Noises (4, h, w) on a coarse grid, one sample every LUMP_PX pixels, and the generator's next state."""
    grids = np.empty((4, height // LUMP_PX + 3, width // LUMP_PX + 3), dtype=np.float32)
    for k in range(4):
        for i in range(grids.shape[1]):
            for j in range(grids.shape[2]):
                state = advance(state)
                grids[k, i, j] = f4(1.5) * normal(state)  # between its samples a grid varies less than at them
    return grids, state


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def _row(grids, v, out):
    """The grids' values `out` (4, w) at a row of pixels."""
    y = f4(v / LUMP_PX + 0.5)
    i = int(y)
    share = y - f4(i)
    for k in range(grids.shape[0]):
        for j in range(grids.shape[2]):
            out[k, j] = grids[k, i, j] + share * (grids[k, i + 1, j] - grids[k, i, j])


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def shadows(depth, shadow, out):
    """Mark in `out` (H, W) bool what a second eye or a projector beside the camera cannot see.

    shadow: pixels times metres; the surface at (u, z) lies at u - shadow / z in the other's picture, and the nearest
    there hides the rest.
    """
    height, width = depth.shape
    out[:] = False
    if shadow == 0.0:
        return
    reach = f4(abs(shadow))
    for v in range(height):
        nearest = f4(1e9)
        for k in range(width):
            # away from the other's side, each visible pixel lies further in its picture than all before
            u = width - 1 - k if shadow > 0 else k
            place = f4(u if shadow > 0 else -u) - reach / depth[v, u]
            if place > nearest:
                out[v, u] = True
            else:
                nearest = place


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def measure(depth, part, sensor, lens, seed, out):
    """A camera's reading `out` (H, W), metres, 0 where nothing came back, of the true `depth` (H, W) of `part` (H, W).

    lens: fx, fy, cx, cy of these pixels; the camera's own are converted to them. seed: of the noise.
    """
    height, width = depth.shape
    focal, scale = f4(lens[0]), f4(lens[0] / min(sensor.focal, lens[0]))  # scale: pixels of `depth` in the camera's own
    hidden = np.zeros((height, width), dtype=np.bool_)
    shadows(depth, sensor.shadow / sensor.focal * lens[0], hidden)
    state = advance(advance(np.uint64(seed)))
    grids, state = _lumps(height, width, state)
    row = np.empty((4, grids.shape[2]), np.float32)
    column, share = np.empty(width, np.int64), np.empty(width, np.float32)
    for u in range(width):
        column[u] = int(u / LUMP_PX + 0.5)
        share[u] = u / LUMP_PX + 0.5 - column[u]
    fray, du, dv, fatten = (
        f4(sensor.fray) * scale,
        f4(sensor.du) * scale,
        f4(sensor.dv) * scale,
        f4(sensor.fatten) * scale,
    )
    reach = int(np.ceil(fatten + f4(2) * fray + abs(du) + abs(dv))) + 1
    # normal deviates beyond which these shares lie
    blot, dark = f4(_quantile(sensor.blot)), f4(_quantile(sensor.dark))
    some_blot, some_dark = sensor.blot > 0.0, sensor.dark > 0.0
    nearest, speckle, grazing, smooth = f4(sensor.nearest), f4(sensor.speckle), f4(sensor.grazing), f4(sensor.smooth)
    edge_hole, edge_fly = f4(sensor.edge_hole), f4(sensor.edge_fly)
    bias, even, uneven = f4(sensor.bias), f4(sensor.sigma * sensor.lumpy), f4(sensor.sigma * (1.0 - sensor.lumpy))
    disparity, step, steps = f4(sensor.disparity), f4(sensor.step), f4(1 / max(sensor.step, 1e-9))
    half, jump, far = f4(0.5), f4(JUMP_M), f4(20)
    for v in range(height):
        _row(grids, v, row)
        up, down = max(0, v - reach), min(height - 1, v + reach)
        for u in range(width):
            out[v, u] = f4(0)
            if depth[v, u] > far:  # nothing here nor round about: most of the picture
                left, right = max(0, u - reach), min(width - 1, u + reach)
                if (
                    depth[up, u] > far and depth[down, u] > far and depth[v, left] > far and depth[v, right] > far
                    and depth[up, left] > far and depth[down, right] > far
                ):  # fmt: skip
                    continue
            j, b = column[u], share[u]
            state = advance(state)
            first, second, third = three_normals(state)
            y, x = f4(v) + dv, f4(u) + du
            if fray > f4(0):
                y += fray * (f4(0.7) * (row[2, j] + b * (row[2, j + 1] - row[2, j])) + f4(0.4) * first)
                x += fray * (f4(0.7) * (row[1, j] + b * (row[1, j + 1] - row[1, j])) + f4(0.4) * second)
            vv = min(height - 1, max(0, int(y + half)))
            uu = min(width - 1, max(0, int(x + half)))
            z = here = depth[vv, uu]
            state = advance(state)
            chance, other = two_uniforms(state)
            if fatten > f4(0):
                for k in range(1, int(fatten + other) + 1):
                    for side in (-k, k):
                        beside = depth[vv, min(width - 1, max(0, uu + side))]
                        if beside < z - jump:
                            z = beside
            if not z < far or z < nearest or chance < speckle or (hidden[vv, uu] and z == here):
                continue
            if some_blot or some_dark:
                patch = row[3, j] + b * (row[3, j + 1] - row[3, j])
                if (some_blot and patch > blot) or (some_dark and part[vv, uu] >= SLEEVE and patch > dark):
                    continue
            low = high = z
            total, count = f4(0), f4(1)
            for wide in range(1, 3 if smooth > f4(0) else 2):
                above, below = depth[max(0, vv - wide), uu], depth[min(height - 1, vv + wide), uu]
                left, right = depth[vv, max(0, uu - wide)], depth[vv, min(width - 1, uu + wide)]
                if wide == 1:
                    low, high = min(z, above, below, left, right), max(z, above, below, left, right)
                for beside in (above, below, left, right):
                    if abs(beside - z) < f4(0.025):
                        total += beside - z
                        count += f4(1)
            if high - low > max(jump, f4(4) * z / focal):
                state = advance(state)
                chance, other = two_uniforms(state)
                if chance < edge_hole:
                    continue
                if other < edge_fly:
                    state = advance(state)
                    z = low + (min(high, low + f4(0.25)) - low) * f4(uniform(state) ** 2)
            elif (high - low) * focal > f4(2) * z * grazing:
                state = advance(state)
                if uniform(state) < 0.8:
                    continue
            z += smooth * total / count
            z += bias + even * (row[0, j] + b * (row[0, j + 1] - row[0, j])) + uneven * third
            if disparity > f4(0):
                z = disparity / np.floor(disparity / z + half)
            if step > f4(0):
                z = np.floor(z * steps + half) * step
            out[v, u] = z


@njit(cache=True, fastmath=True, error_model="numpy")
def _quantile(share):
    """About the standard normal deviate that a `share` of draws exceeds (Tukey's lambda approximation)."""
    if share <= 0.0:
        return 1e9
    if share >= 1.0:
        return -1e9
    return ((1.0 - share) ** 0.135 - share**0.135) / 0.1975


def beyond(lens: tuple, border: Array, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """The parts of a crop of `shape` (H, W) that lie beyond the camera's picture: `border` (4,) as in Scenes."""
    fx, fy, cx, cy = lens
    high, wide = shape
    if not np.isfinite(border).any():
        return []
    left, right = (int(np.clip(edge, 0, wide)) for edge in (np.ceil(border[0] * fx + cx), border[2] * fx + cx + 1))
    top, bottom = (int(np.clip(edge, 0, high)) for edge in (np.ceil(border[1] * fy + cy), border[3] * fy + cy + 1))
    rows, columns = slice(0, high), slice(0, wide)
    return [
        (slice(0, top), columns), (slice(bottom, high), columns), (rows, slice(0, left)), (rows, slice(right, wide)),
    ]  # fmt: skip
