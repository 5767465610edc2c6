"""Smooth sequences of hand poses: through gestures in any order, fingers never passing through each other."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from training.hands.capsules import Capsules
from training.hands.contacts import settle
from training.hands.gestures import GESTURES, pose_gestures
from training.hands.model import Array, HandModel
from training.hands.turns import HIGH, LOW


def sequence(model: HandModel, capsules: Capsules, names: list[str], times: Array, hold: float = 0.25) -> Array:
    """Poses (T, 21) of one hand that makes the gestures `names` one after the other.

    capsules: of that hand, a batch of one. times: (T,) where in the sequence, 0 at the first gesture to 1 at the last.
    hold: share of the time between two gestures for which the hand rests in one. Monotone cubic curves join the
    gestures, so no joint swings beyond them; contacts are settled at every time.
    """
    many = Capsules(*(np.repeat(values, len(names), axis=0) for values in vars(capsules).values()))
    keys = pose_gestures(model, many, names)
    middle = np.arange(len(names), dtype=float)
    knots = np.stack([middle - hold / 2, middle + hold / 2], axis=1).ravel()
    curve = PchipInterpolator(knots, np.repeat(keys, 2, axis=0), axis=0)
    poses = curve(np.asarray(times) * (len(names) - 1)).clip(LOW, HIGH)
    each = Capsules(*(np.repeat(values, len(poses), axis=0) for values in vars(capsules).values()))
    return settle(model, each, poses)[0]


def random_sequence(
    model: HandModel, capsules: Capsules, rng: np.random.Generator, frames: int, gestures_per_s: float = 1.5
) -> Array:
    """Poses (frames, 21) of one hand that wanders through random gestures at 30 frames a second."""
    count = max(2, int(np.ceil(frames / 30 * gestures_per_s)) + 1)
    names = [str(name) for name in rng.choice(list(GESTURES), count)]
    return sequence(model, capsules, names, np.linspace(0, 1, frames))
