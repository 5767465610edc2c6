"""Colour crops: the hand is painted where its labels are."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from training.hands.model import HandModel
from training.hands.pictures import RgbBatch, paint_balls, paint_hand, rgb_batches, sample_framing
from training.hands.samples import HALF, render_depth
from training.hands.scene import Scenes

SIZE = 32


def batches(seed: int, mirrored: float = 0.15, empty: float = 0.05) -> Iterator[RgbBatch]:
    return rgb_batches(seed, 4, SIZE, None, None, mirrored=mirrored, empty=empty)


def test_batches_are_as_documented() -> None:
    batch = next(batches(0))
    assert {name: (value.shape, value.dtype.name) for name, value in vars(batch).items()} == {
        "rgb": ((4, SIZE, SIZE, 3), "uint8"),
        "surface": ((4, 256, 3), "float32"),
        "joints": ((4, 21, 3), "float32"),
        "joints_2d": ((4, 21, 2), "float32"),
        "right": ((4,), "float32"),
        "present": ((4,), "float32"),
    }


def test_batches_follow_from_seed_and_index_alone() -> None:
    first = list(islice(batches(7), 2))
    interleaved = [pair[0] for pair in islice(zip(batches(7), batches(8), strict=True), 2)]
    for a, b in zip(first, interleaved, strict=True):
        for name, value in vars(a).items():
            np.testing.assert_array_equal(vars(b)[name], value)
    assert (next(batches(8)).rgb != first[0].rgb).any()


def test_left_hands_are_right_ones_in_a_mirror() -> None:
    right, left = (next(batches(3, mirrored=share, empty=0.0)) for share in (0.0, 1.0))
    np.testing.assert_array_equal(left.rgb, right.rgb[:, :, ::-1])
    assert (right.right == 1).all() and (left.right == 0).all()


def test_without_a_hand_the_flag_says_so() -> None:
    assert (next(batches(3, empty=1.0)).present == 0).all()
    assert (next(batches(3, empty=0.0)).present == 1).all()


def test_crops_hold_the_hand_and_are_of_the_scales_the_latent_space_knows(scenes: Scenes) -> None:
    tan_half = sample_framing(np.random.default_rng(0), scenes)
    scale = tan_half / (HALF / scenes.distance)
    assert scale.min() >= 0.5 and scale.max() <= 1.25
    assert 0.4 < np.mean(np.abs(scale - 1) < 1e-9) < 0.7
    uv = scenes.joints[..., :2] / scenes.joints[..., 2:] / tan_half[:, None, None]
    assert np.mean(np.abs(uv).max((1, 2)) < 1) > 0.9


@pytest.mark.parametrize("i", range(5))
def test_the_hand_is_painted_over_its_own_pixels_alone(model: HandModel, scenes: Scenes, i: int) -> None:
    rng = np.random.default_rng(i)
    tan_half = float(HALF / scenes.distance[i])
    green = np.zeros((SIZE, SIZE, 3), np.uint8)
    green[..., 1] = 255
    texture = np.full((8, 8, 3), [0.8, 0.2, 0.5], dtype=np.float32)
    picture, depth = paint_hand(model, scenes, i, tan_half, green, texture, np.zeros_like(model.uv), rng)
    expected = render_depth(scenes.vertices[i], model.faces, tan_half, SIZE)
    np.testing.assert_allclose(depth, expected, rtol=1e-5)
    painted = (picture != green).any(-1)
    np.testing.assert_array_equal(painted, np.isfinite(expected))
    skin = render_depth(scenes.vertices[i], model.faces[: model.skin_faces], tan_half, SIZE)
    own = np.isfinite(skin) & (skin == expected) & (picture.max(-1) < 250)
    assert own.sum() > 30
    assert (np.argmin(picture[own], axis=-1) == 1).mean() > 0.98  # the skin has little green


def test_balls_cover_what_is_behind_them(scenes: Scenes) -> None:
    picture = np.zeros((SIZE, SIZE, 3), np.float32)
    depth = np.full((SIZE, SIZE), 0.6, dtype=np.float32)
    depth[:, : SIZE // 2] = 0.3  # on the left something is nearer than the ball
    ball = np.array([[0.0, 0, 0.5, 0.06, 0.06, 0.06], [0, 0, 0.5, 0, 0, 0]])
    painted = paint_balls(picture.copy(), depth.copy(), 0.3, ball, np.random.default_rng(0))
    covered = painted.max(-1) > 0
    assert not covered[:, : SIZE // 2].any() and covered[SIZE // 2, SIZE // 2]
    assert covered.sum() == pytest.approx(np.pi / 2 * (0.06 / 0.5 / 0.3 * SIZE / 2) ** 2, rel=0.2)
    none = np.zeros((2, 6))
    np.testing.assert_array_equal(paint_balls(picture.copy(), depth, 0.3, none, np.random.default_rng(0)), picture)
