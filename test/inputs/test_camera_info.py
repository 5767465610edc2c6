from types import SimpleNamespace

import numpy as np
import pytest

from hand_pose_ros.inputs.camera_info import camera_from_info, check_size, is_rectified
from hand_pose_ros.types import HandPoseError, PinholeCamera


def info(**changes):
    fields = {
        "width": 640,
        "height": 480,
        "d": [0.0] * 5,
        "k": [600.0, 0, 320.0, 0, 610.0, 240.0, 0, 0, 1],
        "p": [500.0, 0, 310.0, 0, 0, 510.0, 230.0, 0, 0, 0, 1, 0],
        "binning_x": 0,
        "binning_y": 0,
        "roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    }
    return SimpleNamespace(**(fields | changes))


def test_rectified_images_use_p_and_raw_ones_k():
    assert camera_from_info(info(), rectified=True) == PinholeCamera(500.0, 510.0, 310.0, 230.0, 640, 480)
    assert camera_from_info(info(), rectified=False) == PinholeCamera(600.0, 610.0, 320.0, 240.0, 640, 480)


def test_k_stands_in_for_a_zero_p():
    camera = camera_from_info(info(p=[0.0] * 12), rectified=True)
    assert camera == PinholeCamera(600.0, 610.0, 320.0, 240.0, 640, 480)


@pytest.mark.parametrize(
    ("topic", "rectified"),
    [
        ("/rgb/image_rect_color", True),
        ("/camera/depth_registered/image_rect", True),
        ("/camera/camera/color/image_raw", False),
        ("/rectify/image_raw", False),
        ("/rgb/image_color", False),
    ],
)
def test_the_topic_tells_whether_images_are_rectified(topic, rectified):
    assert is_rectified(topic) == rectified


def test_binning_and_region_of_interest():
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=320, height=240)
    camera = camera_from_info(info(binning_x=2, binning_y=2, roi=roi), rectified=True)
    assert camera == PinholeCamera(250.0, 255.0, 105.0, 95.0, 160, 120)


def test_uncalibrated_says_what_to_do():
    with pytest.raises(HandPoseError, match=r"uncalibrated.*calibrate"):
        camera_from_info(info(k=[0.0] * 9), rectified=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"k": [np.nan, 0, 320.0, 0, 610.0, 240.0, 0, 0, 1]},
        {"k": [600.0, 0, np.inf, 0, 610.0, 240.0, 0, 0, 1]},
        {"k": [600.0, 0, 320.0, 0, -610.0, 240.0, 0, 0, 1]},
        {"width": 0},
        {"binning_y": 1000},
    ],
)
def test_intrinsics_that_no_camera_has_are_refused(changes):
    with pytest.raises(HandPoseError, match="which no camera has"):
        camera_from_info(info(**changes), rectified=False)


def test_size_must_agree():
    camera = camera_from_info(info(), rectified=True)
    check_size(camera, (480, 640, 3))
    with pytest.raises(HandPoseError, match=r"320x240.*640x480"):
        check_size(camera, (240, 320))
