"""Which hands a step sees."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from studies import write_study

from hand_pose_ros.types import HandPoseError
from training.crossmodal.config import read_study
from training.crossmodal.data import Draws, Pools, read_pictures


def test_processes_share_what_one_would_draw() -> None:
    whole = Draws(3, 7, 12)
    parts = [Draws(3, 7, 12, rank, 3) for rank in range(3)]
    for _ in range(2):  # the second draw follows the first everywhere
        index = whole.indices(1000)
        noise = whole.noise(12, 5)
        for rank, part in enumerate(parts):
            np.testing.assert_array_equal(part.indices(1000), index[rank::3])
            np.testing.assert_array_equal(part.noise(4, 5), noise[rank::3])
    assert (Draws(3, 8, 12).indices(1000) != Draws(3, 7, 12).indices(1000)).any()
    assert (Draws(4, 7, 12).indices(1000) != Draws(3, 7, 12).indices(1000)).any()
    with pytest.raises(ValueError, match="noise for 12 hands was asked for in a share of 4"):
        parts[0].noise(12, 5)


def test_pictures_of_a_folder_are_squares_red_first(tmp_path: Path) -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[..., 2] = 200  # OpenCV writes blue first
    (tmp_path / "deep").mkdir()
    cv2.imwrite(str(tmp_path / "deep" / "a.png"), picture)
    read = read_pictures(tmp_path, 16)
    assert read.shape == (1, 16, 16, 3) and (read == [200, 0, 0]).all()
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    with pytest.raises(HandPoseError, match=r"b\.jpg: not a readable picture"):
        read_pictures(tmp_path, 16)
    with pytest.raises(HandPoseError, match="no pictures"):
        read_pictures(tmp_path / "none", 16)


def test_a_batch_is_of_its_pool_and_shows_what_is_looked_at(tmp_path: Path) -> None:
    row = next(iter(read_study(write_study(tmp_path, labelled=0.1)).rows.values()))
    joints = np.random.default_rng(0).normal(0, 0.04, (40, 21, 3)).astype(np.float32)
    arrays = {"joints": joints, "joints_2d": joints[..., :2] / 0.13, "right": np.ones(40, np.float32)}
    pools = Pools(row, arrays)
    seen = {pool: pools.batch(pool, ("joints",), Draws(1, 0, 64), "cpu")["root"][:, 0] for pool in ("labelled", "all")}
    known = torch.from_numpy(joints[:, 9])
    for pool, count in (("labelled", 4), ("all", 40)):
        assert torch.cdist(seen[pool], known[:count]).amin(1).max() < 1e-4
    assert torch.cdist(seen["all"], known[:4]).amin(1).max() > 1e-3
    assert "joints_2d" not in pools.batch("all", ("joints",), Draws(1, 0, 64), "cpu")
