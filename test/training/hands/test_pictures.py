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
from training.hands.paint import on_arm
from training.hands.parts import FOREARM, NOTHING
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


def test_a_share_of_the_crops_is_framed_by_the_cube(scenes: Scenes) -> None:
    cube = HALF / scenes.distance
    by_cube = [np.mean(sample_framing(np.random.default_rng(0), scenes, share) == cube) for share in (1.0, 0.5, 0.0)]
    assert by_cube[0] == 1 and 0.3 < by_cube[1] < 0.8 and by_cube[2] < 0.1


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


@pytest.mark.parametrize(
    ("worn", "value", "parts"),
    [
        ("polish", [9, 0, 0], [4, 7, 10, 13, 16]),  # the last bones
        ("ring", 2, [11]),
        ("watch", [1.0, 0.3, 0.0, 0.5], [FOREARM]),
        ("hair", 0.8, [1, 5, 8, 11, 14, FOREARM]),
    ],
)
def test_what_is_worn_and_grows_is_where_it_belongs(
    studio: Studio, scenes: Scenes, vertices: Array, worn: str, value: float | list[float], parts: list[int]
) -> None:
    scenes = alone(replace(scenes, present=np.ones_like(scenes.present)))
    size = 2 * SIZE
    room = np.ones((size, size, 3), np.float32)
    look = sample_looks(np.random.default_rng(1), 1)[0]
    look["polish"], look["ring"], look["watch"], look["hair"], look["bump"], look["gloss"] = -1, -1, 0, 0, 0, 0
    look["metal"], look["strap"], look["dial"] = [0, 0, 9], [0, 9, 0], [9, 9, 9]
    changed_in_all = 0
    for i in range(24):
        lens = crop_lens(float(HALF / scenes.distance[i]), size)
        stage = crop_stage(studio.model, scenes, vertices[i], i)
        plain = studio.light(stage, look, room, lens)
        dressed = look.copy()
        dressed[worn] = value
        difference = studio.light(stage, dressed, room, lens) - plain
        # more than what is between two texels of different parts
        changed = np.abs(difference).max(-1) > (0.1 if worn != "hair" else 0.02)
        part = view(studio.model, stage, lens, (size, size)).part
        away = distance_transform_edt(~np.isin(part, parts))
        assert (away[changed] < 2.5).all()
        assert worn != "hair" or difference.max() < 0.02  # it only darkens
        changed_in_all += int(changed.sum())
    assert changed_in_all > 50


def test_places_on_the_arm_are_rings_from_the_wrist_and_turns_from_the_back(studio: Studio) -> None:
    model = studio.model
    rim, rings = len(model.rim), np.arange(7)
    face = model.skin_faces + (2 * rim * rings[:, None] + np.arange(2 * rim)).ravel()
    corners = model.faces[face]
    skin = len(model.mean) - 21
    of_ring = np.where(corners < skin, -1, (corners - skin) // rim)
    for k, weights in enumerate(np.eye(3)):
        places = [on_arm(f - model.skin_faces, rim, model.back, *weights) for f in face]
        along, about = np.array(places).T
        np.testing.assert_allclose(along, of_ring[:, k] + 1)
        on_back = corners[:, k][(np.abs(about) < 0.01) & (of_ring[:, k] >= 0)]
        assert len(on_back)
        assert ((on_back - skin) % rim == model.back).all()


def test_hands_cast_shadows_on_the_wall_behind_them(studio: Studio, scenes: Scenes, vertices: Array) -> None:
    """The room is darker on the side away from the light, by no more than the light's share; a wall that turns from
    the light stays as it is."""
    scenes = alone(replace(scenes, present=np.ones_like(scenes.present)))
    room = np.ones((SIZE, SIZE, 3), np.float32)
    look = sample_looks(np.random.default_rng(1), 1)[0]
    look["shadow"], look["mirror_room"] = 1, 0
    look["sky"] = look["ground"] = look["lights"][0, 3:] = 0.5
    columns: tuple[list[float], list[float]] = [], []  # of shadows of light from the left and from the right
    for i in range(8):
        lens = crop_lens(float(HALF / scenes.distance[i]), SIZE)
        stage = crop_stage(studio.model, scenes, vertices[i], i)
        behind = float(vertices[i, :, 2].max()) + 0.01
        background = view(studio.model, stage, lens, (SIZE, SIZE)).part == NOTHING
        clear, inside = (distance_transform_edt(mask) > 1.5 for mask in (background, ~background))
        for side, across in zip(columns, (-0.5, 0.5), strict=True):
            look["lights"][0, :3] = np.array([across, -0.5, -0.7]) / 0.995
            light, without, turned = (
                studio.light(replace(stage, plane=np.array(wall)), look, room, lens)
                for wall in ([0, 0, 1, behind], [0, 0, 1, np.inf], [1.92 * across, 0, 0.28, behind])
            )
            darker = (light < 0.99 * without).all(-1)
            assert not (darker & inside).any()
            # the wall faces 0.7 of the light, and more light comes from round about
            assert (light[clear & darker] > 0.55).all() and (light[clear & ~darker] > 0.98).all()
            np.testing.assert_array_equal(turned, without)
            side.extend(np.nonzero(darker & clear)[1])
    assert min(map(len, columns)) > 200 and np.mean(columns[0]) > np.mean(columns[1]) + 3


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
