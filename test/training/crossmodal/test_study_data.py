"""Which hands a step sees."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.types import HandPoseError
from training.crossmodal.data import Draws, read_pictures


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
