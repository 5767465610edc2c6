"""Colour crops: the hand is painted where its labels are."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from training.hands.look import sample_looks
from training.hands.model import Array
from training.hands.parts import FOREARM
from training.hands.pictures import RgbBatch, Studio, creases, rgb_batches, sample_framing
from training.hands.raster import crop_lens
from training.hands.recording import alone
from training.hands.scene import HALF, Scenes, SceneSettings
from training.hands.stage import crop_stage, view

SIZE = 32


def batches(seed: int, mirrored: float = 0.15, empty: float = 0.05) -> Iterator[RgbBatch]:
    return rgb_batches(seed, 4, SIZE, None, None, settings=SceneSettings(mirrored=mirrored, empty=empty))


def test_batches_are_as_documented() -> None:
    batch = next(batches(0))
    assert {name: (value.shape, value.dtype.name) for name, value in vars(batch).items()} == {
        "rgb": ((4, SIZE, SIZE, 3), "uint8"),
        "surface": ((4, 256, 3), "float32"),
        "joints": ((4, 21, 3), "float32"),
        "joints_2d": ((4, 21, 2), "float32"),
        "tan_half": ((4,), "float32"),
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
    assert scale.min() >= 0.5 - 1e-9 and scale.max() <= 1.25 + 1e-9
    assert 0.4 < np.mean(np.abs(scale - 1) < 1e-9) < 0.7
    uv = scenes.joints[..., :2] / scenes.joints[..., 2:] / tan_half[:, None, None]
    assert np.mean(np.abs(uv).max((1, 2)) < 1) > 0.9


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(None, None)


@pytest.mark.parametrize("i", range(4))
def test_the_hand_is_painted_over_its_own_pixels_alone(studio: Studio, scenes: Scenes, vertices: Array, i: int) -> None:
    scenes = alone(replace(scenes, present=np.ones_like(scenes.present)))
    lens = crop_lens(float(HALF / scenes.distance[i]), SIZE)
    room = np.zeros((SIZE, SIZE, 3), np.float32)
    room[..., 2] = 3.0
    look = sample_looks(np.random.default_rng(i), 1)[0]
    look["mirror_room"] = 0
    light = studio.light(crop_stage(studio.model, scenes, vertices[i], i), look, room, lens)
    seen = view(studio.model, crop_stage(studio.model, scenes, vertices[i], i), lens, (SIZE, SIZE))
    hand, part = seen.depth, seen.part
    changed = np.abs(light - room).max(-1) > 1e-3
    depth = distance_transform_edt(np.isfinite(hand)), distance_transform_edt(np.isinf(hand))
    assert changed[depth[0] > 1.5].all() and not changed[depth[1] > 1.5].any()
    skin = (part > 0) & (part < FOREARM) & (depth[0] > 1.5)
    assert skin.sum() > 20
    red, _, blue = light[skin].T
    assert (red > blue).mean() > 0.7  # skin, and none of the room's blue
    np.testing.assert_array_equal(
        studio.light(crop_stage(studio.model, scenes, vertices[i], i), look, room, lens), light
    )


def test_edges_are_as_much_hand_as_their_samples(studio: Studio, scenes: Scenes, vertices: Array) -> None:
    """A picture at twice the size has the same light on average."""
    scenes = alone(replace(scenes, present=np.ones_like(scenes.present)))
    look = sample_looks(np.random.default_rng(1), 1)[0]
    look["bump"] = 0
    means = []
    for size in (SIZE, 2 * SIZE):
        room = np.full((size, size, 3), 2.0, np.float32)
        lens = crop_lens(float(HALF / scenes.distance[0]), size)
        means.append(studio.light(crop_stage(studio.model, scenes, vertices[0], 0), look, room, lens).mean((0, 1)))
    np.testing.assert_allclose(means[0], means[1], rtol=0.03)


def test_the_first_light_casts_shadows(studio: Studio, scenes: Scenes, vertices: Array) -> None:
    """With the light behind the hand its camera's side is dark; from the camera's place no shadow is seen."""
    scenes = alone(replace(scenes, present=np.ones_like(scenes.present)))
    lens = crop_lens(float(HALF / scenes.distance[0]), SIZE)
    room = np.zeros((SIZE, SIZE, 3), np.float32)
    look = sample_looks(np.random.default_rng(1), 1)[0]
    look["lights"][1, 3:], look["gloss"], look["bump"], look["mirror_room"] = 0, 0, 0, 0
    look["sky"], look["ground"], look["lights"][0, 3:] = 0.1, 0.1, 1

    def seen(shadow: float, direction: list[float]) -> float:
        look["shadow"], look["lights"][0, :3] = shadow, direction
        return float(studio.light(crop_stage(studio.model, scenes, vertices[0], 0), look, room, lens).sum())

    assert seen(1.0, [0, 0, -1]) > 0.93 * seen(0.0, [0, 0, -1])
    side = [0.9, -0.3, -0.316]
    assert seen(1.0, side) < 0.98 * seen(0.0, side)


@pytest.mark.parametrize(("worn", "bones"), [("polish", [3, 6, 9, 12, 15]), ("ring", [10])])
def test_polish_is_on_nails_and_rings_on_their_finger(
    studio: Studio, scenes: Scenes, vertices: Array, worn: str, bones: list[int]
) -> None:
    scenes = alone(replace(scenes, present=np.ones_like(scenes.present)))
    size = 2 * SIZE
    room = np.ones((size, size, 3), np.float32)
    look = sample_looks(np.random.default_rng(1), 1)[0]
    look["polish"], look["ring"], look["metal"] = -1, -1, [0, 0, 9]
    changed_in_all = 0
    for i in range(24):
        lens = crop_lens(float(HALF / scenes.distance[i]), size)
        stage = crop_stage(studio.model, scenes, vertices[i], i)
        plain = studio.light(stage, look, room, lens)
        dressed = look.copy()
        dressed[worn] = 2 if worn == "ring" else [9, 0, 0]
        # more than what is between two texels of different parts
        changed = np.abs(studio.light(stage, dressed, room, lens) - plain).max(-1) > 0.1
        part = view(studio.model, stage, lens, (size, size)).part
        away = distance_transform_edt(~np.isin(part, np.array(bones) + 1))
        assert (away[changed] < 2.5).all()
        changed_in_all += int(changed.sum())
    assert changed_in_all > 50


def test_creases_are_where_depth_lies_deeper_than_round_about() -> None:
    lens = crop_lens(0.3, SIZE)
    depth = np.full((SIZE, SIZE), 0.5, np.float32)
    assert creases(1 / depth, lens).max() < 1e-5
    depth[:, 15:17] += 0.012
    found = creases(1 / depth, lens)
    assert found[:, 15:17].min() > 0.2 and found[:, :8].max() < 0.01
    depth[:, 15:17] = np.inf
    assert creases(1 / depth, lens).max() <= 0.8 and (creases(np.zeros_like(depth), lens) == 0).all()


def test_without_textures_skin_is_plain_and_backgrounds_are_painted(tmp_path: Path) -> None:
    """Folders are not even read."""
    plain = Studio(tmp_path, tmp_path, SceneSettings(textures=False))
    assert len(plain.textures) == 1 and (plain.textures[0] == 1).all() and not plain.photos.photos
