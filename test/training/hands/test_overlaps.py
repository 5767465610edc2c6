"""Overlaps of the skin: none in an open hand, deep ones where a thumb passes through fingers."""

import numpy as np

from training.hands.capsules import measure_capsules
from training.hands.contacts import settle
from training.hands.gestures import GESTURES
from training.hands.model import HandModel, HandShape
from training.hands.overlaps import skin_overlaps, winding_numbers
from training.hands.turns import bone_turns


def test_winding_numbers_are_one_inside_a_tetrahedron_and_zero_outside() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    queries = np.array([[0.2, 0.2, 0.2], [1, 1, 1], [-0.1, 0.2, 0.2]], np.float32)
    np.testing.assert_allclose(np.abs(winding_numbers(queries, corners, faces)), [1, 0, 0], atol=1e-5)


def test_open_hands_have_none_and_a_thumb_in_the_fist_comes_out(model: HandModel, rest: HandShape) -> None:
    fist = GESTURES["fist"].pose()
    fist[16:] = 30, 10, 10, 20, 20
    settled, _ = settle(model, measure_capsules(model, rest), fist[None])
    poses = np.stack([np.zeros(21), fist, settled[0]])
    shape = HandShape(*(np.repeat(a, 3, axis=0) for a in vars(rest).values()))
    depth = skin_overlaps(model, shape, bone_turns(model, poses)) * 1000
    assert depth[0].max() == 0
    thumb = np.maximum(depth[:, 1, 2:].max(1), depth[:, 2:, 1].max(1))
    assert thumb[1] > 5 and thumb[2] < 5
