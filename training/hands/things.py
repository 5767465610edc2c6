"""What stands beside the hand: a table or wall, a body, things held and things in the way, as exact solids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.spatial.transform import Rotation

from training.hands.model import Array
from training.hands.parts import THING, WALL

NONE, ELLIPSOID, BOX, CYLINDER = range(4)
#: The things of a scene: one held, two in the way or lying about, one body behind the hand.
HELD, BODY, COUNT = 0, 3, 4
FINGERS = np.array([[5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20]])
NEVER = 1e9
#: From a joint to the skin, so much is flesh.
FLESH_M = 0.009


@dataclass(frozen=True)
class Things:
    """planes: (B, 4) unit normal (away from the camera) and offset in metres, inf for none. kind: (B, K). centre: (B,
    K, 3) metres, crop frame. turn: (B, K, 3, 3), rows are the solid's axes. half: (B, K, 3) metres along them; a
    cylinder stands along its last axis."""

    planes: Array
    kind: Array
    centre: Array
    turn: Array
    half: Array


def sample_things(
    rng: np.random.Generator, joints: Array, palm: Array, distance: Array, occluders: bool = True
) -> Things:
    """A table, wall or body behind the hand in half of the scenes, held things in two of ten, others in two of ten.

    joints: (B, 21, 3). palm: (B, 3) unit vector out of the palm. distance: (B,) metres to the crop's centre.
    """
    batch = len(joints)
    planes = _sample_planes(rng, joints)
    kind = rng.integers(1, 4, (batch, COUNT))
    turn = Rotation.random(batch * COUNT, rng=rng).as_matrix().reshape(batch, COUNT, 3, 3)
    half = np.exp(rng.uniform(np.log(0.008), np.log(0.06), (batch, COUNT, 3)))
    centre = np.zeros((batch, COUNT, 3))
    centre[:, :, 2] = distance[:, None]
    centre[:, 1:BODY] += rng.uniform(-0.14, 0.14, (batch, BODY - 1, 3))
    # nearer than the hand is rarer than beside and behind it
    centre[:, 1:BODY, 2] += rng.uniform(-0.02, 0.12, (batch, BODY - 1))
    present = rng.random((batch, COUNT)) < [0.2, 0.13, 0.13, 0.22]

    held, reach = _grasp(joints, palm)
    centre[:, HELD] = held + rng.normal(0, 0.004, (batch, 3))
    half[:, HELD] = np.minimum(reach, 0.04)[:, None] * rng.uniform(0.8, 1.1, (batch, 3))
    across = joints[:, 5] - joints[:, 17] + rng.normal(0, 0.012, (batch, 3))
    turn[:, HELD, 2] = across / np.linalg.norm(across, axis=1, keepdims=True)
    side = np.cross(turn[:, HELD, 2], rng.normal(size=(batch, 3)))
    turn[:, HELD, 0] = side / np.linalg.norm(side, axis=1, keepdims=True)
    turn[:, HELD, 1] = np.cross(turn[:, HELD, 2], turn[:, HELD, 0])
    long = rng.random(batch) < 0.6  # pens, bottles, sticks stand out on both sides of the fist
    half[:, HELD, 2] = np.where(long, rng.uniform(0.04, 0.14, batch), half[:, HELD, 2])
    present[:, HELD] &= reach > 0.006
    present[:, :BODY] &= occluders

    # a head or a trunk behind the hand, near enough to be in the crop
    kind[:, BODY] = ELLIPSOID
    half[:, BODY] = rng.uniform([0.07, 0.09, 0.08], [0.24, 0.4, 0.14], (batch, 3))
    far = joints[:, :, 2].max(1) + 0.02 + half[:, BODY, :].max(1) + rng.exponential(0.06, batch)
    centre[:, BODY, :2] = rng.normal(0, 0.2, (batch, 2))
    centre[:, BODY, 2] = far
    kind[~present] = NONE
    return Things(planes, kind.astype(np.int8), centre, turn, half)


def put_instead(rng: np.random.Generator, things: Things, distance: Array, where: Array) -> Things:
    """Where no hand is, `where` (B,) bool, something of a hand's size in its place in three of four scenes: one to
    three solids that touch, as most things are made of. Without them an encoder learns that whatever stands out
    from its background is a hand.

    distance: (B,) metres to the crop's centre, where such a thing is as well as a crop around it would have it.
    """
    batch = len(distance)
    put = where & (rng.random(batch) < 0.75)
    parts = np.arange(BODY) < rng.integers(1, BODY + 1, batch)[:, None]
    kind, centre, turn, half = (a.copy() for a in (things.kind, things.centre, things.turn, things.half))
    kind[put, :BODY] = np.where(parts, rng.integers(1, 4, (batch, BODY)), NONE)[put]
    turn[put, :BODY] = Rotation.random(batch * BODY, rng=rng).as_matrix().reshape(batch, BODY, 3, 3)[put]
    size = np.exp(rng.uniform(np.log(0.012), np.log(0.1), (batch, BODY, 3)))
    half[put, :BODY] = size[put]
    # the first near the middle, the others on its surface
    way = rng.normal(size=(batch, BODY, 3))
    way /= np.linalg.norm(way, axis=2, keepdims=True)
    way[:, 0] = 0
    middle = rng.normal(0, 0.02, (batch, 1, 3)) + np.array([0.0, 0.0, 1.0]) * distance[:, None, None]
    reach = way * size[:, :1].mean(2, keepdims=True)
    centre[put, :BODY] = (middle + reach)[put]
    return Things(things.planes, kind, centre, turn, half)


def _sample_planes(rng: np.random.Generator, joints: Array) -> Array:
    """Planes (B, 4) behind every joint and the flesh around it: walls at an arm's length, tables under the hand."""
    batch = len(joints)
    normal = rng.normal(0, 1, (batch, 3))
    normal[:, 2] = np.abs(normal[:, 2]) + 0.3
    table = rng.random(batch) < 0.5
    leaning = rng.normal([0, 1, 0.7], [0.1, 0.1, 0.45], (batch, 3))  # tables lie lower in the picture
    leaning[:, 2] = np.abs(leaning[:, 2])
    normal = np.where(table[:, None], leaning, normal)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    reach = np.einsum("bji,bi->bj", joints, normal).max(1) + 0.018
    gap = np.where(rng.random(batch) < 0.35, rng.exponential(0.006, batch), rng.exponential(0.06, batch))
    offset = np.where(rng.random(batch) < 0.4, reach + gap, np.inf)
    return np.column_stack([normal, offset])


