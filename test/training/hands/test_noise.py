"""Random numbers of the kernels: of the right distribution and independent of each other."""

import numpy as np
from numba import njit

from training.hands.noise import advance, normal, uniform


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


def test_neighbouring_seeds_differ_and_the_same_repeat() -> None:
    first, second = draws(7, 1000)[1], draws(8, 1000)[1]
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    np.testing.assert_array_equal(draws(7, 1000)[1], first)
