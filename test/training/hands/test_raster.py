"""The z-buffer and the normals, against planes and balls whose depth is known."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.hands import raster
from training.hands.model import Array
from training.hands.raster import crop_lens, rasterise, vertex_normals

Faces = NDArray[np.int32]
SQUARE = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
seeds = st.integers(0, 2**32 - 1)


def render(points: Array, faces: Faces, tan_half: float, size: int) -> tuple[Array, Faces, Array]:
    return raster.render(np.asarray(points, dtype=float), faces, crop_lens(tan_half, size), (size, size))


def directions(tan_half: float, size: int) -> Array:
    """(S, S, 3) rays with z = 1 through the pixels' centres as docs/architecture.md has them."""
    steps = ((2 * np.arange(size) + 1) / size - 1) * tan_half
    return np.stack([*np.meshgrid(steps, steps), np.ones((size, size))], axis=-1)


def ball(centre: Array, radius: float, rings: int = 48) -> tuple[Array, Faces]:
    """Triangles of a ball, wound so that their normals point out."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.arange(2 * rings) * np.pi / rings, indexing="ij")
    unit = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1)
    index = np.arange(unit.shape[0] * unit.shape[1]).reshape(unit.shape[:2])
    a, b = index[:-1], index[1:]
    c, d = np.roll(b, -1, axis=1), np.roll(a, -1, axis=1)
    faces = np.concatenate([np.stack(corner, axis=-1).reshape(-1, 3) for corner in ((a, b, c), (a, c, d))])
    return centre + radius * unit.reshape(-1, 3), faces.astype(np.int32)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(5, 40), st.floats(0.1, 0.7))
def test_a_plane_has_the_depth_of_the_pixels_centres(seed: int, size: int, tan_half: float) -> None:
    rng = np.random.default_rng(seed)
    normal = np.append(rng.uniform(-0.6, 0.6, 2), 1.0)
    offset = rng.uniform(0.3, 1.2)
    corners = np.array([[-1.2, -1.2, 1], [1.2, -1.2, 1], [1.2, 1.2, 1], [-1.2, 1.2, 1]]) * [tan_half, tan_half, 1]
    points = corners * (offset / (corners @ normal))[:, None]
    rays = directions(tan_half, size)
    depth, face_id, bary = render(points, SQUARE, tan_half, size)
    np.testing.assert_allclose(depth, offset / (rays @ normal), rtol=1e-5)
    weights = np.concatenate([bary, 1 - bary.sum(-1, keepdims=True)], axis=-1)
    np.testing.assert_allclose(
        np.einsum("vuk,vuki->vui", weights, points[SQUARE[face_id]]), rays * depth[..., None], atol=2e-5
    )


@given(st.integers(2, 30), st.data())
def test_one_pixel_is_one_pixel(size: int, data: st.DataObject) -> None:
    """A square that reaches from pixel (v, u) nearly to the next ones colours that pixel and no other."""
    v, u = (data.draw(st.integers(0, size - 1)) for _ in "vu")
    tan_half, z = 0.3, 0.8
    x, y = (((2 * i + 1) / size - 1) * tan_half * z for i in (u, v))
    reach = 0.9 * tan_half * z * 2 / size  # 0.9 of the way to the next centres
    points = np.array([x, y, z]) + reach * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    depth, _, _ = render(points, SQUARE, tan_half, size)
    assert np.argwhere(np.isfinite(depth)).tolist() == [[v, u]]


@settings(max_examples=15, deadline=None)
@example(0.0, 0.0, 0.75)
@given(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(0.3, 1.0))
def test_a_ball_has_the_depth_and_the_outline_of_a_ball(x: float, y: float, z: float) -> None:
    centre, radius, size = np.array([x, y, z]), 0.06, 48
    tan_half = 0.13 / z
    depth, _, _ = render(*ball(centre, radius), tan_half, size)
    rays = directions(tan_half, size)
    along, squared = rays @ centre, (rays**2).sum(-1)
    discriminant = along**2 - squared * (centre @ centre - radius**2)
    expected = (along - np.sqrt(np.maximum(discriminant, 0))) / squared
    inside, outside = discriminant > 0.1 * discriminant.max(), discriminant < 0
    np.testing.assert_allclose(depth[inside], expected[inside], atol=5e-4)
    assert np.isinf(depth[outside]).all()


def test_no_pixel_falls_between_two_faces() -> None:
    """The diagonal of the square passes exactly through pixels' centres."""
    for size in range(3, 40):
        for scale in (1.0, 1.1, 1.3, 1.7):
            square = scale * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) + [0, 0, 1.0]
            assert np.isfinite(render(square, SQUARE, 0.7, size)[0]).all()


