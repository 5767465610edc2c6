"""What stands beside the hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from training.hands.model import Array, HandModel
from training.hands.parts import THING, WALL
from training.hands.raster import crop_lens, render
from training.hands.scene import HALF, Scenes
from training.hands.things import (
    BOX,
    CYLINDER,
    ELLIPSOID,
    HELD,
    NONE,
    add_plane,
    add_things,
    put_instead,
    sample_things,
)

SIZE = 48
LENS = crop_lens(0.3, SIZE)
NO_PLANE = np.array([0.0, 0, 1, np.inf])
UPRIGHT = np.eye(3)


def draw(
    plane: Array, kind: int = NONE, centre: Array = NO_PLANE[:3], turn: Array = UPRIGHT, half: Array = NO_PLANE
) -> tuple[Array, Array]:
    nearness, part = np.zeros((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.uint8)
    add_things(nearness, part, LENS, np.array([kind], np.int8), centre[None], turn[None], half[None, :3])
    add_plane(nearness, part, LENS, plane)
    with np.errstate(divide="ignore"):
        return 1 / nearness, part


def rays() -> Array:
    steps = ((2 * np.arange(SIZE) + 1) / SIZE - 1) * 0.3
    return np.stack([*np.meshgrid(steps, steps), np.ones((SIZE, SIZE))], axis=-1)


def inside(kind: int, own: Array) -> Array:
    """Below 1 inside the solid, 1 on it; `own` in units of its half sizes."""
    if kind == ELLIPSOID:
        return np.linalg.norm(own, axis=-1)
    if kind == BOX:
        return np.abs(own).max(-1)
    return np.maximum(np.linalg.norm(own[..., :2], axis=-1), np.abs(own[..., 2]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([ELLIPSOID, BOX, CYLINDER]))
def test_solids_are_seen_where_rays_first_meet_them(seed: int, kind: int) -> None:
    rng = np.random.default_rng(seed)
    centre = np.array([*rng.uniform(-0.06, 0.06, 2), 0.5])
    turn, half = Rotation.random(rng=rng).as_matrix(), rng.uniform(0.02, 0.06, 3)
    depth, part = draw(NO_PLANE, kind, centre, turn, half)
    seen = np.isfinite(depth)
    np.testing.assert_array_equal(part, np.where(seen, THING, 0))

    def level(z: Array) -> Array:
        return inside(kind, (rays() * z[..., None] - centre) @ turn.T / half)

    np.testing.assert_allclose(level(np.where(seen, depth, 1.0))[seen], 1, atol=2e-3)
    along = np.linspace(0.38, 0.62, 481)  # every half millimetre: rays may cut corners shorter than two
    levels = np.stack([level(np.full((SIZE, SIZE), z)) for z in along])
    assert not seen[(levels > 1.02).all(0) & (np.abs(rays()[..., :2]) < 0.29).all(-1)].any()
    assert seen[(levels < 0.95).any(0)].all()
    before = along[:, None, None] < np.where(seen, depth, 0) - 2e-3
    assert (levels[before] > 1).all()


def test_planes_are_where_they_are_and_behind_what_is_nearer() -> None:
    normal = np.array([0.3, -0.4, 1.0]) / np.linalg.norm([0.3, -0.4, 1.0])
    depth, part = draw(np.append(normal, 0.7))
    np.testing.assert_allclose(depth, 0.7 / (rays() @ normal), rtol=1e-5)
    assert (part == WALL).all()
    near, part = draw(np.append(normal, 0.7), BOX, np.array([0, 0, 0.4]), np.eye(3), np.full(3, 0.02))
    assert (near <= depth).all() and set(np.unique(part)) == {WALL, THING}
    np.testing.assert_allclose(near[part == THING].min(), 0.38, rtol=1e-5)


def test_planes_and_bodies_never_cut_the_hand(model: HandModel, scenes: Scenes, vertices: Array) -> None:
    finite = np.flatnonzero(np.isfinite(scenes.things.planes[:, 3]))
    assert 0.3 < len(finite) / len(scenes.distance) < 0.5
    np.testing.assert_allclose(np.linalg.norm(scenes.things.planes[:, :3], axis=1), 1)
    skin = len(model.mean) - 21
    cut = []
    for i in finite[:60]:
        plane = scenes.things.planes[i]
        cut.append((vertices[i, :skin] @ plane[:3] > plane[3] + 0.004).mean())
    assert np.mean(cut) < 0.01


def test_things_are_as_frequent_as_said_and_held_ones_are_in_the_hand(
    model: HandModel, scenes: Scenes, vertices: Array
) -> None:
    there = (scenes.things.kind != NONE)[scenes.present]
    assert 0.1 < there[:, HELD].mean() < 0.25 and 0.08 < there[:, 1].mean() < 0.2 and 0.12 < there[:, 3].mean() < 0.32
    held = np.flatnonzero(there[:, HELD])
    offset = scenes.things.centre[held, HELD] - scenes.joints[held, 9]
    assert ((offset * scenes.palm[held]).sum(1) > 0).mean() > 0.9  # on the palm's side
    assert np.linalg.norm(offset, axis=1).max() < 0.09
    hidden = []
    for i in held[:20]:  # neither before the whole hand nor lost inside it
        lens = crop_lens(HALF / scenes.distance[i], SIZE)
        hand, *_ = render(vertices[i], model.faces, lens, (SIZE, SIZE))
        nearness, part = 1 / hand, np.zeros(hand.shape, np.uint8)
        things = scenes.things
        add_things(nearness, part, lens, things.kind[i, :1], things.centre[i], things.turn[i], things.half[i])
        hidden.append((part[np.isfinite(hand)] == THING).mean())
    assert np.mean(hidden) < 0.35 and max(hidden) > 0.02


@pytest.mark.parametrize("occluders", [True, False])
def test_occluders_can_be_left_out(scenes: Scenes, occluders: bool) -> None:
    things = sample_things(np.random.default_rng(0), scenes.joints, scenes.palm, scenes.distance, occluders)
    assert (things.kind[:, :3] != NONE).any() == occluders
    assert (things.kind[:, 3] != NONE).any()
    np.testing.assert_allclose(
        things.turn @ things.turn.swapaxes(-1, -2), np.broadcast_to(np.eye(3), things.turn.shape), atol=1e-9
    )


def test_where_no_hand_is_there_is_often_a_thing_in_its_place_and_nothing_else_changes(scenes: Scenes) -> None:
    empty = np.arange(len(scenes.distance)) % 2 == 0
    before = scenes.things
    things = put_instead(np.random.default_rng(3), before, scenes.distance, empty)
    for name, values in vars(before).items():
        np.testing.assert_array_equal(getattr(things, name)[~empty], values[~empty])
    np.testing.assert_array_equal(things.kind[:, 3], before.kind[:, 3])  # whoever stands behind stays
    replaced = (things.half[:, 0] != before.half[:, 0]).any(1)
    assert 0.6 < replaced[empty].mean() < 0.9
    kind, centre, half = (getattr(things, name)[replaced, :3] for name in ("kind", "centre", "half"))
    parts = (kind != NONE).sum(1)
    assert set(parts) == {1, 2, 3} and (kind[:, 0] != NONE).all()
    middle = np.zeros((replaced.sum(), 3))
    middle[:, 2] = scenes.distance[replaced]
    assert np.linalg.norm(centre[:, 0] - middle, axis=1).max() < 0.1  # in the crop
    apart = np.linalg.norm(centre[:, 1:] - centre[:, :1], axis=2)
    np.testing.assert_allclose(apart, np.broadcast_to(half[:, :1].mean(2), apart.shape))  # they touch
    assert half.min() > 0.01 and half.max() < 0.11
