"""Fingers touch and do not pass through each other: contacts of capsules, resolved by turning the joints.

Fingers and palm are tapered capsules (`capsules.py`). A contact that overlaps turns the joints of both fingers, each by
as much as it helps (position-based dynamics: Müller et al. 2007, with joint angles for coordinates); a pinch pulls two
finger pads together in the same way.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.capsules import Capsules
from training.hands.model import Array, HandModel
from training.hands.turns import HIGH, LOW, hand_joints, multiply, turn_bones

#: Skin yields: overlaps up to here (m) are a touch.
SOFT = 0.001
#: The palm under the fingers of a fist, and a finger's own root, yield more.
FLESH = 0.004
#: Pads this near (m) to each other touch: they are rounder than their capsules.
PAD = 0.004
#: Overlaps beyond this (m) after all sweeps count as unresolved.
TOLERANCE = 0.003
SWEEPS = 16
STEP = 0.1  # radians a joint may turn in one sweep
#: How readily each angle gives way, in the order of a pose's angles.
MOBILITY = np.array([1.0, 0.8, 0.5] * 4 + [0.5] * 4 + [0.8, 1.0, 0.2, 0.5, 0.6])
#: The angles of each finger, -1 for none, and the bone (0 to 2) from which each moves all that follows.
DOF = np.array([[16, 17, 18, 19, 20]] + [[12 + f, 3 * f, 3 * f + 1, 3 * f + 2, -1] for f in range(4)])
LEVEL = np.array([[0, 0, 0, 1, 2]] + [[0, 0, 1, 2, 2]] * 4)


def settle(model: HandModel, capsules: Capsules, angles: Array, pinch: Array | None = None) -> tuple[Array, Array]:
    """Poses (B, 21) turned until nothing overlaps, and the deepest overlap (B,) left, in metres.

    pinch: (B,) finger 1 (index) to 4 (little) whose pad the thumb's is to touch, 0 for none.
    """
    settled = np.array(angles, dtype=np.float64, order="C")
    depth = np.empty(len(settled))
    fingers = np.zeros(len(settled), np.int64) if pinch is None else np.asarray(pinch, np.int64)
    _settle_all(settled, depth, fingers, hand_joints(model), capsules.local, capsules.bones, capsules.palm, SWEEPS)
    return settled, depth


def overlap(model: HandModel, capsules: Capsules, angles: Array) -> Array:
    """The deepest overlap (B,) in metres of poses (B, 21), negative where there is none."""
    depth = np.empty(len(angles))
    fingers = np.zeros(len(angles), np.int64)
    poses = np.array(angles, dtype=np.float64, order="C")
    _settle_all(poses, depth, fingers, hand_joints(model), capsules.local, capsules.bones, capsules.palm, 0)
    return depth


@njit(cache=True, fastmath=True, error_model="numpy")
def _settle_all(angles, depth, pinch, joints, local, bones, palm, sweeps):
    turns = np.empty((16, 3, 3))
    world = np.empty((16, 3, 3))
    place = np.empty((16, 3))
    caps = np.empty((19, 2, 4))  # both ends and radii: three bones of each finger, then the metacarpals
    balls = np.empty((19, 4))  # around them
    axes = np.empty((21, 3))
    change = np.empty(21)
    gains = np.empty(10)
    for i in range(len(angles)):
        caps[15:] = palm[i]
        for p in range(15, 19):
            _ball(caps, p, balls)
        for sweep in range(sweeps + 1):
            turn_bones(angles[i], joints, turns)
            _chain(turns, local[i], world, place)
            for n in range(15):
                for side in range(2):
                    for c in range(3):
                        caps[n, side, c] = place[n + 1, c]
                        for d in range(3):
                            caps[n, side, c] += world[n + 1, c, d] * bones[i, n // 3, n % 3, side, d]
                    caps[n, side, 3] = bones[i, n // 3, n % 3, side, 3]
                _ball(caps, n, balls)
            _angle_axes(angles[i], joints, world, axes)
            change[:] = 0.0
            worst = _collide(caps, balls, axes, place, gains, change)
            far = 0.0
            if pinch[i] > 0 and sweep < sweeps - 4:  # at last fingers only give way
                far = _attract(pinch[i], caps, joints, world, axes, place, gains, change)
            depth[i] = worst
            if sweep == sweeps or (worst < SOFT and far < PAD):
                break
            for d in range(21):
                turned = angles[i, d] + np.degrees(min(STEP, max(-STEP, change[d])))
                # limits hold what is within them; what was drawn beyond them only returns
                low, high = min(LOW[d], angles[i, d]), max(HIGH[d], angles[i, d])
                angles[i, d] = min(high, max(low, turned))


@njit(cache=True, fastmath=True, error_model="numpy")
def _chain(turns, local, world, place):
    """Rotations (16, 3, 3) and heads (16, 3) of the bones in the hand frame."""
    world[0] = turns[0]
    place[0] = 0.0
    for b in range(1, 16):
        parent = 0 if b % 3 == 1 else b - 1
        multiply(world[parent], turns[b], world[b])
        for c in range(3):
            place[b, c] = place[parent, c]
            for d in range(3):
                place[b, c] += world[parent, c, d] * local[b, d]


@njit(cache=True, fastmath=True, error_model="numpy")
def _angle_axes(angles, joints, world, axes):
    """The axis (21, 3) in the hand frame about which each angle turns what follows it."""
    for f in range(4):
        base = 4 + 3 * f
        c, s = np.cos(np.radians(angles[12 + f])), np.sin(np.radians(angles[12 + f]))
        x, y, z = joints.axes[base, 0], joints.axes[base, 1], joints.axes[base, 2]
        axes[3 * f, 0], axes[3 * f, 1], axes[3 * f, 2] = c * x - s * y, s * x + c * y, z
        _rotated(world, base, joints.axes, base + 1, axes, 3 * f + 1)
        _rotated(world, base + 1, joints.axes, base + 2, axes, 3 * f + 2)
        axes[12 + f, 0] = axes[12 + f, 1] = 0.0
        axes[12 + f, 2] = 1.0
    x, y, z = joints.thumb[0, 0], joints.thumb[0, 1], joints.thumb[0, 2]
    axes[17, 0], axes[17, 1], axes[17, 2] = x, y, z
    c, s = np.cos(np.radians(angles[17])), np.sin(np.radians(angles[17]))
    a, b, d = joints.axes[1, 0], joints.axes[1, 1], joints.axes[1, 2]  # perpendicular to the last
    axes[16, 0], axes[16, 1] = c * a + s * (y * d - z * b), c * b + s * (z * a - x * d)
    axes[16, 2] = c * d + s * (x * b - y * a)
    _rotated(world, 1, joints.thumb, 1, axes, 18)
    _rotated(world, 1, joints.axes, 2, axes, 19)
    _rotated(world, 2, joints.axes, 3, axes, 20)


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def _rotated(world, bone, vectors, i, out, j):
    """out[j] = world[bone] @ vectors[i]."""
    for c in range(3):
        out[j, c] = (
            world[bone, c, 0] * vectors[i, 0] + world[bone, c, 1] * vectors[i, 1] + world[bone, c, 2] * vectors[i, 2]
        )


@njit(cache=True, fastmath=True, error_model="numpy")
def _ball(caps, n, balls):
    """A ball (4,) around capsule n."""
    half = 0.0
    for c in range(3):
        balls[n, c] = 0.5 * (caps[n, 0, c] + caps[n, 1, c])
        half += (caps[n, 1, c] - caps[n, 0, c]) ** 2
    balls[n, 3] = 0.5 * np.sqrt(half) + max(caps[n, 0, 3], caps[n, 1, 3])


@njit(cache=True, fastmath=True, error_model="numpy")
def _collide(caps, balls, axes, place, gains, change):
    """Add to `change` (21,) what takes overlapping capsules apart; returns the deepest overlap."""
    worst = -1.0
    for f in range(5):
        for k in range(3):
            # bones that share a joint always overlap; a finger's last bone may touch its first
            if k == 2:
                worst = max(worst, _apart(f, 2, 3 * f, caps, balls, axes, place, gains, change))
            for other in range(f + 1, 5):
                for j in range(3):
                    # neighbours grow out of the palm together, as does the ball of the thumb
                    if k > 0 or j > 0:
                        worst = max(worst, _apart(f, k, 3 * other + j, caps, balls, axes, place, gains, change))
            if k == 2 or (k == 1 and f > 0):
                for p in range(4):
                    if k == 2 or p != f - 1:  # folded back over its own root
                        worst = max(worst, _apart(f, k, 15 + p, caps, balls, axes, place, gains, change))
    return worst


@njit(cache=True, fastmath=True, error_model="numpy")
def _apart(f, k, n, caps, balls, axes, place, gains, change):
    """Take bone k of finger f off capsule n; returns how deep it was in it."""
    m = 3 * f + k
    apart = 0.0
    for c in range(3):
        apart += (balls[m, c] - balls[n, c]) ** 2
    if apart > (balls[m, 3] + balls[n, 3]) ** 2:  # cheap
        return -1.0
    s, t = _nearest(caps, m, n)
    px, py, pz = _along(caps, m, s)
    qx, qy, qz = _along(caps, n, t)
    dx, dy, dz = px - qx, py - qy, pz - qz
    distance = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
    depth = caps[m, 0, 3] + s * (caps[m, 1, 3] - caps[m, 0, 3]) - distance
    depth += caps[n, 0, 3] + t * (caps[n, 1, 3] - caps[n, 0, 3])
    own, palm = n // 3 == f, n >= 15
    if own or (palm and f > 0):
        depth -= FLESH
    if depth > SOFT:
        dx, dy, dz = dx / distance, dy / distance, dz / distance
        gains[:] = 0.0
        stiffness = 1e-6 + _gain(f, 1 if own else 0, k, px, py, pz, dx, dy, dz, axes, place, gains, 0)
        if not own and not palm:
            stiffness += _gain(n // 3, 0, n % 3, qx, qy, qz, -dx, -dy, -dz, axes, place, gains, 5)
        _turn(f, n // 3, gains, (depth - 0.5 * SOFT) / stiffness, change)
    return depth


@njit(cache=True, fastmath=True, error_model="numpy")
def _attract(finger, caps, joints, world, axes, place, gains, change):
    """Add what brings the thumb's pad to a finger's; returns how far apart they are."""
    px, py, pz = _pad(0, caps, joints, world)
    qx, qy, qz = _pad(finger, caps, joints, world)
    dx, dy, dz = qx - px, qy - py, qz - pz
    distance = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
    dx, dy, dz = dx / distance, dy / distance, dz / distance
    gains[:] = 0.0
    stiffness = 1e-6 + _gain(0, 0, 2, px, py, pz, dx, dy, dz, axes, place, gains, 0)
    stiffness += _gain(finger, 0, 2, qx, qy, qz, -dx, -dy, -dz, axes, place, gains, 5)
    _turn(0, finger, gains, 0.7 * max(0.0, distance - 0.5 * PAD) / stiffness, change)
    return distance


@njit(cache=True, fastmath=True, error_model="numpy")
def _pad(f, caps, joints, world):
    """The middle of a finger's pad, three quarters along its last bone."""
    n, b = 3 * f + 2, 3 * f + 3
    ax, ay, az = caps[n, 1, 0] - caps[n, 0, 0], caps[n, 1, 1] - caps[n, 0, 1], caps[n, 1, 2] - caps[n, 0, 2]
    long = np.sqrt(ax * ax + ay * ay + az * az)
    fx = world[b, 0, 0] * joints.axes[b, 0] + world[b, 0, 1] * joints.axes[b, 1] + world[b, 0, 2] * joints.axes[b, 2]
    fy = world[b, 1, 0] * joints.axes[b, 0] + world[b, 1, 1] * joints.axes[b, 1] + world[b, 1, 2] * joints.axes[b, 2]
    fz = world[b, 2, 0] * joints.axes[b, 0] + world[b, 2, 1] * joints.axes[b, 1] + world[b, 2, 2] * joints.axes[b, 2]
    out = (0.25 * caps[n, 0, 3] + 0.75 * caps[n, 1, 3]) / long
    x, y, z = _along(caps, n, 0.75)
    return x + out * (fy * az - fz * ay), y + out * (fz * ax - fx * az), z + out * (fx * ay - fy * ax)


