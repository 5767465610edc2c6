"""Hand poses: joint angles within anatomical limits, from the open hand to the fist, gestures, grasps and pinches.

What the angles mean stands in `turns.py`. Fingers that would pass through each other are turned apart (`contacts.py`).
"""

from __future__ import annotations

import numpy as np

from training.hands.capsules import Capsules, measure_capsules
from training.hands.contacts import TOLERANCE, settle
from training.hands.gestures import draw_gestures
from training.hands.model import Array, HandModel, HandShape
from training.hands.pose_bank import PoseBank
from training.hands.turns import HIGH, LOW, SPREAD, THUMB, bone_turns

#: Share of poses drawn from the bank of real ones where there is one.
FROM_BANK = 0.3
#: Of the others: of named gestures and what lies between them, and of pinches.
GESTURES = 0.3
PINCHES = 0.12
#: Poses of the thumb: base flexion, abduction and twist, flexion of the other two joints.
THUMB_FLAT = [25.0, 26.0, 0.0, 0.0, -5.0]  # beside the index
THUMB_OUT = [-8.0, 22.0, 0.0, -5.0, -5.0]  # away from it, in the palm's plane
THUMB_ACROSS = [32.0, -10.0, 22.0, 25.0, 30.0]  # over the palm, or a fist's fingers
#: Tries to replace poses whose fingers cannot be taken apart.
ROUNDS = 3


def sample_turns(model: HandModel, shape: HandShape, rng: np.random.Generator, bank: PoseBank | None = None) -> Array:
    """Local rotations (B, 16, 3, 3) of the bones, one pose for each hand; the wrist bone's is the identity."""
    return bone_turns(model, sample_poses(model, shape, rng, bank))


def sample_poses(model: HandModel, shape: HandShape, rng: np.random.Generator, bank: PoseBank | None = None) -> Array:
    """Poses (B, 21) in degrees, one for each hand, without fingers that pass through each other or the palm."""
    capsules = measure_capsules(model, shape)
    count = len(shape.heads)
    poses, depth = settle(model, capsules, *draw_poses(rng, count, bank))
    for _ in range(ROUNDS):
        bad = np.flatnonzero(depth > TOLERANCE)
        if len(bad) == 0:
            break
        some = Capsules(*(values[bad] for values in vars(capsules).values()))
        poses[bad], depth[bad] = settle(model, some, *draw_poses(rng, len(bad), bank))
    return poses


def draw_poses(rng: np.random.Generator, batch: int, bank: PoseBank | None = None) -> tuple[Array, Array]:
    """Poses (B, 21) that may still overlap, and the finger (B,) whose pad the thumb touches, 0 for none."""
    curl = _curls(rng, batch)
    flexion = _flexion(rng, curl)
    spread = rng.normal(-0.3, 1, (batch, 1)) * np.array([8.0, 1.0, -6.0, -11.0]) + rng.normal(0, 4, (batch, 4))
    spread *= 1 - 0.8 * (flexion[..., 0].clip(0, 90) / 90)  # a bent knuckle hardly spreads
    poses = np.concatenate([flexion.reshape(batch, 12), spread, _thumbs(rng, curl)], axis=1)

    pinch = np.where(rng.random(batch) < PINCHES, rng.choice([1, 2, 3, 4], batch, p=[0.5, 0.25, 0.15, 0.1]), 0)
    _towards_pinch(rng, poses, pinch)
    known = rng.random(batch) < GESTURES
    poses[known], pinch[known] = draw_gestures(rng, int(known.sum()))
    if bank is not None:
        real = rng.random(batch) < FROM_BANK
        poses[real], pinch[real] = bank.sample(rng, int(real.sum())), 0
    return poses.clip(LOW, HIGH), pinch


