"""Poses of the test sets: blends of named hand shapes, each finger with a will of its own, none through another.

Angles are degrees: flexion from the straight finger, spread towards the thumb's side from how the rig spreads at rest,
the thumb's from its rest.
"""

from __future__ import annotations

import numpy as np

from training.test_sets.rig import BONE_COUNT, FOREARM, Array, Rig, pose

#: Name: flexion at (MCP, PIP, DIP) of index, middle, ring, little; spread; thumb: base flexion, palmar abduction,
#: twist, MCP flexion, IP flexion.
_STRAIGHT, _BENT = (0, 4, 2), (82, 98, 62)
SHAPES = {
    "flat": ((_STRAIGHT,) * 4, -0.3, (5, -5, 0, 5, 5)),
    "open": ((_STRAIGHT,) * 4, 1.0, (-12, 5, 0, 0, -5)),
    "relaxed": (((18, 30, 15), (24, 34, 18), (28, 38, 20), (30, 38, 22)), 0.1, (8, 8, 5, 15, 15)),
    "fist": ((_BENT,) * 4, -0.6, (24, 18, 15, 32, 48)),
    "thumb up": ((_BENT,) * 4, -0.6, (-15, -5, 0, -2, -8)),
    "pointing": ((_STRAIGHT, _BENT, _BENT, _BENT), 0.0, (24, 16, 12, 32, 42)),
    "pistol": ((_STRAIGHT, _BENT, _BENT, _BENT), 0.0, (-14, 0, 0, 0, -5)),
    "two": ((_STRAIGHT, _STRAIGHT, _BENT, _BENT), 0.9, (30, 22, 18, 30, 42)),
    "three": ((_STRAIGHT, _STRAIGHT, _STRAIGHT, _BENT), 0.7, (32, 24, 20, 30, 40)),
    "four": ((_STRAIGHT,) * 4, 0.8, (34, 16, 18, 30, 40)),
    "horns": ((_STRAIGHT, _BENT, _BENT, _STRAIGHT), 0.3, (28, 22, 16, 30, 40)),
    "shaka": ((_BENT, _BENT, _BENT, _STRAIGHT), 0.4, (-15, 0, 0, -5, -8)),
    "ok": (((46, 58, 28), (16, 18, 8), (10, 12, 6), (5, 8, 5)), 0.4, (16, 26, 16, 18, 26)),
    "pinch": (((50, 52, 30), (54, 58, 30), (62, 66, 36), (66, 70, 40)), -0.1, (16, 26, 18, 18, 24)),
    "cylinder": (((42, 44, 26), (44, 48, 28), (46, 50, 30), (48, 50, 30)), 0.2, (8, 30, 12, 10, 20)),
    "ball": (((26, 32, 20), (26, 32, 20), (28, 32, 20), (30, 34, 20)), 1.0, (0, 26, 6, 8, 15)),
    "hook": (((4, 86, 56),) * 4, -0.2, (6, 0, 0, 8, 8)),
    "lid": (((78, 10, 5),) * 4, -0.3, (8, 18, 8, 5, 5)),
    "key": (((48, 78, 46), (60, 84, 50), (68, 86, 52), (72, 86, 52)), -0.4, (12, 4, 4, 16, 22)),
    "claw": (((-8, 58, 38),) * 4, 0.8, (-6, 14, 0, 10, 32)),
}
_SPREAD = np.array([9.0, 1.0, -7.0, -15.0])
_LOW, _HIGH = np.array([-20.0, -3.0, -5.0]), np.array([90.0, 110.0, 78.0])
#: Half the thickness of fingers, as a share of what they measure: skin gives way.
_SOFT = 0.72
_RADII = np.array([0.0098, 0.0088, 0.0088, 0.0083, 0.0074])
_TRIES = 30


def sample_pose(rig: Rig, rng: np.random.Generator) -> tuple[Array, Array]:
    """Vertices (V, 3) and joints (21, 3) of a pose in the hand frame, its fingers clear of each other."""
    for _ in range(_TRIES):
        posed = pose(rig, bone_turns(rig, *_sample_angles(rng)))
        if not crossing(posed[1]):
            return posed
    return pose(rig, bone_turns(rig, *_angles("open"), np.zeros(2)))


