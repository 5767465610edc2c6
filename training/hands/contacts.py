"""Fingers touch and do not pass through each other: contacts of capsules, resolved by turning the joints.

Each finger bone is a tapered capsule as thick as the skin around it, the palm four of them along its metacarpals. A
contact that overlaps turns the joints of both fingers, each by as much as it helps (position-based dynamics: Müller et
al. 2007, with joint angles for coordinates); a pinch pulls two finger pads together in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from training.hands.model import BONE_PARENT, FINGER_BONES, Array, HandModel, HandShape
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
#: Sections of the palm at 30 % and 95 % of each metacarpal: how far (m) its middle lies below the bone, its radius.
PALM_SECTIONS = ((0.30, 0.0045, 0.0205), (0.95, 0.009, 0.0145))


@dataclass(frozen=True)
class Capsules:
    """Lengths in metres. local: (B, 16, 3) from the parent's head to each bone's, in the parent's frame. bones:
    (B, 5, 3, 2, 4) both ends (from the bone's head, in its frame) and radii of the finger bones. palm: (B, 4, 2, 4)
    the same of the metacarpals, hand frame, index first."""

    local: Array
    bones: Array
    palm: Array


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


def measure_capsules(model: HandModel, shape: HandShape) -> Capsules:
    """The capsules of a batch of hands."""
    offsets, radii = model.sections[..., :3], model.sections[..., 3]
    batch = len(shape.heads)
    local = np.zeros((batch, 16, 3))
    for bone, parent in enumerate(BONE_PARENT[1:], start=1):
        step = shape.heads[:, bone] - shape.heads[:, parent]
        local[:, bone] = (shape.scales[:, parent] @ step[..., None])[..., 0]
    bones = np.empty((batch, 5, 3, 2, 4))
    for finger, own in enumerate(FINGER_BONES):
        for k, bone in enumerate(own):
            scale = shape.scales[:, bone]
            end = (shape.tips[:, finger] if k == 2 else shape.heads[:, bone + 1]) - shape.heads[:, bone]
            axis = end / np.linalg.norm(end, axis=1, keepdims=True)
            if k == 2:
                end = end - radii[finger, 3] * axis  # the tip is at the skin
            along = np.einsum("bi,bij,bj->b", axis, scale, axis)
            across = (np.trace(scale, axis1=1, axis2=2) - along) / 2  # as thick one way as the other
            for side, start in enumerate((np.zeros_like(end), end)):
                bones[:, finger, k, side, :3] = (scale @ (start + offsets[finger, k + side])[..., None])[..., 0]
                bones[:, finger, k, side, 3] = radii[finger, k + side] * across
    palm = np.empty((batch, 4, 2, 4))
    wide = shape.scales[:, 0]
    for k in range(4):
        metacarpal = shape.heads[:, 4 + 3 * k] - shape.heads[:, 0]
        for side, (share, sink, radius) in enumerate(PALM_SECTIONS):
            palm[:, k, side, :3] = (wide @ (share * metacarpal - [0, 0, sink])[..., None])[..., 0]
            palm[:, k, side, 3] = radius * wide[:, 2, 2]
    return Capsules(local, bones, palm)


@njit(cache=True)
def _settle_all(angles, depth, pinch, joints, local, bones, palm, sweeps):
    turns = np.empty((16, 3, 3))
    world = np.empty((16, 3, 3))
    place = np.empty((16, 3))
    ends = np.empty((5, 3, 2, 3))
    axes = np.empty((21, 3))
    change = np.empty(21)
    for i in range(len(angles)):
        for sweep in range(sweeps + 1):
            turn_bones(angles[i], joints, turns)
            _chain(turns, local[i], world, place)
            for f in range(5):
                for k in range(3):
                    b = 3 * f + k + 1
                    for side in range(2):
                        ends[f, k, side] = place[b] + world[b] @ bones[i, f, k, side, :3]
            _angle_axes(angles[i], joints, world, axes)
            change[:] = 0.0
            worst = _collide(ends, bones[i], palm[i], axes, place, change)
            far = 0.0
            if pinch[i] > 0 and sweep < sweeps - 4:  # at last fingers only give way
                far = _attract(pinch[i], ends, bones[i], joints, world, axes, place, change)
            depth[i] = worst
            if sweep == sweeps or (worst < SOFT and far < PAD):
                break
            for d in range(21):
                turned = angles[i, d] + np.degrees(min(STEP, max(-STEP, change[d])))
                # limits hold what is within them; what was drawn beyond them only returns
                low, high = min(LOW[d], angles[i, d]), max(HIGH[d], angles[i, d])
                angles[i, d] = min(high, max(low, turned))


@njit(cache=True)
def _chain(turns, local, world, place):
    """Rotations (16, 3, 3) and heads (16, 3) of the bones in the hand frame."""
    world[0] = turns[0]
    place[0] = 0.0
    for b in range(1, 16):
        parent = 0 if b % 3 == 1 else b - 1
        multiply(world[parent], turns[b], world[b])
        place[b] = place[parent] + world[parent] @ local[b]


@njit(cache=True)
def _angle_axes(angles, joints, world, axes):
    """The axis (21, 3) in the hand frame about which each angle turns what follows it."""
    for f in range(4):
        base = 4 + 3 * f
        c, s = np.cos(np.radians(angles[12 + f])), np.sin(np.radians(angles[12 + f]))
        x, y, z = joints.axes[base]
        axes[3 * f, 0], axes[3 * f, 1], axes[3 * f, 2] = c * x - s * y, s * x + c * y, z
        axes[3 * f + 1] = world[base] @ joints.axes[base + 1]
        axes[3 * f + 2] = world[base + 1] @ joints.axes[base + 2]
        axes[12 + f] = 0.0
        axes[12 + f, 2] = 1.0
    side = joints.thumb[0]
    axes[17] = side
    c, s = np.cos(np.radians(angles[17])), np.sin(np.radians(angles[17]))
    axes[16] = c * joints.axes[1] + s * np.cross(side, joints.axes[1])  # perpendicular to `side`
    axes[18] = world[1] @ joints.thumb[1]
    axes[19] = world[1] @ joints.axes[2]
    axes[20] = world[2] @ joints.axes[3]


@njit(cache=True)
def _collide(ends, bones, palm, axes, place, change):
    """Add to `change` (21,) what takes overlapping capsules apart; returns the deepest overlap."""
    worst = -1.0
    for f in range(5):
        for k in range(3):
            # bones that share a joint always overlap; a finger's last bone may touch its first
            if k == 2:
                worst = max(worst, _apart(f, 2, ends, bones, f, 0, axes, place, change))
            for other in range(f + 1, 5):
                for j in range(3):
                    if k == 0 and j == 0 and f > 0:
                        continue  # neighbours grow out of the palm together
                    if f == 0 and k == 0 and j == 0:
                        continue  # as does the ball of the thumb
                    worst = max(worst, _apart(f, k, ends, bones, other, j, axes, place, change))
            if k == 2 or (k == 1 and f > 0):
                for p in range(4):
                    if k == 1 and p == f - 1:
                        continue  # folded back over its own root
                    worst = max(worst, _off_palm(f, k, ends, bones, palm[p], axes, place, change))
    return worst


@njit(cache=True)
def _apart(f, k, ends, bones, other, j, axes, place, change):
    a0, a1, b0, b1 = ends[f, k, 0], ends[f, k, 1], ends[other, j, 0], ends[other, j, 1]
    ra0, ra1, rb0, rb1 = bones[f, k, 0, 3], bones[f, k, 1, 3], bones[other, j, 0, 3], bones[other, j, 1, 3]
    # cheap: spheres around both
    reach = 0.0
    for c in range(3):
        reach += (a0[c] + a1[c] - b0[c] - b1[c]) ** 2
    bound = max(ra0, ra1) + max(rb0, rb1)
    half = 0.0
    for c in range(3):
        half += (a1[c] - a0[c]) ** 2
    half_b = 0.0
    for c in range(3):
        half_b += (b1[c] - b0[c]) ** 2
    if 0.5 * np.sqrt(reach) > bound + 0.5 * (np.sqrt(half) + np.sqrt(half_b)):
        return -1.0
    s, t = _nearest(a0, a1, b0, b1)
    pa, pb = a0 + s * (a1 - a0), b0 + t * (b1 - b0)
    away = pa - pb
    distance = np.sqrt(away @ away) + 1e-9
    depth = ra0 + s * (ra1 - ra0) + rb0 + t * (rb1 - rb0) - distance
    if f == other:
        depth -= FLESH
    if depth > SOFT:
        if f == other:
            _turn(f, k, 1, pa, away / distance, depth - 0.5 * SOFT, axes, place, change)
        else:
            _turn_both(f, k, pa, other, j, pb, away / distance, depth - 0.5 * SOFT, axes, place, change)
    return depth


@njit(cache=True)
def _off_palm(f, k, ends, bones, palm, axes, place, change):
    a0, a1, b0, b1 = ends[f, k, 0], ends[f, k, 1], palm[0, :3], palm[1, :3]
    s, t = _nearest(a0, a1, b0, b1)
    pa, pb = a0 + s * (a1 - a0), b0 + t * (b1 - b0)
    away = pa - pb
    distance = np.sqrt(away @ away) + 1e-9
    radius = bones[f, k, 0, 3] + s * (bones[f, k, 1, 3] - bones[f, k, 0, 3])
    depth = radius + palm[0, 3] + t * (palm[1, 3] - palm[0, 3]) - distance
    if f > 0:
        depth -= FLESH
    if depth > SOFT:
        _turn(f, k, 0, pa, away / distance, depth - 0.5 * SOFT, axes, place, change)
    return depth


@njit(cache=True)
def _attract(finger, ends, bones, joints, world, axes, place, change):
    """Add what brings the thumb's pad to a finger's; returns how far apart they are."""
    pads = np.empty((2, 3))
    for n in range(2):
        f = finger if n == 1 else 0
        a, b = ends[f, 2, 0], ends[f, 2, 1]
        along = (b - a) / np.sqrt((b - a) @ (b - a))
        palmar = np.cross(world[3 * f + 3] @ joints.axes[3 * f + 3], along)
        radius = 0.25 * bones[f, 2, 0, 3] + 0.75 * bones[f, 2, 1, 3]
        pads[n] = 0.25 * a + 0.75 * b + radius * palmar
    away = pads[1] - pads[0]
    distance = np.sqrt(away @ away) + 1e-9
    pull = 0.7 * max(0.0, distance - 0.5 * PAD)
    _turn_both(0, 2, pads[0], finger, 2, pads[1], away / distance, pull, axes, place, change)
    return distance


@njit(cache=True)
def _turn(f, k, first, point, normal, depth, axes, place, change):
    """Turn a finger's joints from bone `first` on so that `point` of its bone `k` moves by `depth` along `normal`."""
    stiffness = 1e-6
    gains = np.zeros(5)
    for n in range(5):
        d = DOF[f, n]
        if d >= 0 and first <= LEVEL[f, n] <= k:
            gains[n] = normal @ np.cross(axes[d], point - place[3 * f + 1 + LEVEL[f, n]])
            stiffness += MOBILITY[d] * gains[n] ** 2
    for n in range(5):
        if gains[n] != 0.0:
            change[DOF[f, n]] += MOBILITY[DOF[f, n]] * gains[n] * depth / stiffness


@njit(cache=True)
def _turn_both(f, k, pa, other, j, pb, normal, depth, axes, place, change):
    """The same for two fingers that go apart: the first along `normal`, the other against it."""
    stiffness = 1e-6
    gains = np.zeros(10)
    for n in range(5):
        d = DOF[f, n]
        if d >= 0 and LEVEL[f, n] <= k:
            gains[n] = normal @ np.cross(axes[d], pa - place[3 * f + 1 + LEVEL[f, n]])
            stiffness += MOBILITY[d] * gains[n] ** 2
        d = DOF[other, n]
        if d >= 0 and LEVEL[other, n] <= j:
            gains[5 + n] = -(normal @ np.cross(axes[d], pb - place[3 * other + 1 + LEVEL[other, n]]))
            stiffness += MOBILITY[d] * gains[5 + n] ** 2
    for n in range(5):
        if gains[n] != 0.0:
            change[DOF[f, n]] += MOBILITY[DOF[f, n]] * gains[n] * depth / stiffness
        if gains[5 + n] != 0.0:
            change[DOF[other, n]] += MOBILITY[DOF[other, n]] * gains[5 + n] * depth / stiffness


@njit(cache=True)
def _nearest(a0, a1, b0, b1):
    """Where along two segments they are nearest to each other, both 0..1 (Ericson: Real-Time Collision Detection)."""
    u, v, w = a1 - a0, b1 - b0, a0 - b0
    a, b, c, d, e = u @ u, u @ v, v @ v, u @ w, v @ w
    denominator = a * c - b * b
    s = min(1.0, max(0.0, (b * e - c * d) / denominator)) if denominator > 1e-12 else 0.0
    t = (b * s + e) / c
    if t < 0.0:
        t, s = 0.0, min(1.0, max(0.0, -d / a))
    elif t > 1.0:
        t, s = 1.0, min(1.0, max(0.0, (b - d) / a))
    return s, t
