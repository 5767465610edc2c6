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
_OTHER, _OTHER_MASK = np.uint64(16), np.uint64(16777215)
_MIDDLE, _LOW, _MASK = np.uint64(40), np.uint64(28), np.uint64(4095)
_NORMALS = ndtri((np.arange(4096) + 0.5) / 4096).astype(np.float32)


@njit(cache=True, inline="always")
def advance(state):
    return state * _MULTIPLIER + _INCREMENT


@njit(cache=True, inline="always")
def uniform(state):
    """In [0, 1)."""
    return (state >> _BITS) * (1.0 / 16777216.0)


@njit(cache=True, inline="always")
def two_uniforms(state):
    """In [0, 1), in single precision, from different bits."""
    scale = np.float32(1.0 / 16777216.0)
    return np.float32(state >> _BITS) * scale, np.float32((state >> _OTHER) & _OTHER_MASK) * scale


@njit(cache=True, inline="always")
def normal(state):
    """Of unit variance, within 3.7."""
    return _NORMALS[state >> _TABLE_BITS]


@njit(cache=True, inline="always")
def three_normals(state):
    """Three at once, from different bits."""
    middle, low = (state >> _MIDDLE) & _MASK, (state >> _LOW) & _MASK
    return _NORMALS[state >> _TABLE_BITS], _NORMALS[middle], _NORMALS[low]
