"""Random numbers inside numba kernels: a 64-bit congruential generator (Knuth's MMIX constants) and a table of normals.

numba's own generator costs several times as much, and per-pixel noise is most of a picture's randomness. A state is
a uint64 that each draw replaces: state = advance(state); normal(state) or uniform(state).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.special import ndtri

_MULTIPLIER, _INCREMENT = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
_BITS, _TABLE_BITS = np.uint64(40), np.uint64(52)
_NORMALS = ndtri((np.arange(4096) + 0.5) / 4096).astype(np.float32)


@njit(cache=True, inline="always")
def advance(state):
    return state * _MULTIPLIER + _INCREMENT


@njit(cache=True, inline="always")
def uniform(state):
    """In [0, 1)."""
    return (state >> _BITS) * (1.0 / 16777216.0)


@njit(cache=True, inline="always")
def normal(state):
    """Of unit variance, within 3.7."""
    return _NORMALS[state >> _TABLE_BITS]