def _grasp(joints: Array, palm: Array) -> tuple[Array, Array]:
    """Where a held thing's centre is (B, 3), and how thick it may be there (B,): what the curled fingers enclose."""
    ends = joints[:, FINGERS]
    middle = ends.mean((1, 2))
    open_hand = middle + 0.02 * palm
    enclosed = np.linalg.norm(ends - middle[:, None, None], axis=-1).mean(1).min(1) - FLESH_M
    flat = np.linalg.norm(joints[:, 12] - joints[:, 9], axis=1) > 0.06
    reach = np.where(flat, 0.02 - FLESH_M, enclosed)
    return np.where(flat[:, None], open_hand, middle), reach


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def add_plane(nearness, part, lens, plane):
    """Raise `nearness` (H, W), 1 / metres, and name in `part` (H, W) uint8 where a wall or table is nearer."""
    fx, fy, cx, cy = lens
    if not 0.0 < plane[3] < 1e6:
        return
    step = np.float32(plane[0] / fx / plane[3])
    for v in range(nearness.shape[0]):
        start = np.float32((plane[0] * (0 - cx) / fx + plane[1] * (v - cy) / fy + plane[2]) / plane[3])
        for u in range(nearness.shape[1]):
            n = start + np.float32(u) * step
            if n > nearness[v, u]:
                nearness[v, u] = n
                part[v, u] = WALL


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def add_things(nearness, part, lens, kind, centre, turn, half):
    """Raise `nearness` (H, W), 1 / metres, and name in `part` (H, W) uint8 where a solid of one scene is nearer."""
    height, width = nearness.shape
    fx, fy, cx, cy = lens
    for k in range(kind.shape[0]):
        c, m, h = centre[k], turn[k], half[k]
        if kind[k] == NONE or c[2] - np.sqrt(h[0] ** 2 + h[1] ** 2 + h[2] ** 2) < 0.03:
            continue
        left, top, right, bottom = _bounds(c, m, h)
        left, right = max(0.0, left * fx + cx), min(width - 1.0, right * fx + cx + 1.0)
        top, bottom = max(0.0, top * fy + cy), min(height - 1.0, bottom * fy + cy + 1.0)
        # the camera in the solid's own axes
        ox = -(m[0, 0] * c[0] + m[0, 1] * c[1] + m[0, 2] * c[2])
        oy = -(m[1, 0] * c[0] + m[1, 1] * c[1] + m[1, 2] * c[2])
        oz = -(m[2, 0] * c[0] + m[2, 1] * c[1] + m[2, 2] * c[2])
        if kind[k] == ELLIPSOID:
            px, py, pz = ox / h[0], oy / h[1], oz / h[2]
            beyond = px * px + py * py + pz * pz - 1.0
        for v in range(int(top), int(bottom) + 1):
            y = (v - cy) / fy
            # rays in the solid's axes, (dx, dy, dz) + u (sx, sy, sz)
            dx, sx = m[0, 1] * y + m[0, 2] - m[0, 0] * cx / fx, m[0, 0] / fx
            dy, sy = m[1, 1] * y + m[1, 2] - m[1, 0] * cx / fx, m[1, 0] / fx
            dz, sz = m[2, 1] * y + m[2, 2] - m[2, 0] * cx / fx, m[2, 0] / fx
            if kind[k] == ELLIPSOID:
                dx, sx, dy, sy, dz, sz = dx / h[0], sx / h[0], dy / h[1], sy / h[1], dz / h[2], sz / h[2]
                for u in range(int(left), int(right) + 1):
                    ux, uy, uz = dx + u * sx, dy + u * sy, dz + u * sz
                    towards = -(ux * px + uy * py + uz * pz)
                    root = towards * towards - (ux * ux + uy * uy + uz * uz) * beyond
                    n = np.float32((towards + np.sqrt(max(root, 0.0))) / beyond)
                    if root > 0.0 and n > nearness[v, u]:
                        nearness[v, u] = n
                        part[v, u] = THING + k
            else:
                for u in range(int(left), int(right) + 1):
                    n = np.float32(_hit(kind[k], ox, oy, oz, dx + u * sx, dy + u * sy, dz + u * sz, h))
                    if n > nearness[v, u]:
                        nearness[v, u] = n
                        part[v, u] = THING + k


