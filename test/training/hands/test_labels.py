"""Labels are exact: measured in the rendered pictures themselves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from training.hands.depth import perfect_sensors
from training.hands.labels import CompleteBatch, Labels, complete_batches, heat_maps, label, mirror
from training.hands.model import Array, HandModel
from training.hands.parts import FOREARM, NOTHING, THING
from training.hands.raster import crop_lens
from training.hands.scene import HALF, Scenes, SceneSettings, sample_scenes, surfaces
from training.hands.stage import crop_stage, view
from training.hands.things import ELLIPSOID, NONE, add_things

SIZE, POINTS = 160, 256


@pytest.fixture(scope="module")
def right(model: HandModel) -> Scenes:
    """Right hands, each there, before perfect cameras."""
    settings = SceneSettings(mirrored=0.0, empty=0.0, depth_noise=False)
    return sample_scenes(model, np.random.default_rng(2), 24, settings)


@pytest.fixture(scope="module")
def hands(model: HandModel, right: Scenes) -> Array:
    return surfaces(model, right)


@pytest.fixture(scope="module")
def labels(model: HandModel, right: Scenes, hands: Array) -> Labels:
    return label(model, np.random.default_rng(0), right, hands, SIZE, POINTS)


def test_projected_joints_fall_on_the_rendered_ones(right: Scenes, labels: Labels) -> None:
    """Each joint is rendered as a small ball; the middle of its pixels is where joints_2d says, within half a pixel."""
    for i in range(6):
        lens = crop_lens(HALF / right.distance[i], SIZE)
        for joint in range(21):
            place = ((labels.joints_2d[i, joint] + 1) * SIZE - 1) / 2
            if not (np.abs(labels.joints_2d[i, joint]) < 0.95).all():
                continue
            nearness, part = np.zeros((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.uint8)
            ball = np.array([ELLIPSOID], np.int8), right.joints[i, joint][None], np.eye(3)[None], np.full((1, 3), 0.004)
            add_things(nearness, part, lens, *ball)
            v, u = (axis.mean() for axis in np.nonzero(part == THING))
            assert np.hypot(u - place[0], v - place[1]) < 0.5


def test_surface_points_lie_on_the_rendered_depth(
    model: HandModel, right: Scenes, hands: Array, labels: Labels
) -> None:
    """Within a millimetre of what a picture five times finer shows, wherever the camera sees them."""
    off, fine = [], 5 * SIZE
    for i in range(8):
        lens = crop_lens(HALF / right.distance[i], fine)
        depth = view(model, crop_stage(model, right, hands[i], i), lens, (fine, fine)).depth
        towards = -(labels.surface[i] * labels.normals[i]).sum(-1) / np.linalg.norm(labels.surface[i], axis=1)
        points = labels.surface[i][labels.seen[i] & (towards > 0.3)]
        uv = points[:, :2] / points[:, 2:] * lens[:2] + lens[2:]
        there = map_coordinates(np.where(np.isfinite(depth), depth, 9.0), uv[:, ::-1].T, order=1, mode="nearest")
        off.append(np.abs(there - points[:, 2]))
    distances = np.concatenate(off)
    assert len(distances) > 500
    assert np.mean(distances < 0.001) > 0.98
    assert np.median(distances) < 1e-4


def test_unseen_surface_points_are_behind_something(labels: Labels) -> None:
    share = labels.seen.mean(1)
    assert 0.1 < share.mean() < 0.6
    facing = (labels.surface * labels.normals).sum(-1) < 0
    assert not (labels.seen & ~facing).any() and (facing & ~labels.seen).any()


@pytest.mark.parametrize("points", [256, 1024])
def test_points_are_spread_over_the_skin_with_normals_out_of_it(
    model: HandModel, right: Scenes, hands: Array, points: int
) -> None:
    made = label(model, np.random.default_rng(0), right, hands, 32, points)
    assert made.surface.shape == made.normals.shape == (24, points, 3)
    np.testing.assert_allclose(np.linalg.norm(made.normals, axis=-1), 1, atol=1e-5)
    skin = hands[:, : len(model.mean) - 21]
    outward = ((made.surface - skin.mean(1, keepdims=True)) * made.normals).sum(-1) > 0
    assert outward.mean() > 0.7  # fingers' inner sides look inwards
    between = np.linalg.norm(made.surface[0][:, None] - made.surface[0], axis=-1) + 9 * np.eye(points)
    assert np.median(between.min(1)) > 0.3 * np.sqrt(0.04 / points)  # a hand has about 400 square centimetres


def test_boxes_and_masks_are_exact(labels: Labels) -> None:
    for part, depth, box in zip(labels.part, labels.depth, labels.box, strict=True):
        np.testing.assert_array_equal(part == NOTHING, np.isinf(depth))
        rows, columns = np.nonzero((part > 0) & (part < FOREARM))
        x, y, width, height = box
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x, y, x + width, y + height)


def test_joints_are_visible_where_the_skin_around_them_is_seen(
    model: HandModel, right: Scenes, hands: Array, labels: Labels
) -> None:
    assert 0.4 < labels.visible.mean() < 0.95
    outside = (np.abs(labels.joints_2d) > 1.02).any(-1)
    assert not labels.visible[outside].any()
    # nothing but the hand: no joint is hidden that was seen; before a board all are
    alone = replace(right, things=replace(right.things, kind=np.full_like(right.things.kind, NONE)))
    more = label(model, np.random.default_rng(0), alone, hands, SIZE, 8).visible
    assert (more | ~labels.visible).all() and more.sum() >= labels.visible.sum()
    board = right.things.planes.copy()
    board[:] = [0, 0, 1, 0.12]
    hidden = replace(right, things=replace(right.things, planes=board))
    assert not label(model, np.random.default_rng(0), hidden, hands, SIZE, 8).visible.any()


def test_pose_shape_and_camera_are_the_scenes(model: HandModel, right: Scenes, labels: Labels) -> None:
    np.testing.assert_array_equal(labels.angles, right.angles)
    np.testing.assert_allclose(labels.bones[:, 4], np.linalg.norm(right.joints[:, 5] - right.joints[:, 0], axis=1))
    uv = right.joints[..., :2] / right.joints[..., 2:] * labels.lens[:, None, :2] + labels.lens[:, None, 2:]
    np.testing.assert_allclose((2 * uv + 1) / SIZE - 1, labels.joints_2d, atol=1e-9)
    assert labels.wrist_turn.shape == (24, 3, 3) and labels.wrist_shift.shape == (24, 3)


def test_mirrored_left_hands_are_left_hands(labels: Labels) -> None:
    """A left hand's palm is on the other side of (index - wrist) x (little - wrist); twice mirrored is the same."""
    every = np.ones(24, dtype=bool)
    left = mirror(labels, every)

    def turning(of: Labels) -> Array:
        wrist, index, little = (of.joints[:, j] for j in (0, 5, 17))
        return np.linalg.det(np.stack([index - wrist, little - wrist, of.wrist_turn[:, :, 2]], axis=1))

    assert (turning(labels) * turning(left) < 0).all()
    np.testing.assert_allclose(np.linalg.det(left.wrist_turn), 1)
    back = mirror(left, every)
    for name, value in vars(labels).items():
        np.testing.assert_array_equal(getattr(back, name), value)
    u, v = np.rint(((left.joints_2d[0] + 1) * SIZE - 1) / 2).astype(int).T
    inside = (u >= 0) & (v >= 0) & (u < SIZE) & (v < SIZE)
    gap = left.joints[0, inside, 2] - left.depth[0, v[inside], u[inside]]
    assert (gap > -0.004).mean() > 0.9  # but at outlines, joints lie under what is seen of the mirrored hand


