"""What sensors do to known scenes."""

from __future__ import annotations

import numpy as np

from training.test_sets.sensor import BASELINE_M, DISPARITY_STEP, expose, measure_stereo, measure_time_of_flight

FOCAL = 300.0


def scene(near: float = 0.5, far: float = 1.5) -> np.ndarray:
    z = np.full((96, 128), far)
    z[30:70, 50:90] = near
    return z


def test_stereo_shadows_lie_left_of_what_is_near() -> None:
    z = scene()
    depth = measure_stereo(np.random.default_rng(0), z, np.ones(z.shape), FOCAL)
    width = round(FOCAL * BASELINE_M * (1 / 0.5 - 1 / 1.5))  # the difference of the disparities
    rows = slice(35, 65)
    assert (depth[rows, 50 - width + 4 : 47] == 0).mean() > 0.9
    assert (depth[rows, 93:120] == 0).mean() < 0.1
    on_hand = depth[rows, 55:85]
    assert abs(np.median(on_hand[on_hand > 0]) - 0.5) < 0.01


def test_stereo_steps_and_noise_grow_with_the_square_of_distance() -> None:
    spreads = []
    for distance in (0.4, 1.2):
        z = np.full((96, 128), distance)
        depth = measure_stereo(np.random.default_rng(1), z, np.ones(z.shape), FOCAL)
        found = np.unique(depth[depth > 0])
        disparities = FOCAL * BASELINE_M / found / DISPARITY_STEP
        np.testing.assert_allclose(disparities, np.rint(disparities), atol=1e-3)
        spreads.append(depth[depth > 0].std())
    assert 5 < spreads[1] / spreads[0] < 14


def test_surfaces_that_turn_away_have_no_stereo_depth() -> None:
    z = np.full((96, 128), 0.6)
    depth = measure_stereo(np.random.default_rng(0), z, np.full(z.shape, 0.02), FOCAL)
    assert (depth == 0).mean() > 0.8


def test_time_of_flight_mixes_edges_and_is_true_elsewhere() -> None:
    fine = np.full((96, 128), 1.0)
    fine[:, :65] = 0.5  # an edge through the middle of pixels
    ones = np.ones((48, 64))
    depth = measure_time_of_flight(np.random.default_rng(3), fine, ones, ones)
    edge, near, far = depth[:, 32], depth[:, 5:28], depth[:, 36:60]
    flying = edge[edge > 0]
    assert len(flying) and ((flying > 0.52) & (flying < 0.98)).all()
    assert abs(np.median(near) - 0.5) < 0.01 and abs(np.median(far) - 1.0) < 0.01
    assert 0 < near.std() < far[far > 0].std()


def test_dark_surfaces_are_noisier_to_time_of_flight() -> None:
    fine, ones = np.full((96, 128), 1.0), np.ones((48, 64))
    bright, dark = (measure_time_of_flight(np.random.default_rng(0), fine, ones, ones * a) for a in (0.9, 0.1))
    assert dark[dark > 0].std() > 1.5 * bright.std()


def test_exposure_keeps_the_order_of_brightness() -> None:
    light = np.repeat(np.linspace(0.0, 3.0, 64)[None, :, None], 48, 0) * np.ones(3)
    picture = expose(np.random.default_rng(0), light)
    assert picture.dtype == np.uint8
    columns = picture.mean((0, 2))
    assert np.all(np.diff(columns[::8]) >= -1) and columns[0] < 20 and columns[-1] > 180
