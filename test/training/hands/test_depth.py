"""What stands beside the hand, and what a depth camera makes of it all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.hands.depth import add_clutter, measure, sample_clutter, sample_noise
from training.hands.model import Array, HandModel
from training.hands.samples import HALF, render_depth, seed_numba
from training.hands.scene import Scenes

SIZE = 32
NO_PLANE = np.array([0.0, 0, 1, np.inf])
NO_BALLS = np.zeros((2, 6))
PERFECT = np.zeros(6)
SIGMA, STEP, JITTER, EDGE_DROP, DROP, OFFSET = range(6)


def directions(tan_half: float) -> Array:
    steps = ((2 * np.arange(SIZE) + 1) / SIZE - 1) * tan_half
    return np.stack([*np.meshgrid(steps, steps), np.ones((SIZE, SIZE))], axis=-1)


def empty() -> Array:
    return np.full((SIZE, SIZE), np.inf, dtype=np.float32)


def two_levels() -> Array:
    """A near half at 0.5 m, a far one at 0.9 m, and nothing in the lowest rows."""
    depth = np.where(np.arange(SIZE) < SIZE // 2, 0.5, 0.9).astype(np.float32) * np.ones((SIZE, 1), dtype=np.float32)
    depth[-6:] = np.inf
    return depth


def read(depth: Array, **noise: float) -> Array:
    values = PERFECT.copy()
    for name, value in noise.items():
        values[globals()[name.upper()]] = value
    seed_numba(3)
    out = np.full_like(depth, np.nan)
    measure(depth, values, out)
    return out


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_planes_and_ellipsoids_are_where_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tan_half = 0.3
    normal = np.append(rng.uniform(-0.5, 0.5, 2), 1.0)
    normal /= np.linalg.norm(normal)
    offset = rng.uniform(0.6, 1.0)
    balls = np.array([[*rng.uniform(-0.05, 0.05, 2), 0.5, *rng.uniform(0.02, 0.05, 3)], [0, 0, 0.4, 0, 0, 0]])
    plane_only, both = empty(), empty()
    add_clutter(plane_only, tan_half, np.append(normal, offset), NO_BALLS)
    add_clutter(both, tan_half, np.append(normal, offset), balls)
    rays = directions(tan_half)
    np.testing.assert_allclose(plane_only, offset / (rays @ normal), rtol=1e-5)
    changed = both != plane_only
    on_ball = (((rays * both[..., None])[changed] - balls[0, :3]) / balls[0, 3:]) ** 2
    np.testing.assert_allclose(on_ball.sum(-1), 1, atol=1e-3)
    assert changed.sum() > 3 and (both <= plane_only).all()
    middle = balls[0, :2] / balls[0, 2] / tan_half  # the ball's near side, not its far one
    v, u = np.rint(((middle + 1) * SIZE - 1) / 2).astype(int)[::-1]
    assert both[v, u] < balls[0, 2]


def test_clutter_only_comes_nearer_and_nothing_changes_nothing() -> None:
    depth = two_levels()
    same = depth.copy()
    add_clutter(same, 0.3, NO_PLANE, NO_BALLS)
    np.testing.assert_array_equal(same, depth)
    add_clutter(same, 0.3, np.array([0.0, 0, 1, 0.7]), NO_BALLS)
    np.testing.assert_allclose(same, np.minimum(depth, 0.7))


def test_planes_never_cut_the_hand_or_the_arm(model: HandModel, scenes: Scenes) -> None:
    clutter = sample_clutter(np.random.default_rng(1), scenes.vertices, scenes.palm, scenes.distance)
    with_plane = np.flatnonzero(np.isfinite(clutter.planes[:, 3]))
    assert 0.3 < len(with_plane) / len(scenes.distance) < 0.5
    np.testing.assert_allclose(np.linalg.norm(clutter.planes[:, :3], axis=1), 1)
    changed = 0
    for i in with_plane[:25]:
        tan_half = HALF / scenes.distance[i]
        depth = render_depth(scenes.vertices[i], model.faces, tan_half, SIZE)
        hand = np.isfinite(depth)
        behind = depth.copy()
        add_clutter(behind, tan_half, clutter.planes[i], NO_BALLS)
        np.testing.assert_allclose(behind[hand], depth[hand], atol=1e-5)
        changed += (behind != depth).any()
    assert changed > 15


def test_things_are_held_in_about_one_scene_of_six(scenes: Scenes) -> None:
    clutter = sample_clutter(np.random.default_rng(1), scenes.vertices, scenes.palm, scenes.distance)
    there = clutter.balls[:, :, 3] > 0
    assert ((clutter.balls[:, :, 3:] > 0) == there[..., None]).all()
    assert 0.1 < there[:, 0].mean() < 0.25 and 0.1 < there[:, 1].mean() < 0.25
    held = clutter.balls[:, 0, :3] - np.column_stack([np.zeros((len(there), 2)), scenes.distance])
    assert ((held * scenes.palm).sum(1) > 0).mean() > 0.9  # on the palm's side


def test_a_perfect_camera_reads_the_truth_and_0_where_nothing_is() -> None:
    depth = two_levels()
    np.testing.assert_array_equal(read(depth), np.where(np.isfinite(depth), depth, 0))
    assert (read(empty(), sigma=0.01, jitter=0.5, offset=0.1) == 0).all()


def test_each_fault_is_of_its_documented_size() -> None:
    depth = np.full((SIZE, SIZE), 0.7, dtype=np.float32)
    noisy = read(depth, sigma=0.004) - depth
    assert noisy.std() == pytest.approx(0.004, rel=0.1) and abs(noisy.mean()) < 0.0005
    np.testing.assert_allclose(read(depth, offset=-0.003), 0.697, atol=1e-6)
    steps = read(depth, sigma=0.01, step=0.008) / 0.008
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    assert len(np.unique(np.rint(steps))) > 3
    dropped = read(depth, drop=0.25) == 0
    assert dropped.mean() == pytest.approx(0.25, abs=0.05)
    np.testing.assert_array_equal(read(depth, drop=1.0), 0)


def test_edges_fray_drop_out_and_fly_and_flat_parts_do_not() -> None:
    depth = two_levels()
    true = read(depth)
    edge = np.zeros((SIZE, SIZE), dtype=bool)
    edge[:, SIZE // 2 - 1 : SIZE // 2 + 1] = True  # between the levels
    edge[-7] = True  # the last row before nothing
    reading = read(depth, edge_drop=1.0)
    np.testing.assert_array_equal(reading[~edge], true[~edge])
    at_edge = edge & (true > 0)
    holes = reading[at_edge] == 0
    assert 0.4 < holes.mean() < 0.8
    flying = reading[at_edge][~holes]
    assert flying.min() >= 0.5 - 1e-6 and flying.max() <= 0.98 + 1e-6 and len(np.unique(flying)) > 5
    frayed = read(depth, jitter=0.5)
    assert set(np.unique(frayed)) == set(np.unique(true))
    assert (frayed != true).sum() > 5
    inner = np.abs(np.arange(SIZE) - SIZE // 2 + 0.5) > 3
    np.testing.assert_array_equal(frayed[: SIZE - 12, inner], true[: SIZE - 12, inner])


@settings(max_examples=20, deadline=None)
@given(st.floats(0.22, 1.4))
def test_noise_grows_with_distance_and_stays_a_share_or_a_length(distance: float) -> None:
    noise = sample_noise(np.random.default_rng(0), 200, np.full(200, distance))
    assert noise.shape == (200, 6)
    assert (noise[:, :OFFSET] >= 0).all()
    assert noise[:, SIGMA].max() <= 4e-3 * max(distance**2, 0.1)
    assert noise[:, STEP].max() <= 4e-3 * distance**2
    assert noise[:, [EDGE_DROP, DROP]].max() < 1
    assert np.abs(noise[:, OFFSET]).max() < 0.01
    farther = sample_noise(np.random.default_rng(0), 200, np.full(200, 2 * distance))
    assert (farther[:, SIGMA] > noise[:, SIGMA]).all()
