"""Batches of the torch engine: the numba engine's scenes and labels, reproducible from (seed, index)."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch

from training.hands import samples
from training.hands.torch_engine.batches import depth_batches

SEED, BATCH, SIZE = 5, 12, 32


def test_labels_are_the_other_engines_and_pictures_show_the_same() -> None:
    for got, expected in islice(
        zip(depth_batches(SEED, BATCH, SIZE), samples.depth_batches(SEED, BATCH, SIZE), strict=False), 2
    ):
        assert set(got) == set(vars(expected))
        for name, array in vars(expected).items():
            assert got[name].dtype == torch.float32 and got[name].shape == array.shape
            if name != "depth":
                np.testing.assert_allclose(got[name], array, atol=2e-6, err_msg=name)
        # where both see something they see about the same, left hands mirrored in both
        both = (np.abs(expected.depth) < 1) & (got["depth"].abs().numpy() < 1)
        assert both.sum() > 0.7 * (np.abs(expected.depth) < 1).sum()
        assert np.median(np.abs(got["depth"].numpy() - expected.depth)[both]) < 0.03


def test_the_same_batch_comes_again() -> None:
    one, other = (next(depth_batches(SEED, 4, SIZE)) for _ in range(2))
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)
