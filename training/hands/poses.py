"""Hand poses: joint angles within anatomical limits, from open hand to fist, gestures and pinches.

Angles are degrees of flexion from the straight hand, abduction towards the thumb; ranges follow the clinical ones
(American Academy of Orthopaedic Surgeons: MCP -30..90, PIP 0..110, DIP 0..80).
"""

from __future__ import annotations

import numpy as np

from training.hands.model import FINGER_BONES, Array, HandModel

#: Thumb: CMC flexion, CMC abduction, CMC twist, MCP flexion, IP flexion, all from the rest pose.
THUMB_LOW = np.array([-25.0, -25.0, -15.0, -15.0, -20.0])
THUMB_HIGH = np.array([40.0, 35.0, 35.0, 55.0, 75.0])


def sample_turns(model: HandModel, rng: np.random.Generator, batch: int) -> Array:
    """Local rotations (B, 16, 3, 3) of the bones for `batch` poses; the wrist bone's is the identity."""
    curl = _curls(rng, batch)
    flexion = np.empty((batch, 4, 3))
    flexion[..., 0] = -18 + 105 * (0.9 * curl + 0.1 * rng.random((batch, 4))) + rng.normal(0, 9, (batch, 4))
    flexion[..., 1] = 2 + 103 * curl + rng.normal(0, 10, (batch, 4))
    # the last joint follows the one before it by about two thirds (shared tendon)
    flexion[..., 2] = 0.62 * flexion[..., 1] + rng.normal(0, 9, (batch, 4))
    hook = rng.random((batch, 1)) < 0.12  # fingers bent at the last two joints, straight at the knuckle, or the reverse
    tabletop = rng.random((batch, 1)) < 0.10
    flexion[..., 0] = np.where(hook, rng.normal(0, 12, (batch, 4)), flexion[..., 0])
    for k in (1, 2):
        flexion[..., k] = np.where(tabletop & ~hook, rng.normal(8, 8, (batch, 4)), flexion[..., k])
    flexion = flexion.clip([-28, -4, -8], [92, 112, 82])

    spread = rng.normal(0, 1, (batch, 1)) * np.array([7.0, 1.0, -5.0, -10.0]) + rng.normal(0, 4, (batch, 4))
    spread *= 1 - 0.8 * (flexion[..., 0].clip(0, 90) / 90)  # a bent knuckle hardly spreads

    thumb = rng.uniform(THUMB_LOW, THUMB_HIGH, (batch, 5))
    # across the palm: over a fist or to a finger tip, all joints bend together
    across = rng.random((batch, 1)) < 0.2 + 0.5 * curl[:, :2].mean(1, keepdims=True)
    opposed = rng.normal([28, 8, 20, 25, 30], [10, 10, 10, 18, 22], (batch, 5))
    thumb = np.where(across, opposed, thumb).clip(THUMB_LOW, THUMB_HIGH)
    return bone_turns(model, flexion, spread, thumb)


def _curls(rng: np.random.Generator, batch: int) -> Array:
    """How far each of the four fingers is closed (B, 4), 0 straight to 1 in the fist."""
    kind = rng.random((batch, 1))
    whole = rng.beta(0.7, 0.7, (batch, 1)) + rng.normal(0, 0.08, (batch, 4))  # all together, open to fist
    gesture = rng.integers(0, 2, (batch, 4)) + rng.normal(0, 0.10, (batch, 4))  # counting, pointing, horns
    free = rng.beta(0.8, 0.9, (batch, 4))
    ramp = rng.uniform(0, 1, (batch, 1)) + rng.normal(0, 0.25, (batch, 1)) * np.linspace(-1, 1, 4)  # grasps roll in
    curl = np.where(kind < 0.4, whole, np.where(kind < 0.65, gesture, np.where(kind < 0.8, free, ramp)))
    return curl.clip(0, 1)


def bone_turns(model: HandModel, flexion: Array, spread: Array, thumb: Array) -> Array:
    """Local rotations (B, 16, 3, 3) for angles in degrees: flexion (B, 4, 3), spread (B, 4), thumb (B, 5)."""
    batch = len(flexion)
    turns = np.broadcast_to(np.eye(3), (batch, 16, 3, 3)).copy()
    back = np.array([0.0, 0.0, 1.0])
    for finger in range(4):
        for k, bone in enumerate(FINGER_BONES[finger + 1]):
            angle = np.radians(flexion[:, finger, k]) - model.rest_flexion[bone]
            turns[:, bone] = axis_rotation(model.flex_axes[bone], angle)
        base = FINGER_BONES[finger + 1][0]
        turns[:, base] = axis_rotation(back, np.radians(spread[:, finger])) @ turns[:, base]
    angles = np.radians(thumb)
    cmc, mcp, ip = FINGER_BONES[0]
    flex = model.flex_axes[cmc]
    heads = model.mean[-21:-5]
    along = (heads[mcp] - heads[cmc]) / np.linalg.norm(heads[mcp] - heads[cmc])
    side = np.cross(flex, along)
    turns[:, cmc] = (
        axis_rotation(side, angles[:, 1]) @ axis_rotation(flex, angles[:, 0]) @ axis_rotation(along, angles[:, 2])
    )
    turns[:, mcp] = axis_rotation(flex, angles[:, 3])
    turns[:, ip] = axis_rotation(flex, angles[:, 4])
    return turns


def axis_rotation(axis: Array, angle: Array) -> Array:
    """Rotations (..., 3, 3) by `angle` (...) radians about the unit vector `axis` (3,) (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.asarray(angle)[..., None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