@njit(cache=True, fastmath=True, error_model="numpy")
def _gain(f, first, k, px, py, pz, nx, ny, nz, axes, place, gains, start):
    """How far (m / radian) each joint of a finger from bone `first` to `k` moves a point of bone `k` along n, into
    `gains` from `start` on; returns how readily they do together."""
    total = 0.0
    for n in range(5):
        d, level = DOF[f, n], LEVEL[f, n]
        if d >= 0 and first <= level <= k:
            b = 3 * f + 1 + level
            rx, ry, rz = px - place[b, 0], py - place[b, 1], pz - place[b, 2]
            ax, ay, az = axes[d, 0], axes[d, 1], axes[d, 2]
            gain = nx * (ay * rz - az * ry) + ny * (az * rx - ax * rz) + nz * (ax * ry - ay * rx)
            gains[start + n] = gain
            total += MOBILITY[d] * gain * gain
    return total


@njit(cache=True, fastmath=True, error_model="numpy")
def _turn(f, other, gains, push, change):
    """Add to `change` what the joints of two fingers do about a push (m) over how readily they move."""
    for n in range(5):
        if gains[n] != 0.0:
            change[DOF[f, n]] += MOBILITY[DOF[f, n]] * gains[n] * push
        if gains[5 + n] != 0.0:
            change[DOF[other, n]] += MOBILITY[DOF[other, n]] * gains[5 + n] * push


