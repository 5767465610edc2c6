"""Looks are drawn over the range that there is."""

import numpy as np

from training.hands.look import DARKEST, LIGHTEST, sample_looks


def test_skins_of_all_tones_are_as_frequent() -> None:
    looks = sample_looks(np.random.default_rng(0), 4000)
    position = np.log(looks["tone"].mean(1) / LIGHTEST.mean()) / np.log(DARKEST.mean() / LIGHTEST.mean())
    counts, _ = np.histogram(position, np.linspace(0, 1, 6))
    assert counts.min() > 0.8 * len(looks) / 5 * 0.9
    assert (looks["tone"][:, 0] > looks["tone"][:, 2]).mean() > 0.99  # skin is reddish
    assert np.corrcoef(position, looks["texture"])[0, 1] > 0.95  # dark skins have the textures of dark skins


def test_lights_shine_from_unit_directions_more_often_from_above() -> None:
    lights = sample_looks(np.random.default_rng(0), 2000)["lights"]
    np.testing.assert_allclose(np.linalg.norm(lights[..., :3], axis=-1), 1, atol=1e-5)
    assert (lights[..., 1] < 0).mean() > 0.65 and (lights[..., 2] < 0).mean() > 0.65
    assert lights[..., 3:].min() > 0 and np.median(lights[:, 0, 3]) > np.median(lights[:, 1, 3])


def test_some_arms_are_hairy_and_some_wear_a_watch_mostly_on_the_back() -> None:
    looks = sample_looks(np.random.default_rng(0), 4000)
    assert 0.35 < (looks["hair"] > 0).mean() < 0.45 and looks["hair"].max() <= 0.8
    worn = looks["watch"][looks["watch"][:, 1] > 0]
    assert 0.13 < len(worn) / len(looks) < 0.2
    assert (np.abs(worn[:, 2]) < 0.2).mean() > 0.8
    assert (worn[:, 0] - np.maximum(worn[:, 1], worn[:, 3]) > -0.3).all()  # behind the hand's skin, but for a rim


def test_textures_and_lights_can_be_left_out() -> None:
    looks = sample_looks(np.random.default_rng(0), 50, textures=False, lights=False)
    assert (looks["hair"] == 0).all() and (looks["watch"][:, 1] == 0).all()
    assert (looks["bump"] == 0).all() and (looks["printed"] == 0).all() and (looks["shadow"] == 0).all()
    assert (looks["lights"] == looks["lights"][0]).all() and (looks["sky"] == looks["ground"]).all()