def test_pictures_show_what_their_labels_say() -> None:
    made: CompleteBatch = next(complete_batches(0, 16, 48, None, None, settings=SceneSettings(depth_noise=False)))
    assert made.rgb.shape == (16, 48, 48, 3) and made.rgb.dtype == np.uint8
    assert set(made.labels.right) == {True, False}
    expected = (made.labels.depth - made.labels.distance[:, None, None]) / HALF
    np.testing.assert_allclose(made.depth, np.where(np.isfinite(expected), expected, 1).clip(-1, 1), atol=1e-5)
    again = next(complete_batches(0, 16, 48, None, None, settings=SceneSettings(depth_noise=False)))
    np.testing.assert_array_equal(again.rgb, made.rgb)
    np.testing.assert_array_equal(again.labels.surface, made.labels.surface)


def test_heat_maps_peak_where_the_joints_are() -> None:
    joints_2d = np.random.default_rng(0).uniform(-0.8, 0.8, (3, 21, 2))
    maps = heat_maps(joints_2d, 64)
    assert maps.shape == (3, 21, 64, 64) and maps.dtype == np.float32
    v, u = np.unravel_index(maps.reshape(3, 21, -1).argmax(-1), (64, 64))
    places = ((joints_2d + 1) * 64 - 1) / 2
    np.testing.assert_allclose(np.stack([u, v], -1), places, atol=0.51)
    assert maps.max() <= 1 and maps.max((2, 3)).min() > 0.85
    with pytest.raises(ValueError, match=r"not \(B, 21, 2\)"):
        heat_maps(joints_2d[:, :20], 64)


def test_perfect_sensors_are_what_no_noise_means(right: Scenes) -> None:
    np.testing.assert_array_equal(right.sensors, perfect_sensors(24))
