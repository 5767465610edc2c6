"""Colour pictures of both engines agree, within the tolerance that docs/synthetic_hands.md states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.hands.appearance import LINEAR
from training.hands.appearance import through_lens as through_one
from training.hands.depth import beyond
from training.hands.look import sample_looks
from training.hands.pictures import Studio, sample_framing
from training.hands.pictures import creases as creases_of_one
from training.hands.raster import crop_lens
from training.hands.scene import Scenes, sample_scenes, surfaces
from training.hands.stage import crop_stage
from training.hands.torch_engine import bodies
from training.hands.torch_engine.camera import through_lens
from training.hands.torch_engine.colour import Paints, creases, light_of, load_paints, see_rgb

BATCH, SIZE = 16, 48


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(None, None)


@pytest.fixture(scope="module")
def paints(studio: Studio, device: str) -> Paints:
    return load_paints(studio, device)


class Pictures:
    """A batch of scenes with all that colour needs."""

    def __init__(self, studio: Studio) -> None:
        rng = np.random.default_rng(2)
        self.scenes: Scenes = sample_scenes(studio.model, rng, BATCH)
        self.vertices = surfaces(studio.model, self.scenes)
        self.tan_half = sample_framing(rng, self.scenes)
        self.looks = sample_looks(rng, BATCH)
        self.rooms = LINEAR[studio.photos.patches(rng, BATCH, SIZE)]


@pytest.fixture(scope="module")
def pictures(studio: Studio) -> Pictures:
    return Pictures(studio)


def expected_light(studio: Studio, p: Pictures, i: int) -> np.ndarray:
    lens = crop_lens(float(p.tan_half[i]), SIZE)
    light = studio.light(crop_stage(studio.model, p.scenes, p.vertices[i], i), p.looks[i], p.rooms[i], lens)
    for outside in beyond(lens, p.scenes.border[i], (SIZE, SIZE)):
        light[outside] = 0
    return light


def test_light_agrees(studio: Studio, paints: Paints, pictures: Pictures) -> None:
    p = pictures
    vertices = bodies.surfaces(paints.mesh, p.scenes)
    rooms = torch.as_tensor(p.rooms).to(vertices)
    light = light_of(paints, p.scenes, vertices, p.looks, rooms, p.tan_half).cpu().numpy()
    expected = np.stack([expected_light(studio, p, i) for i in range(BATCH)])
    assert light.min() >= 0 and expected.min() >= 0
    painted = np.abs(expected - p.rooms).max(-1) > 0
    assert painted.mean() > 0.2
    difference = np.abs(light - expected).max(-1) / (expected.mean((1, 2, 3))[:, None, None] + 0.05)
    assert difference[~painted].max() < 0.2
    assert np.median(difference[painted]) < 0.002
    assert (difference[painted] > 0.05).mean() < 0.02


def test_creases_agree(pictures: Pictures, device: str) -> None:
    rng = np.random.default_rng(0)
    depth = 0.5 + 0.05 * rng.random((3, 40, 40)).astype(np.float32)
    depth[0, :10], depth[1, 12:20, 12:20], depth[2] = np.inf, 0.4, np.inf
    lens = [crop_lens(tan, 40) for tan in (0.1, 0.3, 0.2)]
    expected = [creases_of_one(1 / d, own) for d, own in zip(depth, lens, strict=True)]
    got = creases(torch.as_tensor(depth, device=device), torch.tensor(lens, device=device)).cpu().numpy()
    for i in range(3):
        # where a window is wider than the picture, the engines mirror it otherwise
        np.testing.assert_allclose(got[i], expected[i], atol=0.02)


def test_cameras_agree_but_for_noise(pictures: Pictures, device: str) -> None:
    looks = pictures.looks.copy()
    looks["grain"], looks["jpeg"] = 0, 0
    looks["blur"][:6], looks["motion"][:3], looks["motion"][3:8] = 1.2, [4, 3], [-1, 5]
    light = torch.as_tensor(pictures.rooms, device=device)
    got = through_lens(light, looks, torch.Generator(device).manual_seed(0)).cpu().numpy()
    expected = np.stack([through_one(room, look, 0) for room, look in zip(pictures.rooms, looks, strict=True)])
    difference = np.abs(got.astype(int) - expected)
    assert (difference > 2).mean() < 0.01 and difference.mean() < 0.3


def test_grain_is_as_strong(pictures: Pictures, device: str) -> None:
    looks = pictures.looks.copy()
    for name in ("blur", "motion", "jpeg"):
        looks[name] = 0
    looks["grain"] = [4, 3]
    flat = np.full((BATCH, SIZE, SIZE, 3), 0.15, np.float32)
    got = (
        through_lens(torch.as_tensor(flat, device=device), looks, torch.Generator(device).manual_seed(0)).cpu().numpy()
    )
    expected = np.stack([through_one(one, look, i) for i, (one, look) in enumerate(zip(flat, looks, strict=True))])
    np.testing.assert_allclose(got.std((1, 2)), expected.std((1, 2)), rtol=0.1, atol=0.3)


def test_whole_pictures_look_alike(studio: Studio, paints: Paints, pictures: Pictures, tmp_path: Path) -> None:
    p = pictures
    looks = p.looks.copy()
    looks["jpeg"], looks["grain"] = 0, 0
    vertices = bodies.surfaces(paints.mesh, p.scenes)
    generator = torch.Generator(vertices.device).manual_seed(0)
    rooms = torch.as_tensor(p.rooms).to(vertices)
    got = see_rgb(paints, p.scenes, vertices, looks, rooms, p.tan_half, generator).cpu().numpy().astype(int)
    for i in range(BATCH):
        expected = through_one(expected_light(studio, p, i), looks[i], 0, SIZE / 128)
        assert np.abs(got[i] - expected).mean() < 1.5
        assert (np.abs(got[i] - expected).max(-1) > 12).mean() < 0.02
