"""Tables of boxes around the hands of photos, and pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.types import HandPoseError
from training.photos import read_boxes, read_hand_boxes, read_picture

HEADER = "file,orig_w,orig_h,class,xmin,ymin,xmax,ymax\n"


def test_boxes_are_in_the_small_photos_pixels_and_gathered_by_photo(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "x.jpg,960,720,3-hand,100,200,300,400\n")
    (tmp_path / "b.csv").write_text(HEADER + "x.jpg,960,720,0-hand,0,0,96,72\ny.jpg,240,480,5-hand,1,2,3,4\n")
    boxes = read_boxes(tmp_path)
    assert boxes["x.jpg"].corners == [[50, 100, 150, 200], [0, 0, 48, 36]]
    assert boxes["x.jpg"].classes == ["3-hand", "0-hand"]
    assert boxes["y.jpg"].corners == [[1, 2, 3, 4]]


def test_a_folder_without_a_table_has_no_boxes_and_that_is_said_to_who_needs_some(tmp_path: Path) -> None:
    assert read_boxes(tmp_path) == {}
    with pytest.raises(HandPoseError, match="no table of hand boxes"):
        read_hand_boxes(tmp_path)


def test_pictures_are_read_red_first_and_damaged_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((4, 6, 3), (0, 0, 255), np.uint8))
    assert read_picture(path).shape == (4, 6, 3)
    assert read_picture(path)[0, 0].tolist() == [255, 0, 0]
    path.write_bytes(b"no picture")
    with pytest.raises(HandPoseError, match=r"cannot read the picture .*red.png"):
        read_picture(path)
