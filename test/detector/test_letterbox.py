from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.detector.bundle import DetectorBundle
from hand_pose_ros.detector.letterbox import Letterbox, depth_channels, network_input
from hand_pose_ros.types import PinholeCamera, RgbdFrame

BUNDLE = DetectorBundle(
    Path(), "some", "0.0.1", Path("some.onnx"), 160, 128, 8, np.full(3, 0.5), np.full(3, 0.25), 0.8, 0.5, {}
)  # fmt: skip


def frame(width: int, height: int, **pictures) -> RgbdFrame:
    return RgbdFrame(PinholeCamera(500, 500, width / 2, height / 2, width, height), **pictures)


@given(st.integers(8, 3000), st.integers(8, 3000), st.lists(st.floats(-100, 4000), min_size=4, max_size=4))
def test_boxes_come_back(width, height, box):
    fit = Letterbox.of(width, height, 160, 128)
    boxes = np.array([box])
    assert np.allclose(fit.to_picture(fit.to_network(boxes)), boxes, atol=1e-6)
    corners = fit.to_network(np.array([[0, 0, width, height]]))[0]
    assert (corners >= -1e-9).all() and (corners <= np.array([160, 128, 160, 128]) + 1e-9).all()
    assert np.isclose(corners[2] - corners[0], 160) or np.isclose(corners[3] - corners[1], 128)


@pytest.mark.parametrize("smaller", [1, 2])
@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1280, 720), (100, 100), (333, 77)])
def test_colour_and_depth_show_things_where_boxes_say(width, height, smaller):
    rgb, depth_m = np.zeros((height, width, 3), np.uint8), np.full((height, width), 1.5, np.float32)
    box = np.array([[0.55 * width, 0.3 * height, 0.85 * width, 0.7 * height]])
    left, top, right, bottom = np.rint(box[0]).astype(int)
    rgb[top:bottom, left:right] = 255
    depth_m[top:bottom, left:right] = 0.3
    inputs, fit = network_input(frame(width, height, rgb=rgb, depth_m=depth_m), BUNDLE, smaller)
    for picture in (inputs["rgb"][0, 0] > 0, (inputs["depth"][0, 0] < 0) & (inputs["depth"][0, 1] > 0)):
        rows, columns = np.nonzero(picture)
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(found - fit.to_network(box)[0]).max() <= 1.5
    assert inputs["seen"].tolist() == [[1, 1]]


def test_what_is_not_there_is_zero():
    inputs, _ = network_input(frame(64, 48, depth_m=np.full((48, 64), np.nan, np.float32)), BUNDLE)
    assert not inputs["rgb"].any() and not inputs["depth"].any() and inputs["seen"].tolist() == [[0, 1]]
    assert {value.dtype for value in inputs.values()} == {np.dtype(np.float32)}


def test_a_smaller_picture_is_farther_away_and_has_a_margin():
    rgb, depth_m = np.full((480, 640, 3), 255, np.uint8), np.full((480, 640), 0.3, np.float32)
    inputs, fit = network_input(frame(640, 480, rgb=rgb, depth_m=depth_m), BUNDLE, 2)
    assert inputs["rgb"].shape == (1, 3, 96, 112) and inputs["depth"].shape == (1, 2, 96, 112)
    assert (fit.left, fit.top, fit.scale) == (16, 18, 80 / 640)
    shown, measured = inputs["depth"][0]
    assert np.allclose(shown[measured > 0], 2 * 0.3 / 0.8 - 1) and measured.sum() == 80 * 60


def test_depth_is_shown_up_to_where_hands_are():
    z = np.array([[0.0, np.nan, np.inf, -1.0, 0.4, 0.8, 1.6, 9.0]])
    shown, measured = depth_channels(z, 0.8)
    assert measured[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert np.allclose(shown[0], [0, 0, 0, 0, -0.5, 0, 1, 1])
