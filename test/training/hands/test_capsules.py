"""Capsules are as thick as what they stand for."""

import numpy as np

from training.hands.capsules import measure_capsules
from training.hands.model import HandModel, HandShape
from training.hands.shapes import sample_shapes


def test_they_are_as_thick_as_fingers(model: HandModel, rest: HandShape) -> None:
    radii = measure_capsules(model, rest).bones[0, :, :, :, 3] * 1000
    assert (radii[1:] > 5).all() and (radii[1:] < 12).all() and radii[0].max() < 18
    assert (radii[:, 2, 1] < radii[:, 0, 0]).all()  # fingers taper


def test_they_grow_with_the_hand(model: HandModel) -> None:
    shape = sample_shapes(model, np.random.default_rng(0), 1)
    double = HandShape(shape.vertices, shape.heads, shape.tips, 2 * shape.scales, 2 * shape.size)
    small, large = measure_capsules(model, shape), measure_capsules(model, double)
    for name, values in vars(small).items():
        np.testing.assert_allclose(getattr(large, name), 2 * values)
