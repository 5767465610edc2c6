"""Rooms and their light."""

from __future__ import annotations

import numpy as np
import pytest

from training.test_sets.light import Lamp, Lighting, shine_on
from training.test_sets.room import see_room

GREY = np.full(3, 0.2)


@pytest.fixture(scope="module")
def rays() -> np.ndarray:
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 64), np.linspace(-0.4, 0.4, 48))
    return np.stack([x, y, np.ones_like(x)], -1)


def test_rooms_stay_behind_the_hand_and_face_the_camera(rays: np.ndarray) -> None:
    for seed in range(12):
        view = see_room(np.random.default_rng(seed), rays, behind=0.6)
        there = np.isfinite(view.z)
        assert there.mean() > 0.95 and view.z.min() >= 0.6 - 1e-9
        np.testing.assert_allclose(np.linalg.norm(view.normal[there], axis=-1), 1, atol=1e-9)
        assert np.einsum("ni,ni->n", view.normal[there], rays[there]).max() < 1e-6
        assert (view.albedo[there] > 0).all() and view.albedo.max() <= 1


def floor_and_plate() -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Points of a floor 1 m below a lamp, their normals, and a plate of 10 cm half way between them."""
    x, z = np.meshgrid(np.linspace(-0.2, 0.2, 41), np.linspace(0.8, 1.2, 41))
    points = np.stack([x.ravel(), np.full(x.size, 0.5), z.ravel()], 1)
    plate = np.array([[-0.05, 0, 0.95], [0.05, 0, 0.95], [0.05, 0, 1.05], [-0.05, 0, 1.05]])
    return (
        points,
        np.tile([0.0, -1, 0], (len(points), 1)),
        np.ones((len(points), 3)),
        (plate, np.array([[0, 1, 2], [0, 2, 3]], np.int32)),
    )


def test_a_plate_throws_a_shadow_twice_its_size() -> None:
    points, normals, albedo, mesh = floor_and_plate()
    lamp = Lamp(np.array([0, -0.5, 1.0]), np.ones(3))
    lighting = Lighting(np.zeros(3), np.zeros(3), np.array([0, -1.0, 0]), (lamp,))
    light = shine_on(lighting, points, normals, albedo, np.zeros(len(points)), mesh)[:, 0]
    far = np.abs(points[:, [0, 2]] - [0, 1.0]).max(1)
    assert light[far < 0.09].max() < 0.05
    assert light[far > 0.115].min() > 0.5
    # an inverse square and a cosine under the lamp's side
    corner = np.abs(points - [0.2, 0.5, 0.8]).sum(1).argmin()
    distance = np.linalg.norm(points[corner] - lamp.place)
    assert light[corner] == pytest.approx(1 / distance**3, rel=1e-6)


def test_sky_lights_from_above_and_colours_multiply() -> None:
    points, normals, albedo, mesh = floor_and_plate()
    lighting = Lighting(GREY * 2, GREY, np.array([0, -1.0, 0]), ())
    up = shine_on(lighting, points, normals, albedo * [1, 0.5, 0], np.zeros(len(points)), mesh)
    down = shine_on(lighting, points, -normals, albedo, np.zeros(len(points)), mesh)
    np.testing.assert_allclose(up, np.tile([0.4, 0.2, 0], (len(points), 1)))
    np.testing.assert_allclose(down, 0.2)
