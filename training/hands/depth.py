"""What a depth camera makes of a scene: stereo or structured light, time of flight, or a cleaned picture.

The faults are those that the literature on such cameras measures (Khoshelham and Elberink 2012, axial noise and steps
growing with z²; Nguyen, Izadi and Lovell 2012, noise at grazing angles; Sarbolandi, Lefloch and Kolb 2015, flying
pixels and multipath of time of flight), drawn wider than any one camera.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.model import Array
from training.hands.noise import advance, normal, uniform
from training.hands.parts import NOTHING, SLEEVE

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


@njit(cache=True)
def _lumps(height, width, state):
    """Noise (h, w) on a coarse grid, one sample every LUMP_PX pixels, and the generator's next state."""
    grid = np.empty((height // LUMP_PX + 3, width // LUMP_PX + 3), dtype=np.float32)
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            state = advance(state)
            grid[i, j] = normal(state)
    return grid, state


@njit(cache=True, fastmath=True, inline="always")
def _between(grid, v, u):
    """A coarse grid's value at a pixel, bilinear, brought back to about unit variance."""
    y, x = v / LUMP_PX + 0.5, u / LUMP_PX + 0.5
    i, j = int(y), int(x)
    a, b = y - i, x - j
    top = grid[i, j] * (1 - b) + grid[i, j + 1] * b
    bottom = grid[i + 1, j] * (1 - b) + grid[i + 1, j + 1] * b
    return 1.5 * (top * (1 - a) + bottom * a)


@njit(cache=True, fastmath=True, nogil=True)
def shadows(depth, shadow, out):
    """Mark in `out` (H, W) bool what a second eye or a projector beside the camera cannot see.

    shadow: pixels times metres; the surface at (u, z) lies at u - shadow / z in the other's picture, and the nearest
    there hides the rest.
    """
    height, width = depth.shape
    out[:] = False
    if shadow == 0.0:
        return
    for v in range(height):
        nearest = 1e9
        for k in range(width):
            # away from the other's side, each visible pixel lies further in its picture than all before
            u = width - 1 - k if shadow > 0 else k
            place = (u if shadow > 0 else -u) - abs(shadow) / depth[v, u]
            if place > nearest:
                out[v, u] = True
            else:
                nearest = place


@njit(cache=True, fastmath=True, nogil=True)
def measure(depth, part, sensor, lens, seed, out):
    """A camera's reading `out` (H, W), metres, 0 where nothing came back, of the true `depth` (H, W) of `part` (H, W).

    lens: fx, fy, cx, cy of these pixels; the camera's own are converted to them. seed: of the noise.
    """
    height, width = depth.shape
    scale = lens[0] / min(sensor.focal, lens[0])  # one of the camera's pixels in pixels of `depth`
    hidden = np.zeros((height, width), dtype=np.bool_)
    shadows(depth, sensor.shadow / sensor.focal * lens[0], hidden)
    state = advance(advance(np.uint64(seed)))
    lump, state = _lumps(height, width, state)
    sway_u, state = _lumps(height, width, state)
    sway_v, state = _lumps(height, width, state)
    blot, state = _lumps(height, width, state)
    fray, du, dv = sensor.fray * scale, sensor.du * scale, sensor.dv * scale
    reach = int(np.ceil(sensor.fatten * scale + 2 * fray + abs(du) + abs(dv))) + 1
    # normal deviates beyond which these shares lie
    blot_beyond, dark_beyond = _quantile(sensor.blot), _quantile(sensor.dark)
    for v in range(height):
        for u in range(width):
            out[v, u] = 0.0
            if depth[v, u] > 20.0:  # nothing here nor round about: most of the picture
                up, down = max(0, v - reach), min(height - 1, v + reach)
                left, right = max(0, u - reach), min(width - 1, u + reach)
                if (
                    depth[up, u] > 20.0 and depth[down, u] > 20.0 and depth[v, left] > 20.0 and depth[v, right] > 20.0
                    and depth[up, left] > 20.0 and depth[down, right] > 20.0
                ):  # fmt: skip
                    continue
            y = v + dv
            x = u + du
            if fray > 0.0:
                state = advance(state)
                y += fray * (0.7 * _between(sway_v, v, u) + 0.4 * normal(state))
                state = advance(state)
                x += fray * (0.7 * _between(sway_u, v, u) + 0.4 * normal(state))
            vv = min(height - 1, max(0, int(y + 0.5)))
            uu = min(width - 1, max(0, int(x + 0.5)))
            z = depth[vv, uu]
            if sensor.fatten > 0.0:
                state = advance(state)
                wide = int(sensor.fatten * scale + uniform(state))
                for k in range(1, wide + 1):
                    for side in (-k, k):
                        beside = depth[vv, min(width - 1, max(0, uu + side))]
                        if beside < z - JUMP_M:
                            z = beside
            if not z < 20.0 or z < sensor.nearest:
                continue
            if hidden[vv, uu] and z == depth[vv, uu]:
                continue
            state = advance(state)
            if uniform(state) < sensor.speckle:
                continue
            if sensor.blot > 0.0 and _between(blot, v, u) > blot_beyond:
                continue
            if sensor.dark > 0.0 and part[vv, uu] >= SLEEVE and _between(blot, v, u) > dark_beyond:
                continue
            low = high = z
            total, count = 0.0, 1
            for wide in range(1, 3 if sensor.smooth > 0.0 else 2):
                above, below = depth[max(0, vv - wide), uu], depth[min(height - 1, vv + wide), uu]
                left, right = depth[vv, max(0, uu - wide)], depth[vv, min(width - 1, uu + wide)]
                if wide == 1:
                    low, high = min(z, above, below, left, right), max(z, above, below, left, right)
                for beside in (above, below, left, right):
                    if abs(beside - z) < 0.025:
                        total += beside - z
                        count += 1
            slope = (high - low) * lens[0] / (2.0 * z)
            if high - low > max(JUMP_M, 4.0 * z / lens[0]):
                state = advance(state)
                if uniform(state) < sensor.edge_hole:
                    continue
                state = advance(state)
                if uniform(state) < sensor.edge_fly:
                    state = advance(state)
                    z = low + (min(high, low + 0.25) - low) * uniform(state) ** 2
            elif slope > sensor.grazing:
                state = advance(state)
                if uniform(state) < 0.8:
                    continue
            z += sensor.smooth * total / count
            state = advance(state)
            z += sensor.bias + sensor.sigma * (
                sensor.lumpy * _between(lump, v, u) + (1.0 - sensor.lumpy) * normal(state)
            )
            if sensor.disparity > 0.0:
                z = sensor.disparity / np.floor(sensor.disparity / z + 0.5)
            if sensor.step > 0.0:
                z = np.floor(z / sensor.step + 0.5) * sensor.step
            out[v, u] = z


@njit(cache=True)
def _quantile(share):
    """About the standard normal deviate that a `share` of draws exceeds (Tukey's lambda approximation)."""
    if share <= 0.0:
        return 1e9
    if share >= 1.0:
        return -1e9
    return ((1.0 - share) ** 0.135 - share**0.135) / 0.1975


@njit(cache=True)
def blank(part, depth, lens, border):
    """Take away from `depth` (H, W) and `part` what lies beyond the camera's picture: `border` as in Scenes."""
    fx, fy, cx, cy = lens
    for v in range(depth.shape[0]):
        y = (v - cy) / fy
        for u in range(depth.shape[1]):
            x = (u - cx) / fx
            if x < border[0] or y < border[1] or x > border[2] or y > border[3]:
                depth[v, u] = np.inf
                part[v, u] = NOTHING
