"""Colouring of rasterised faces, on one square before the camera."""

import numpy as np

from training.hands.model import Array
from training.hands.raster import rasterise
from training.hands.shade import shade

SIZE = 16
POINTS = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=float) * [0.2, 0.2, 0.5]
FACES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
NORMALS = np.broadcast_to([0.0, 0.0, -1.0], (4, 3)).copy()
#: Red grows to the right, green downwards.
TEXTURE = np.stack([*np.meshgrid(np.linspace(0, 1, 32), np.linspace(0, 1, 32)), np.full((32, 32), 0.2)], axis=-1)
UV = np.array([[0, 0], [31, 0], [31, 31], [0, 31]], dtype=float)
CLOTH = np.array([0.1, 0.9, 0.4])


def lights(brightness: float, z: float = -1.0) -> Array:
    """Two of them, from the camera's side (z negative) or from behind."""
    return np.array([[0, 0, z, brightness, brightness, brightness]] * 2)


def colour(lamps: Array, ambient: float, gloss: float = 0.0, sleeve_face: int = 99) -> Array:
    """The square, seen by a lens so narrow that all of it faces the camera, in a picture it fills but for a margin."""
    depth = np.full((SIZE, SIZE), np.inf, dtype=np.float32)
    face_id = np.full((SIZE, SIZE), -1, dtype=np.int32)
    bary = np.zeros((SIZE, SIZE, 2), dtype=np.float32)
    points = POINTS * [1e-3, 1e-3, 1]
    rasterise(points, FACES, 5e-4, depth, face_id, bary)
    out = np.full((SIZE, SIZE, 3), 7.0, dtype=np.float32)
    shade(
        face_id, bary, FACES, FACES, NORMALS, points, UV, TEXTURE.astype(np.float32), sleeve_face, CLOTH,
        lamps, np.full(3, ambient), gloss, out,
    )  # fmt: skip
    np.testing.assert_array_equal(out[face_id < 0], 7)
    return out[2:-2, 2:-2]


def test_in_plain_light_the_texture_shows_itself() -> None:
    seen = colour(lights(0), 1.0) / 255
    np.testing.assert_allclose(seen[..., 2], 0.2, atol=1e-3)
    steps = ((2 * np.arange(2, SIZE - 2) + 1) / SIZE - 1) / 0.8 / 2 + 0.5  # the square spans 0.8 of the picture
    np.testing.assert_allclose(seen[..., 0], np.broadcast_to(steps, (SIZE - 4, SIZE - 4)), atol=1e-3)
    np.testing.assert_allclose(seen[..., 1], seen[..., 0].T, atol=1e-3)


def test_light_from_the_camera_adds_and_from_behind_does_not() -> None:
    plain = colour(lights(0), 0.3)
    front = colour(lights(0.35), 0.3)
    behind = colour(lights(0.35, z=1.0), 0.3)
    np.testing.assert_allclose(front, plain / 0.3, rtol=1e-3, atol=0.01)
    np.testing.assert_allclose(behind, plain, rtol=1e-5)


def test_gloss_adds_the_lights_mirror_image_to_skin_alone() -> None:
    skin, glossy = colour(lights(0.3), 0.1), colour(lights(0.3), 0.1, gloss=0.2)
    np.testing.assert_allclose(glossy - skin, 255 * 0.2 * 2 * 0.3, rtol=1e-2)
    cloth = colour(lights(0.3), 0.1, gloss=0.2, sleeve_face=0)
    np.testing.assert_allclose(cloth, np.broadcast_to(255 * 0.7 * CLOTH, cloth.shape), rtol=1e-3)


def test_nothing_is_brighter_than_white() -> None:
    assert colour(lights(9), 1.0, gloss=1.0).max() == 255