def _curls(rng: np.random.Generator, batch: int) -> Array:
    """How far each of the four fingers is closed (B, 4), 0 straight to 1 in the fist."""
    kind = rng.random((batch, 1))
    whole = rng.beta(0.55, 0.6, (batch, 1)) + rng.normal(0, 0.07, (batch, 4))  # all together, open to fist
    gesture = rng.integers(0, 2, (batch, 4)) + rng.normal(0, 0.08, (batch, 4))  # counting, pointing, horns
    free = rng.beta(0.7, 0.8, (batch, 4))
    ramp = rng.uniform(0, 1, (batch, 1)) + rng.normal(0, 0.25, (batch, 1)) * np.linspace(-1, 1, 4)  # grasps roll in
    flat = np.zeros((batch, 4))
    choice = [kind < 0.13, kind < 0.40, kind < 0.65, kind < 0.8]
    return np.select([np.broadcast_to(c, (batch, 4)) for c in choice], [flat, whole, gesture, free], ramp).clip(0, 1)


def _flexion(rng: np.random.Generator, curl: Array) -> Array:
    """Flexion (B, 4, 3) of fingers closed by `curl` (B, 4)."""
    batch = len(curl)
    flexion = np.empty((batch, 4, 3))
    # straight and fully closed fingers are at their joints' ends: little varies there
    loose = 0.45 + 0.55 * np.sin(np.pi * curl)
    # the knuckles of a straight hand may be bent together, as in a salute or a flat grasp, or bent back
    knuckles = rng.normal(-3, 14, (batch, 1)) * (1 - curl)
    flexion[..., 0] = knuckles + 88 * (0.9 * curl + 0.1 * rng.random((batch, 4)) * curl)
    flexion[..., 0] += rng.normal(0, 9, (batch, 4)) * loose
    flexion[..., 1] = 1 + 102 * curl + rng.normal(0, 10, (batch, 4)) * loose
    # the last joint follows the one before it by about two thirds (shared tendon)
    flexion[..., 2] = 0.64 * flexion[..., 1] + rng.normal(0, 9, (batch, 4)) * loose
    hook = rng.random((batch, 1)) < 0.08  # bent at the last two joints, straight at the knuckle, or the reverse
    tabletop = rng.random((batch, 1)) < 0.07
    flexion[..., 0] = np.where(hook, rng.normal(0, 12, (batch, 4)), flexion[..., 0])
    for k in (1, 2):
        flexion[..., k] = np.where(tabletop & ~hook, rng.normal(6, 7, (batch, 4)), flexion[..., k])
    return flexion


def _thumbs(rng: np.random.Generator, curl: Array) -> Array:
    """Thumbs (B, 5): anywhere, beside the hand, sticking out, or across the palm, the more the more the index and
    middle finger are closed."""
    batch = len(curl)
    anywhere = rng.uniform(LOW[THUMB], HIGH[THUMB], (batch, 5))
    along = rng.random((batch, 1))
    beside = along * THUMB_FLAT + (1 - along) * np.array(THUMB_OUT)
    closed = curl[:, :2].mean(1, keepdims=True)
    kind = rng.random((batch, 1)) - 0.35 * closed
    thumb = np.where(kind < 0.15, THUMB_ACROSS, np.where(kind < 0.6, beside, anywhere))
    return thumb + rng.normal(0, 1, (batch, 5)) * [9, 8, 8, 11, 13]


def _towards_pinch(rng: np.random.Generator, poses: Array, pinch: Array) -> None:
    """Bring the thumb opposite to the fingers that it pinches, near enough for contact to do the rest."""
    rows = np.flatnonzero(pinch)
    fingers = pinch[rows] - 1
    bend = rng.uniform(0, 1, len(rows))  # from long and flat to round
    for k, (flat, round_) in enumerate(((50, 42), (25, 62), (8, 38))):
        poses[rows, 3 * fingers + k] = flat + (round_ - flat) * bend + rng.normal(0, 7, len(rows))
    poses[rows, SPREAD.start + fingers] *= 0.4
    opposite = np.array([[14, -10, 10, 12, 20], [20, -14, 15, 18, 25], [27, -16, 20, 25, 30], [33, -18, 25, 32, 35]])
    poses[rows, THUMB] = opposite[fingers] + rng.normal(0, 1, (len(rows), 5)) * [6, 6, 6, 10, 14]
