"""Training samples: what is drawn and what the labels say are the same hand."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from training.hands.depth import perfect_sensors
from training.hands.model import Array, HandModel
from training.hands.raster import crop_lens, render
from training.hands.samples import (
    SURFACE_POINTS,
    DepthBatch,
    PoseBatch,
    depth_batches,
    pose_batches,
    pose_labels,
    see_depth,
    surface_points,
)
from training.hands.scene import HALF, Scenes, SceneSettings
from training.hands.stage import crop_stage, view

SIZE = 48


@pytest.fixture(scope="module")
def bare(scenes: Scenes) -> Scenes:
    """The hands alone before perfect cameras."""
    count = len(scenes.distance)
    things = replace(
        scenes.things, kind=np.zeros_like(scenes.things.kind), planes=np.full_like(scenes.things.planes, np.inf)
    )
    whole, border = np.ones(count, dtype=bool), np.full((count, 4), np.inf) * [-1, -1, 1, 1]
    return replace(scenes, things=things, sensors=perfect_sensors(count), border=border, present=whole)


def one(seed: int, mirrored: float = 0.15, empty: float = 0.06) -> DepthBatch:
    return next(depth_batches(seed, 12, 24, SceneSettings(mirrored=mirrored, empty=empty)))


def assert_labels_reproject(joints: Array, joints_2d: Array) -> None:
    """Some distance and tan_half bring the 3D joints onto the 2D ones: xy = uv tan_half (z + distance).

    That is linear in (tan_half, tan_half distance).
    """
    for xyz, uv in zip(joints.astype(float), joints_2d.astype(float), strict=True):
        unknowns = np.stack([(uv * xyz[:, 2:]).ravel(), uv.ravel()], axis=1)
        (tan_half, offset), *_ = np.linalg.lstsq(unknowns, xyz[:, :2].ravel(), rcond=None)
        np.testing.assert_allclose(unknowns @ [tan_half, offset], xyz[:, :2].ravel(), atol=2e-6)
        assert 0.15 < offset / tan_half < 1.5


def test_labels_are_the_scene_from_the_cubes_centre_and_its_projection(
    model: HandModel, scenes: Scenes, vertices: Array
) -> None:
    tan_half = np.random.default_rng(0).uniform(0.1, 0.5, len(scenes.distance))
    surface, joints, joints_2d = pose_labels(scenes, vertices, tan_half)
    z = joints[..., 2:] + scenes.distance[:, None, None]
    np.testing.assert_allclose(joints_2d * tan_half[:, None, None] * z, joints[..., :2], atol=1e-6)
    np.testing.assert_allclose(joints[..., :2], scenes.joints[..., :2], atol=1e-6)
    assert surface.shape == (len(tan_half), SURFACE_POINTS, 3)
    skin = vertices[0, : len(model.mean) - 21] - [0, 0, scenes.distance[0]]
    nearest = np.linalg.norm(surface[0][:, None] - skin, axis=-1).min(1)
    assert nearest.max() < 1e-6 and len(np.unique(surface[0], axis=0)) == SURFACE_POINTS


def test_surface_points_are_the_same_of_every_hand_and_cover_it(model: HandModel) -> None:
    skin = model.mean[:-21]
    to_nearest = np.linalg.norm(skin[:, None] - skin[surface_points()], axis=-1).min(1)
    assert to_nearest.max() < 0.01  # metres; 256 points on 4 square decimetres are a good centimetre apart


def test_joints_fall_on_the_rendered_hand(model: HandModel, scenes: Scenes, vertices: Array) -> None:
    """Nearly all within 1.5 pixels of the outline, and none of them before the surface that is seen there."""
    to_outline, before_surface = [], []
    *_, joints_2d = pose_labels(scenes, vertices, HALF / scenes.distance)
    for i in range(40):
        depth, *_ = render(vertices[i], model.faces, crop_lens(HALF / scenes.distance[i], SIZE), (SIZE, SIZE))
        seen = np.isfinite(depth)
        inside = (np.abs(joints_2d[i]) < 1).all(1)
        u, v = np.rint(((joints_2d[i, inside] + 1) * SIZE - 1) / 2).astype(int).T
        to_outline.append(distance_transform_edt(~seen)[v, u])
        on = seen[v, u]
        before_surface.append((depth[v, u] - scenes.joints[i, inside, 2])[on])
    assert np.mean(np.concatenate(to_outline) <= 1.5) > 0.98
    assert np.mean(np.concatenate(before_surface) < 0.004) > 0.98
    assert len(np.concatenate(to_outline)) > 0.9 * 40 * 21


def test_a_perfect_camera_sees_the_render_in_cube_units_and_1_where_nothing_is(
    model: HandModel, bare: Scenes, vertices: Array
) -> None:
    for i in range(5):
        seen = see_depth(model, bare, vertices[i], i, SIZE)
        lens = crop_lens(HALF / bare.distance[i], SIZE)
        true, *_ = render(vertices[i], model.faces, lens, (SIZE, SIZE))
        expected = ((true - bare.distance[i]) / HALF).clip(-1, 1)
        np.testing.assert_allclose(seen, expected, atol=1e-5)
        assert (seen[np.isinf(true)] == 1).all() and np.isinf(true).any()
    gone = replace(bare, present=~bare.present, arm_only=~bare.present)
    assert (see_depth(model, gone, vertices[0], 0, SIZE) == 1).all()
    blind = bare.sensors.copy()
    blind["speckle"] = 1
    assert (see_depth(model, replace(bare, sensors=blind), vertices[0], 0, SIZE) == 1).all()


def test_coarse_cameras_show_their_own_pixels(model: HandModel, bare: Scenes, vertices: Array) -> None:
    coarse = bare.sensors.copy()
    coarse["focal"] = 24 * bare.distance / (2 * HALF)  # 24 of them across the crop
    seen = see_depth(model, replace(bare, sensors=coarse), vertices[0], 0, SIZE)
    blocks = seen.reshape(24, 2, 24, 2)
    np.testing.assert_array_equal(blocks, blocks[:, :1, :, :1].repeat(2, 1).repeat(2, 3))
    assert len(np.unique(seen)) > 50


def test_parts_are_the_bones_the_arm_and_the_things(model: HandModel, scenes: Scenes, vertices: Array) -> None:
    for i in range(10):
        lens = crop_lens(HALF / scenes.distance[i], SIZE)
        shown = view(model, crop_stage(model, scenes, vertices[i], i), lens, (SIZE, SIZE))
        depth, part, face_id = shown.depth, shown.part, shown.face
        np.testing.assert_array_equal(part == 0, np.isinf(depth))
        bones = (part >= 1) & (part <= 16)
        if not scenes.present[i]:
            assert not bones.any()
            continue
        assert bones.any()
        seen = model.faces[face_id[bones]]
        assert (face_id[bones] < model.skin_faces).all()
        strength = (model.weight_values[seen] * (model.weight_bones[seen] == part[bones][:, None, None] - 1)).sum(
            (1, 2)
        )
        assert (strength > 0.7).mean() > 0.9


def test_depth_batches_are_as_documented() -> None:
    batch = next(depth_batches(4, 64, 16))
    assert {name: (value.shape, value.dtype.name) for name, value in vars(batch).items()} == {
        "depth": ((64, 16, 16), "float32"),
        "surface": ((64, 256, 3), "float32"),
        "joints": ((64, 21, 3), "float32"),
        "joints_2d": ((64, 21, 2), "float32"),
        "tan_half": ((64,), "float32"),
        "right": ((64,), "float32"),
        "present": ((64,), "float32"),
    }
    assert np.abs(batch.depth).max() <= 1
    assert set(batch.right) == set(batch.present) == {0.0, 1.0}
    assert batch.right.mean() > 0.6 and batch.present.mean() > 0.75
    assert_labels_reproject(batch.joints, batch.joints_2d)
    tan_half = (batch.joints[..., :2] / batch.joints_2d).mean((1, 2)) / 0.8
    assert tan_half.min() > 0


def test_left_hands_are_right_ones_in_a_mirror() -> None:
    right, left = one(4, mirrored=0.0, empty=0.0), one(4, mirrored=1.0, empty=0.0)
    np.testing.assert_array_equal(left.depth, right.depth[:, :, ::-1])
    assert (right.right == 1).all() and (left.right == 0).all()
    assert (np.abs(left.depth - right.depth) > 0.1).any(axis=(1, 2)).all()


def test_without_a_hand_there_is_only_an_arm_or_clutter() -> None:
    hand, none = one(5, mirrored=0.0, empty=0.0), one(5, mirrored=0.0, empty=1.0)
    assert (hand.present == 1).all() and (none.present == 0).all()
    covered, without = ((b.depth < 1).mean((1, 2)) for b in (hand, none))
    assert without.mean() < covered.mean()
    np.testing.assert_array_equal(hand.joints, none.joints)


@pytest.mark.parametrize("make", [lambda seed: depth_batches(seed, 4, 16), lambda seed: pose_batches(seed, 4)])
def test_batches_follow_from_seed_and_index_alone(make: Callable[[int], Iterator[Any]]) -> None:
    first = list(islice(make(7), 3))
    interleaved = [batches[0] for batches in islice(zip(make(7), make(8), strict=True), 3)]
    for a, b in zip(first, interleaved, strict=True):
        for name, value in vars(a).items():
            np.testing.assert_array_equal(vars(b)[name], value)
    others = [next(make(8)), *first[1:]]
    assert all((other.joints != first[0].joints).any() for other in others)


def test_pose_batches_have_the_labels_and_more_scales() -> None:
    batch = next(pose_batches(1, 64))
    assert isinstance(batch, PoseBatch)
    assert_labels_reproject(batch.joints, batch.joints_2d)
    assert batch.surface.shape == (64, SURFACE_POINTS, 3)
    # the surface is the hand's own: about as far from the centre as the joints
    reach, joints_reach = (np.linalg.norm(a, axis=-1).max(1) for a in (batch.surface, batch.joints))
    assert (reach < joints_reach + 0.06).all()
