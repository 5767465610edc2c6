import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.inputs.images import ENCODINGS, depth_to_metres, image_to_array, image_to_rgb
from hand_pose_ros.types import HandPoseError


def message(array: np.ndarray, encoding: str, *, padding: int = 0, big_endian: bool = False) -> SimpleNamespace:
    """A sensor_msgs/Image in everything but name; needs no ROS, as the decoder does not."""
    stored = array.astype(array.dtype.newbyteorder(">" if big_endian else "<"))
    height, width = array.shape[:2]
    rows = np.ascontiguousarray(stored).reshape(height, -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xAB)
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(big_endian),
        step=rows.shape[1],
        data=rows.tobytes(),
    )


def picture(encoding: str, height: int, width: int, seed: int = 0) -> np.ndarray:
    kind, channels = ENCODINGS[encoding]
    rng = np.random.default_rng(seed)
    shape = (height, width) if channels == 1 else (height, width, channels)
    if kind == "f4":
        return rng.uniform(0.1, 5, shape).astype(np.float32)
    return rng.integers(0, np.iinfo(kind).max, shape, endpoint=True).astype(kind)


sizes = st.integers(1, 40)


@given(st.sampled_from(sorted(ENCODINGS)), sizes, sizes, st.integers(0, 9), st.booleans(), st.integers(0, 1000))
def test_every_encoding_survives_padding_and_byte_order(encoding, height, width, padding, big_endian, seed):
    expected = picture(encoding, height, width, seed)
    decoded = image_to_array(message(expected, encoding, padding=padding, big_endian=big_endian))
    assert decoded.shape == expected.shape
    np.testing.assert_array_equal(decoded, expected)


@given(sizes, sizes, st.integers(0, 9), st.booleans())
def test_depth_is_metres_whatever_its_encoding(height, width, padding, big_endian):
    millimetres = picture("16UC1", height, width)
    layout = {"padding": padding, "big_endian": big_endian}
    from_integers = depth_to_metres(message(millimetres, "16UC1", **layout))
    from_floats = depth_to_metres(message(millimetres.astype(np.float32) / 1000, "32FC1", **layout))
    for depth in (from_integers, from_floats):
        assert depth.dtype == np.float32 and depth.dtype.isnative
        np.testing.assert_allclose(depth, millimetres / 1000, rtol=1e-6)


def test_nothing_measured_is_zero_in_both_encodings():
    floats = np.array([[np.nan, np.inf, -1.0, 0.0, 0.5]], np.float32)
    np.testing.assert_array_equal(depth_to_metres(message(floats, "32FC1")), np.array([[0, 0, 0, 0, 0.5]], np.float32))
    assert depth_to_metres(message(np.zeros((2, 2), np.uint16), "mono16")).max() == 0


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "8UC3", "8UC4"])
@pytest.mark.parametrize("padding", [0, 5])
def test_colour_comes_red_first(encoding, padding):
    red, green, blue = 10, 20, 30
    order = (red, green, blue) if encoding.startswith("rgb") else (blue, green, red)
    pixel = order if ENCODINGS[encoding][1] == 3 else (*order, 255)
    rgb = image_to_rgb(message(np.full((4, 6, len(pixel)), pixel, np.uint8), encoding, padding=padding))
    assert rgb.shape == (4, 6, 3) and rgb.dtype == np.uint8
    assert (rgb == (red, green, blue)).all()


def test_grey_becomes_three_equal_channels():
    grey = picture("mono8", 5, 7)
    np.testing.assert_array_equal(image_to_rgb(message(grey, "mono8")), np.repeat(grey[..., None], 3, axis=2))


def test_rgb8_is_not_copied():
    image = message(picture("rgb8", 8, 9), "rgb8")
    assert np.shares_memory(image_to_rgb(image), np.frombuffer(image.data, np.uint8))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": 0}, "empty"),
        ({"width": 0}, "empty"),
        ({"step": 10}, "step"),
        ({"data": b"short"}, "cut short"),
        ({"height": 1000}, "cut short"),
        ({"encoding": "nonsense"}, "nonsense"),
    ],
)
def test_a_broken_image_is_told_in_one_sentence(change, words):
    image = message(picture("rgb8", 8, 9), "rgb8")
    for name, value in change.items():
        setattr(image, name, value)
    with pytest.raises(HandPoseError, match=words):
        image_to_array(image)


def test_colour_and_depth_are_not_taken_for_each_other():
    with pytest.raises(HandPoseError, match="depth encoding"):
        image_to_rgb(message(picture("16UC1", 3, 3), "16UC1"))
    with pytest.raises(HandPoseError, match="not a depth"):
        depth_to_metres(message(picture("rgb8", 3, 3), "rgb8"))


def test_exotic_encodings_name_the_package_they_need(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    image = message(picture("mono8", 4, 4), "mono8")
    image.encoding = "bayer_rggb8"
    with pytest.raises(HandPoseError, match=r"bayer_rggb8.*ros-\$ROS_DISTRO-cv-bridge"):
        image_to_rgb(image)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
def test_pixels_equal_cv_bridge(encoding):
    cv_bridge = pytest.importorskip("cv_bridge")
    from sensor_msgs.msg import Image

    image = Image(**vars(message(picture(encoding, 6, 8), encoding, padding=4)))
    np.testing.assert_array_equal(image_to_rgb(image), cv_bridge.CvBridge().imgmsg_to_cv2(image, "rgb8"))