def bone_turns(rig: Rig, flexion: Array, spread: Array, thumb: Array, wrist: Array) -> Array:
    """Local rotations (17, 3, 3) for flexion (4, 3), spread (4,), thumb (5,) and the wrist's flexion and deviation
    (2,), in degrees."""
    turns = np.broadcast_to(np.eye(3), (BONE_COUNT, 3, 3)).copy()
    for finger in range(4):
        for k in range(3):
            bone = 4 + 3 * finger + k
            turns[bone] = _turn(rig.flex_axes[bone], np.radians(flexion[finger, k]) - rig.rest_flexion[bone])
        base = 4 + 3 * finger
        turns[base] = _turn(np.array([0, 0, 1.0]), np.radians(spread[finger])) @ turns[base]
    angles = np.radians(thumb)
    along = rig.heads[2] - rig.heads[1]
    along /= np.linalg.norm(along)
    flex = rig.flex_axes[1] - (rig.flex_axes[1] @ along) * along
    flex /= np.linalg.norm(flex)
    side = np.cross(flex, along)
    turns[1] = _turn(side, angles[1]) @ _turn(flex, angles[0]) @ _turn(along, angles[2])
    turns[2], turns[3] = _turn(rig.flex_axes[2], angles[3]), _turn(rig.flex_axes[3], angles[4])
    # the hand stays and the arm turns: a hand bent towards its palm has its arm bent the other way
    bend = np.radians(wrist)
    turns[FOREARM] = _turn(np.array([1.0, 0, 0]), bend[0]) @ _turn(np.array([0, 0, 1.0]), bend[1])
    return turns


def crossing(joints: Array) -> bool:
    """Whether fingers of a hand with these joints (21, 3) run through each other: capsules about their bones."""
    size = np.linalg.norm(joints[10] - joints[0]) / 0.13
    starts, ends, finger = [], [], []
    for f in range(5):
        for k in range(1 if f == 0 else 0, 3):
            starts.append(joints[1 + 4 * f + k])
            ends.append(joints[2 + 4 * f + k])
            finger.append(f)
    along = np.linspace(0, 1, 6)[:, None]
    points = np.stack([s + (e - s) * along for s, e in zip(starts, ends, strict=True)])  # (bones, 6, 3)
    of = np.array(finger)
    gaps = np.linalg.norm(points[:, None, :, None] - points[None, :, None, :], axis=-1).min((2, 3))
    room = (_RADII[of][:, None] + _RADII[of][None]) * _SOFT * size
    base = np.arange(len(of)) % 3 == 2  # the fingers' first bones share the palm's flesh (the thumb has but two)
    others = (of[:, None] != of[None]) & ~(base[:, None] & base[None])
    return bool((gaps < room)[others].any())


def _angles(name: str) -> tuple[Array, Array, Array]:
    flexion, spread, thumb = SHAPES[name]
    return np.array(flexion, float), spread * _SPREAD, np.array(thumb, float)


def _sample_angles(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """flexion (4, 3), spread (4,), thumb (5,) and wrist (2,) between two named shapes, with noise."""
    one, other = (_angles(str(name)) for name in rng.choice(list(SHAPES), 2, replace=False))
    share = rng.beta(0.35, 0.35)
    flexion, spread, thumb = (a * share + b * (1 - share) for a, b in zip(one, other, strict=True))
    flexion = flexion + rng.normal(0, 5, (4, 1)) + rng.normal(0, 4, (4, 3))
    spread = (spread + rng.normal(0, 2.5, 4)) * (1 - 0.75 * np.clip(flexion[:, 0], 0, 90) / 90)
    return flexion.clip(_LOW, _HIGH), spread, thumb + rng.normal(0, 5, 5), rng.normal(0, (18, 7))


def _turn(axis: Array, angle: float) -> Array:
    """Rotation (3, 3) by `angle` radians about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn
