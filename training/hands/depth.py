"""What a depth camera makes of a scene: clutter in the cube, noise, quantisation, frayed edges and holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from training.hands.model import Array


@dataclass(frozen=True)
class Clutter:
    """Things beside the hand. planes: (B, 4) unit normal (towards the plane) and offset; offset inf for none.
    balls: (B, 2, 6) ellipsoid centres and radii in metres, radius 0 for none."""

    planes: Array
    balls: Array


def sample_clutter(rng: np.random.Generator, vertices: Array, palm: Array, distance: Array) -> Clutter:
    """A table, wall or body behind the hand in two of five scenes, held and floating things in three of ten."""
    batch = len(vertices)
    normal = rng.normal(0, 1, (batch, 3))
    normal[:, 2] = np.abs(normal[:, 2]) + 0.3
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    reach = np.einsum("bvi,bi->bv", vertices, normal).max(1)  # the plane never cuts the hand or the arm
    offset = np.where(rng.random(batch) < 0.4, reach + rng.exponential(0.04, batch), np.inf)
    centre = np.zeros((batch, 2, 3))
    centre[:, :, 2] = distance[:, None]
    held = palm * rng.uniform(0.03, 0.06, (batch, 1))
    centre[:, 0] += held + rng.normal(0, 0.02, (batch, 3))
    centre[:, 1] += rng.uniform(-0.13, 0.13, (batch, 3))
    radius = rng.uniform(0.012, 0.045, (batch, 2, 3))
    present = rng.random((batch, 2)) < 0.17
    return Clutter(np.column_stack([normal, offset]), np.concatenate([centre, radius * present[..., None]], axis=2))


def sample_noise(rng: np.random.Generator, batch: int, distance: Array) -> Array:
    """Per scene (B, 6): axial sigma and quantisation step (m), edge jitter (px), edge drop, random drop, offset (m)."""
    square = distance**2
    return np.column_stack(
        [
            np.exp(rng.uniform(np.log(3e-4), np.log(4e-3), batch)) * np.maximum(square, 0.1),
            rng.uniform(0, 4e-3, batch) * square * (rng.random(batch) < 0.5),
            rng.uniform(0, 0.5, batch),
            rng.uniform(0, 0.8, batch) * (rng.random(batch) < 0.6),
            rng.uniform(0, 0.12, batch) * (rng.random(batch) < 0.35),
            rng.normal(0, 2e-3, batch),
        ]
    )


@njit(cache=True, fastmath=True)
def add_clutter(depth, tan_half, plane, balls):
    """Lower `depth` (S, S), z in metres, where a plane or an ellipsoid is nearer."""
    size = depth.shape[0]
    for v in range(size):
        y = ((2 * v + 1) / size - 1) * tan_half
        for u in range(size):
            x = ((2 * u + 1) / size - 1) * tan_half
            z = depth[v, u]
            if plane[3] < 1e6:
                slope = plane[0] * x + plane[1] * y + plane[2]
                if slope > 1e-6:
                    z = min(z, plane[3] / slope)
            for b in range(balls.shape[0]):
                if balls[b, 3] <= 0.0:
                    continue
                a2 = ab = b2 = 0.0
                for k in range(3):
                    direction = (x if k == 0 else (y if k == 1 else 1.0)) / balls[b, 3 + k]
                    offset = balls[b, k] / balls[b, 3 + k]
                    a2 += direction * direction
                    ab += direction * offset
                    b2 += offset * offset
                root = ab * ab - a2 * (b2 - 1.0)
                if root > 0.0:
                    hit = (ab - np.sqrt(root)) / a2
                    if hit > 0.05:
                        z = min(z, hit)
            depth[v, u] = z


@njit(cache=True, inline="always")
def _bell():
    """Bell-shaped noise of unit variance from three uniform draws: a tenth of a Gaussian's cost."""
    return 2.0 * (np.random.random() + np.random.random() + np.random.random() - 1.5)


@njit(cache=True, fastmath=True)
def measure(depth, noise, out):
    """A camera's reading `out` (S, S) of the true `depth` (S, S): metres, 0 where nothing came back."""
    size = depth.shape[0]
    sigma, step, jitter, edge_drop, drop, offset = noise
    for v in range(size):
        for u in range(size):
            out[v, u] = 0.0
            if depth[v, u] > 20.0 and depth[max(0, v - 1), u] > 20.0 and depth[v, max(0, u - 1)] > 20.0:
                continue  # nothing here nor next to it: most of the picture
            # edges fray: each pixel looks a little beside where it should
            vv = min(size - 1, max(0, int(np.round(v + _bell() * jitter))))
            uu = min(size - 1, max(0, int(np.round(u + _bell() * jitter))))
            z = depth[vv, uu]
            if not z < 20.0 or np.random.random() < drop:
                continue
            low = high = z
            for dv in (-1, 1):
                side = depth[min(size - 1, max(0, vv + dv)), uu]
                low, high = min(low, side), max(high, side)
                side = depth[vv, min(size - 1, max(0, uu + dv))]
                low, high = min(low, side), max(high, side)
            if high - low > 0.02 and np.random.random() < edge_drop:
                if np.random.random() < 0.6:
                    continue
                z = low + (min(high, low + 0.08) - low) * np.random.random()  # a flying pixel
            z += _bell() * sigma + offset
            if step > 0.0:
                z = np.round(z / step) * step
            out[v, u] = z