@njit(cache=True, fastmath=True, error_model="numpy")
def _bounds(c, m, h):
    """Least x / z and y / z and greatest x / z and y / z of the box around a solid that lies before the camera."""
    left = top = NEVER
    right = bottom = -NEVER
    for corner in range(8):
        a = h[0] if corner & 1 else -h[0]
        b = h[1] if corner & 2 else -h[1]
        d = h[2] if corner & 4 else -h[2]
        near = 1.0 / (c[2] + a * m[0, 2] + b * m[1, 2] + d * m[2, 2])
        x = (c[0] + a * m[0, 0] + b * m[1, 0] + d * m[2, 0]) * near
        y = (c[1] + a * m[0, 1] + b * m[1, 1] + d * m[2, 1]) * near
        left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
    return left, top, right, bottom


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def _slab(o, d, h):
    """Where a ray enters and leaves |x| <= h."""
    if abs(d) < 1e-9:
        return (-NEVER, NEVER) if abs(o) <= h else (NEVER, -NEVER)
    a, b = (-h - o) / d, (h - o) / d
    return (a, b) if a < b else (b, a)


@njit(cache=True, fastmath=True, error_model="numpy")
def _hit(kind, ox, oy, oz, dx, dy, dz, h):
    """1 / z where its ray enters a box or a cylinder that lies before the camera; 0 where it is missed."""
    if kind == BOX:
        enter, leave = _slab(ox, dx, h[0])
        a, b = _slab(oy, dy, h[1])
        enter, leave = max(enter, a), min(leave, b)
    else:
        ux, uy, px, py = dx / h[0], dy / h[1], ox / h[0], oy / h[1]
        a2, ab, b2 = ux * ux + uy * uy, ux * px + uy * py, px * px + py * py
        root = ab * ab - a2 * (b2 - 1.0)
        if root <= 0.0 or a2 < 1e-12:
            return 0.0
        root = np.sqrt(root)
        enter, leave = (-ab - root) / a2, (-ab + root) / a2
    a, b = _slab(oz, dz, h[2])
    enter, leave = max(enter, a), min(leave, b)
    return 1.0 / enter if enter < leave else 0.0
