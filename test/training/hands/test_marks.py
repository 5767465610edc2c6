"""Nails, creases and rings are where they are on hands."""

import numpy as np
import pytest

from training.hands.appearance import load_skins
from training.hands.look import sample_looks
from training.hands.marks import SkinMap, _rest_surface, map_skin, mark, refine
from training.hands.model import Array, HandModel

SHAPE = (256, 256)


@pytest.fixture(scope="module")
def uv(model: HandModel) -> Array:
    """In texels of 256 a side: the procedural textures have 128."""
    _, pixels = load_skins(None, model.uv)
    return (pixels + 0.5) * 2 - 0.5


@pytest.fixture(scope="module")
def skin(model: HandModel, uv: Array) -> SkinMap:
    return map_skin(model, uv, SHAPE)


def test_each_nail_is_on_the_back_of_a_finger_tip(model: HandModel, uv: Array, skin: SkinMap) -> None:
    place, normal, bone = _rest_surface(model, uv, SHAPE)
    nail = skin.nails > 0.5
    assert set(np.unique(bone[nail])) == {3, 6, 9, 12, 15}
    tips = model.mean[-5:]
    for finger, last in enumerate((3, 6, 9, 12, 15)):
        there = nail & (bone == last)
        assert there.sum() > 8
        assert np.linalg.norm(place[there] - tips[finger], axis=-1).max() < 0.02
        if finger:  # the four fingers' backs are the hand's back
            assert (normal[there][:, 2] > 0).mean() > 0.8


def test_creases_are_at_joints_of_the_fingers(model: HandModel, uv: Array, skin: SkinMap) -> None:
    place, _, bone = _rest_surface(model, uv, SHAPE)
    deep = skin.creases > 0.6
    assert deep.sum() > 60 and (bone[deep] > 0).all()
    heads = model.mean[-21:-5]
    nearest = np.linalg.norm(place[deep][:, None] - heads, axis=-1).min(1)
    assert np.median(nearest) < 0.014 and nearest.max() < 0.03


def test_rings_go_round_the_first_bone(model: HandModel, uv: Array, skin: SkinMap) -> None:
    place, _, bone = _rest_surface(model, uv, SHAPE)
    for ring, first in zip(skin.rings, (4, 7, 10, 13), strict=True):
        assert set(np.unique(bone[ring > 0])) == {first}
        points = place[ring > 0] - place[ring > 0].mean(0)
        thick = np.linalg.svd(points, full_matrices=False)[1] / np.sqrt(len(points))
        assert thick[2] < 0.002 < 0.004 < thick[1]  # a flat hoop


def test_hair_grows_on_the_back_of_the_hand_and_not_on_the_palm(model: HandModel, uv: Array, skin: SkinMap) -> None:
    _, normal, bone = _rest_surface(model, uv, SHAPE)
    hairy = skin.hair > 0.1
    assert set(np.unique(bone[hairy])) == {0, 4, 7, 10, 13} and skin.hair.max() <= 1
    assert (normal[hairy][:, 2] > 0).mean() > 0.95
    assert (hairy & (bone == 0)).sum() > 0.2 * (bone == 0).sum()


def test_texels_without_skin_are_nothing_whatever_memory_held(model: HandModel, uv: Array) -> None:
    """On few texels: NumPy puts arrays as small as theirs where others of their size were before."""
    size = 8
    few = (uv - uv.min(0)) / np.ptp(uv, axis=0) * (size - 1)
    spoilt = [np.full((size, size, 2), [np.inf, -np.inf], np.float32) for _ in range(20)]
    del spoilt
    with np.errstate(invalid="raise", divide="raise"):
        place, normal, bone = _rest_surface(model, few, (size, size))
    nothing = bone < 0
    assert 0 < nothing.sum() < nothing.size
    assert (place[nothing] == 0).all() and (normal[nothing] == 0).all() and np.isfinite(place).all()


def test_marks_change_their_own_texels_alone(skin: SkinMap) -> None:
    plain = np.ones((*SHAPE, 3), np.float32)
    marked = mark(plain, skin)
    changed = np.abs(marked - plain).max(-1) > 1e-6
    assert changed.any() and not changed[(skin.nails == 0) & (skin.creases == 0) & (skin.red == 0)].any()
    assert changed[(skin.nails > 0.1) | (skin.creases > 0.1)].all()
    assert marked[skin.creases > 0.9].max() < 0.85


def test_finer_textures_have_the_same_colours_in_the_same_places() -> None:
    texture = np.random.default_rng(0).random((8, 10, 3)).astype(np.float32)
    uv = np.array([[2.0, 3.0], [7.0, 5.0]])
    large, there = refine(texture, uv, 3)
    assert large.shape == (24, 30, 3)
    for (x, y), (u, v) in zip(uv.astype(int), there, strict=True):
        np.testing.assert_allclose(large[round(v), round(u)], texture[y, x], atol=1e-5)


def test_some_hands_wear_rings_and_polish_and_none_without_textures() -> None:
    looks = sample_looks(np.random.default_rng(0), 2000)
    assert 0.08 < (looks["ring"] >= 0).mean() < 0.22 and 0.06 < (looks["polish"][:, 0] >= 0).mean() < 0.18
    plain = sample_looks(np.random.default_rng(0), 200, textures=False)
    assert (plain["ring"] == -1).all() and (plain["polish"] == -1).all()
