"""Named gestures look as they are called, on hands of every build."""

import numpy as np
import pytest

from training.hands.capsules import measure_capsules
from training.hands.contacts import TOLERANCE, overlap
from training.hands.gestures import GESTURES, draw_gestures, pose_gestures
from training.hands.model import Array, HandModel, joint_positions, pose_bones
from training.hands.shapes import sample_shapes
from training.hands.turns import HIGH, LOW, bone_turns

NAMES = list(GESTURES)


@pytest.fixture(scope="module")
def joints(model: HandModel) -> dict[str, Array]:
    """(21, 3) of every gesture, each on another hand."""
    shape = sample_shapes(model, np.random.default_rng(0), len(NAMES))
    poses = pose_gestures(model, measure_capsules(model, shape), NAMES)
    points = joint_positions(model, shape, *pose_bones(shape, bone_turns(model, poses)))
    return dict(zip(NAMES, points, strict=True))


def extended(joints: Array) -> list[bool]:
    """Which fingers reach away from the palm as far as they are long."""
    fingers = joints[1:].reshape(5, 4, 3)
    lengths = np.linalg.norm(np.diff(fingers, axis=1), axis=2).sum(1)
    return [bool(x) for x in np.linalg.norm(fingers[:, 3] - fingers[:, 0], axis=1) > 0.93 * lengths]


@pytest.mark.parametrize(
    ("name", "up"),
    [("fist", "----"), ("one", "i---"), ("two", "im--"), ("three", "imr-"), ("four", "imrl"), ("five", "imrl"),
     ("flat", "imrl"), ("horns", "i--l"), ("call", "---l"), ("point", "i---"), ("ok", "-mrl")],
)  # fmt: skip
def test_counting_and_signs_show_the_fingers_they_should(joints: dict[str, Array], name: str, up: str) -> None:
    assert extended(joints[name])[1:] == [c != "-" for c in up]


@pytest.mark.parametrize("name", [n for n in NAMES if GESTURES[n].pinch])
def test_pinches_touch(joints: dict[str, Array], name: str) -> None:
    points = joints[name]
    size = np.linalg.norm(points[9] - points[0])
    assert np.linalg.norm(points[4] - points[4 + 4 * GESTURES[name].pinch]) < 0.32 * size


def test_thumbs_up_point_away_from_the_fist(joints: dict[str, Array]) -> None:
    points = joints["thumbs_up"]
    thumb = points[4] - points[2]
    away = points[5] - points[17]  # from the little finger's knuckle to the index's
    assert thumb @ away > 0.7 * np.linalg.norm(thumb) * np.linalg.norm(away)


def test_gestures_are_free_of_overlaps(model: HandModel) -> None:
    shape = sample_shapes(model, np.random.default_rng(3), 4 * len(NAMES))
    capsules = measure_capsules(model, shape)
    depth = overlap(model, capsules, pose_gestures(model, capsules, NAMES * 4))
    assert (depth > TOLERANCE).mean() < 0.05


def test_angles_are_within_limits_and_drawn_ones_lie_between_gestures() -> None:
    for gesture in GESTURES.values():
        assert (gesture.pose() >= LOW).all() and (gesture.pose() <= HIGH).all()
    poses, pinch = draw_gestures(np.random.default_rng(0), 1000)
    assert poses.shape == (1000, 21) and set(pinch) == {0, 1, 2, 3, 4}
    nearest = np.min([np.abs(poses - g.pose()).max(1) for g in GESTURES.values()], axis=0)
    assert 0.3 < (nearest < 16).mean() < 0.9
