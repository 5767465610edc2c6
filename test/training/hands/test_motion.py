"""Sequences start and end in their gestures, move smoothly and stay free of overlaps."""

import numpy as np

from training.hands.capsules import Capsules, measure_capsules
from training.hands.contacts import TOLERANCE, overlap
from training.hands.model import HandModel, HandShape
from training.hands.motion import random_sequence, sequence
from training.hands.turns import HIGH, LOW


def repeated(capsules: Capsules, count: int) -> Capsules:
    return Capsules(*(np.repeat(values, count, axis=0) for values in vars(capsules).values()))


def test_a_sequence_goes_through_its_gestures(model: HandModel, rest: HandShape) -> None:
    capsules = measure_capsules(model, rest)
    poses = sequence(model, capsules, ["five", "fist", "point"], np.array([0, 0.03, 0.5, 0.75, 1]))
    bends = poses[:, 1:12:3]
    assert (bends[:2] < 15).all() and (bends[2] > 70).all()
    assert bends[4, 0] < 15 and (bends[4, 1:] > 70).all()
    assert bends[4, 0] < bends[3, 0] < bends[2, 0]


def test_random_sequences_are_smooth_within_limits_and_without_overlaps(model: HandModel, rest: HandShape) -> None:
    capsules = measure_capsules(model, rest)
    poses = random_sequence(model, capsules, np.random.default_rng(3), 90)
    assert poses.shape == (90, 21)
    assert (poses >= LOW - 1e-9).all() and (poses <= HIGH + 1e-9).all()
    assert np.abs(np.diff(poses, axis=0)).max() < 30  # 900 degrees a second: a fast hand
    assert (overlap(model, repeated(capsules, 90), poses) > TOLERANCE).mean() < 0.1
