"""Random numbers of the kernels: of the right distribution and independent of each other."""

import numpy as np
from numba import njit

from training.hands.noise import advance, normal, three_normals, two_uniforms, uniform


@njit
def draws(seed, count):
    flat, bell = np.empty(count), np.empty(count)
    state = advance(advance(np.uint64(seed)))
    for i in range(count):
        state = advance(state)
        flat[i] = uniform(state)
        state = advance(state)
        bell[i] = normal(state)
    return flat, bell


def test_draws_are_flat_normal_and_independent() -> None:
    flat, bell = draws(1, 50_000)
    assert flat.min() >= 0 and flat.max() < 1
    assert np.histogram(flat, 10, (0, 1))[0].min() > 4700
    assert abs(bell.mean()) < 0.02 and abs(bell.std() - 1) < 0.02 and 3 < abs(bell).max() < 3.8
    for a, b in ((flat, bell), (flat[1:], flat[:-1]), (bell[1:], bell[:-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.02


@njit
def draws_at_once(seed, count):
    out = np.empty((5, count))
    state = advance(advance(np.uint64(seed)))
    for i in range(count):
        state = advance(state)
        out[0, i], out[1, i], out[2, i] = three_normals(state)
        state = advance(state)
        out[3, i], out[4, i] = two_uniforms(state)
    return out


def test_draws_from_one_state_are_as_good() -> None:
    made = draws_at_once(1, 50_000)
    np.testing.assert_allclose(made.mean(1), [0, 0, 0, 0.5, 0.5], atol=0.02)
    np.testing.assert_allclose(made.std(1), [1, 1, 1, 12**-0.5, 12**-0.5], atol=0.02)
    assert made[3:].min() >= 0 and made[3:].max() < 1
    for later in (0, 1, 2):
        alike = np.corrcoef(made[:, later:], made[:, : made.shape[1] - later])[:5, 5:]
        assert np.abs(alike[~np.eye(5, dtype=bool)] if later == 0 else alike).max() < 0.02


def test_neighbouring_seeds_differ_and_the_same_repeat() -> None:
    first, second = draws(7, 1000)[1], draws(8, 1000)[1]
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    np.testing.assert_array_equal(draws(7, 1000)[1], first)
