"""What a depth camera makes of a scene, fault by fault."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.hands.depth import LUMP_PX, beyond, measure, perfect_sensors, sample_sensors, shadows
from training.hands.model import Array
from training.hands.parts import SLEEVE
from training.hands.raster import crop_lens

SIZE = 32
LENS = crop_lens(0.2, SIZE)


def empty() -> Array:
    return np.full((SIZE, SIZE), np.inf, dtype=np.float32)


def flat(z: float = 0.7) -> Array:
    return np.full((SIZE, SIZE), z, dtype=np.float32)


def two_levels() -> Array:
    """A near half at 0.5 m, a far one at 0.9 m, and nothing in the lowest rows."""
    depth = np.where(np.arange(SIZE) < SIZE // 2, 0.5, 0.9).astype(np.float32) * np.ones((SIZE, 1), dtype=np.float32)
    depth[-6:] = np.inf
    return depth


def read(depth: Array, part: int = 1, seed: int = 3, **faults: float) -> Array:
    sensor = perfect_sensors(1)
    for name, value in faults.items():
        sensor[name] = value
    out = np.full_like(depth, np.nan)
    measure(depth, np.full(depth.shape, part, np.uint8), sensor[0], LENS, seed, out)
    return out


def test_a_perfect_camera_reads_the_truth_and_0_where_nothing_is() -> None:
    depth = two_levels()
    np.testing.assert_array_equal(read(depth), np.where(np.isfinite(depth), depth, 0))
    assert (read(empty(), sigma=0.01, fray=0.5, bias=0.1, fatten=2) == 0).all()


@pytest.mark.parametrize("lumpy", [0.0, 1.0])
def test_noise_has_its_size_and_its_grain(lumpy: float) -> None:
    noise = np.stack([read(flat(), sigma=0.004, lumpy=lumpy, seed=seed) - 0.7 for seed in range(40)])
    assert noise.std() == pytest.approx(0.004, rel=0.15) and abs(noise.mean()) < 0.0005
    alike = np.corrcoef(noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel())[0, 1]
    assert alike > 0.8 if lumpy else abs(alike) < 0.05
    assert abs(np.corrcoef(noise[..., 0], noise[..., 3 * LUMP_PX])[0, 1]) < 0.5


def test_steps_of_disparity_grow_with_the_square_of_distance() -> None:
    """Steps of z are z² / disparity (Khoshelham and Elberink 2012)."""
    for z in (0.5, 1.0):
        levels = np.unique(read(flat(z), sigma=0.03, disparity=200.0))
        steps = np.diff(levels[np.abs(levels - z) < 0.03])
        assert len(steps) > 2
        np.testing.assert_allclose(steps, z * z / 200, rtol=0.15)
    steps = read(flat(), sigma=0.01, step=0.008) / 0.008
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    np.testing.assert_allclose(read(flat(), bias=-0.003), 0.697, atol=1e-6)


def test_what_is_lost_is_as_much_as_said_in_specks_or_in_patches() -> None:
    specks = np.stack([read(flat(), speckle=0.25, seed=seed) == 0 for seed in range(20)])
    blots = np.stack([read(flat(), blot=0.25, seed=seed) == 0 for seed in range(200)])
    assert specks.mean() == pytest.approx(0.25, abs=0.02) and blots.mean() == pytest.approx(0.25, abs=0.05)
    ends = [(holes[:, :, 1:] != holes[:, :, :-1]).mean() for holes in (specks, blots)]
    assert ends[1] < ends[0] / 3
    cloth = np.stack([read(flat(), part=SLEEVE, dark=0.5, seed=seed) == 0 for seed in range(100)])
    assert cloth.mean() == pytest.approx(0.5, abs=0.08)
    assert (read(flat(), part=1, dark=1.0) > 0).all()  # skin is not dark to infrared light


def test_edges_lose_and_fly_and_flat_parts_do_not() -> None:
    depth = two_levels()
    true = read(depth)
    edge = np.zeros((SIZE, SIZE), dtype=bool)
    edge[:, SIZE // 2 - 1 : SIZE // 2 + 1] = True  # between the levels
    edge[-7] = True  # the last row before nothing
    lost = read(depth, edge_hole=1.0)
    np.testing.assert_array_equal(lost, np.where(edge, 0, true))
    flown = read(depth, edge_fly=1.0)
    np.testing.assert_array_equal(flown[~edge], true[~edge])
    between = flown[edge & (true > 0)]
    assert between.min() >= 0.5 - 1e-6 and between.max() <= 1.15 + 1e-6 and len(np.unique(between)) > 20


def test_near_edges_grow_and_waver() -> None:
    depth = two_levels()[:-6]
    near = (read(depth, fatten=2.0) == np.float32(0.5)).sum(1)
    np.testing.assert_array_equal(near, SIZE // 2 + 2)
    ragged = read(depth, fray=1.0)
    assert set(np.unique(ragged)) == set(np.unique(depth))
    edges = (ragged == np.float32(0.5)).sum(1)
    assert edges.std() > 0.3 and abs(edges.mean() - SIZE / 2) < 1.5
    np.testing.assert_array_equal(read(depth, du=3.0)[:, : SIZE // 2 - 3], np.float32(0.5))
    assert (read(depth, du=3.0)[:, SIZE // 2 - 3] == np.float32(0.9)).all()


def test_grazing_surfaces_send_nothing_back() -> None:
    slope = 0.5 + 0.012 * np.arange(SIZE, dtype=np.float32) * np.ones((SIZE, 1), np.float32)  # 1.9 and less
    assert (read(slope, grazing=5.0) > 0).all()
    assert (read(slope, grazing=1.2)[:, 1 : SIZE // 2] == 0).mean() == pytest.approx(0.8, abs=0.1)


def test_smoothing_rounds_off_relief_but_no_edges() -> None:
    relief = flat() + 0.01 * (np.indices((SIZE, SIZE)).sum(0) % 2).astype(np.float32)
    assert read(relief, smooth=1.0).std() < 0.4 * relief.std()
    depth = two_levels()
    np.testing.assert_allclose(read(depth, smooth=1.0), read(depth), atol=1e-6)


@given(st.floats(2.0, 20.0), st.floats(0.35, 0.8))
@settings(max_examples=20, deadline=None)
def test_the_shadow_is_as_wide_as_the_difference_of_disparities(shadow: float, near: float) -> None:
    """Left of a near thing where the other eye is on the right, and in a mirror with the other sign."""
    depth = flat(0.9)
    depth[:, 20:26] = near
    hidden = np.zeros(depth.shape, dtype=bool)
    shadows(depth, shadow, hidden)
    width = min(20, shadow / near - shadow / 0.9)
    assert abs(hidden[:, :20].sum(1) - width).max() <= 1 and not hidden[:, 20:].any()
    if width >= 1:
        assert hidden[:, 19].all()
    mirrored = np.zeros(depth.shape, dtype=bool)
    shadows(np.ascontiguousarray(depth[:, ::-1]), -shadow, mirrored)
    np.testing.assert_array_equal(mirrored, hidden[:, ::-1])
    shadows(depth, 0.0, hidden)
    assert not hidden.any()


def test_nothing_is_measured_too_near() -> None:
    np.testing.assert_array_equal(read(two_levels(), nearest=0.6) > 0, two_levels() == np.float32(0.9))


def test_beyond_the_pictures_border_nothing_is() -> None:
    kept = np.ones((SIZE, SIZE), bool)
    for outside in beyond(LENS, np.array([-0.1, -np.inf, np.inf, 0.05]), kept.shape):
        kept[outside] = False
    assert not kept[:, : SIZE // 4].any() and kept[: SIZE // 2, SIZE // 4 :].all()
    assert not kept[5 * SIZE // 8 + 1 :].any()
    assert not beyond(LENS, np.array([-np.inf, -np.inf, np.inf, np.inf]), kept.shape)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 1.5))
def test_sampled_cameras_are_of_all_kinds_and_worse_with_distance(distance: float) -> None:
    sensors = sample_sensors(np.random.default_rng(0), np.full(400, distance))
    stereo, clean = sensors["disparity"] > 0, np.isinf(sensors["grazing"])
    assert 0.3 < stereo.mean() < 0.5 and 0.2 < clean.mean() < 0.4
    assert (sensors["sigma"] > 0).all() and sensors["sigma"].max() <= 4e-3 * max(distance**2, 0.1)
    assert (distance**2 / sensors["disparity"][stereo] < 0.03).all()
    assert (sensors["shadow"][~stereo] == 0).all() and 0.6 < (sensors["shadow"][stereo] != 0).mean() < 0.95
    for name in ("edge_hole", "edge_fly", "dark", "blot", "speckle", "smooth", "lumpy"):
        assert sensors[name].min() >= 0 and sensors[name].max() <= 1
    assert (sensors["nearest"] < distance - 0.04).all()
    np.testing.assert_array_equal(
        sample_sensors(np.random.default_rng(0), np.full(4, distance), noise=False), perfect_sensors(4)
    )