@njit(cache=True, fastmath=True, inline="always", error_model="numpy")
def _along(caps, n, s):
    """The point at share s of capsule n's axis."""
    return (
        caps[n, 0, 0] + s * (caps[n, 1, 0] - caps[n, 0, 0]),
        caps[n, 0, 1] + s * (caps[n, 1, 1] - caps[n, 0, 1]),
        caps[n, 0, 2] + s * (caps[n, 1, 2] - caps[n, 0, 2]),
    )


@njit(cache=True, fastmath=True, error_model="numpy")
def _nearest(caps, m, n):
    """Where along two capsules' axes they are nearest, both 0..1 (Ericson: Real-Time Collision Detection)."""
    a = b = c = d = e = 0.0
    for i in range(3):
        u, v, w = caps[m, 1, i] - caps[m, 0, i], caps[n, 1, i] - caps[n, 0, i], caps[m, 0, i] - caps[n, 0, i]
        a, b, c, d, e = a + u * u, b + u * v, c + v * v, d + u * w, e + v * w
    denominator = a * c - b * b
    s = min(1.0, max(0.0, (b * e - c * d) / denominator)) if denominator > 1e-12 else 0.0
    t = (b * s + e) / c
    if t < 0.0:
        t, s = 0.0, min(1.0, max(0.0, -d / a))
    elif t > 1.0:
        t, s = 1.0, min(1.0, max(0.0, (b - d) / a))
    return s, t