def test_the_nearer_surface_wins_whatever_the_order_and_the_winding() -> None:
    far = np.array([[-1, -1, 2], [1, -1, 2], [1, 1, 2], [-1, 1, 2]], dtype=float)
    points = np.concatenate([far, far / 2])
    near_faces = SQUARE + 4
    for faces in (np.concatenate([SQUARE, near_faces]), np.concatenate([near_faces[:, ::-1], SQUARE])):
        depth, face_id, _ = render(points, np.ascontiguousarray(faces), 0.4, 8)
        np.testing.assert_allclose(depth, 1, rtol=1e-6)
        assert (faces[face_id] >= 4).all()


def test_what_was_already_nearer_stays() -> None:
    points = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=float)
    nearness, face_id = raster.empty((6, 6))
    nearness[:] = 2
    rasterise(points, SQUARE, crop_lens(0.4, 6), nearness, face_id)
    assert (nearness == 2).all() and (face_id == -1).all()


def test_closed_meshes_look_the_same_without_the_faces_that_turn_away() -> None:
    """A ball and its mirror image, which winds the other way; taken for the other, each shows its inside."""
    points, faces = ball(np.array([0.02, -0.01, 0.5]), 0.06)

    def seen(points: Array, outside: int) -> Array:
        nearness, face_id = raster.empty((40, 40))
        rasterise(points, faces, crop_lens(0.2, 40), nearness, face_id, 0, outside)
        return nearness

    expected, mirrored = seen(points, 0), points * [-1.0, 1, 1]
    np.testing.assert_array_equal(seen(points, 1), expected)
    np.testing.assert_allclose(seen(mirrored, -1)[:, ::-1], expected, atol=1e-6)
    for inside in (seen(points, -1), seen(mirrored, 1)[:, ::-1]):
        drawn = inside > 0
        assert drawn.sum() > 100 and (inside[drawn] < expected[drawn]).mean() > 0.9


def test_closed_meshes_that_reach_behind_the_camera_may_be_looked_into() -> None:
    points, faces = ball(np.array([0.0, 0.0, 0.05]), 0.2)
    nearness, face_id = raster.empty((20, 20))
    rasterise(points, faces, crop_lens(0.2, 20), nearness, face_id, 0, 1)
    far = np.linalg.norm(directions(0.2, 20) / nearness[..., None] - [0, 0, 0.05], axis=-1)
    np.testing.assert_allclose(far, 0.2, atol=1e-3)


def test_what_is_behind_the_camera_or_beside_the_picture_is_not_drawn() -> None:
    square = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=float)
    for points in (square * -1, square + np.array([5, 0, 0]), square * [1, 0, 1]):
        assert np.isinf(render(points, SQUARE, 0.4, 8)[0]).all()


def test_normals_of_a_ball_point_away_from_its_middle() -> None:
    centre = np.array([0.1, -0.2, 0.6])
    points, faces = ball(centre, 0.05)
    normals = np.empty_like(points)
    vertex_normals(points, faces, normals)
    used = np.linalg.norm(normals, axis=1) > 0.5  # at the poles, all but one of the coinciding points have thin faces
    np.testing.assert_allclose(normals[used], ((points - centre) / 0.05)[used], atol=0.05)
    assert used.mean() > 0.9
