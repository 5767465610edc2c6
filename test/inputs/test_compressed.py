"""Compressed pictures: what comes out is what went in, and what is damaged is refused, not shown."""

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.inputs.compressed import MAX_PIXELS, compressed_to_metres, compressed_to_rgb
from hand_pose_ros.types import HandPoseError

#: Red on the left, blue on the right, in rows of equal pixels, so that JPEG keeps it.
RGB = np.zeros((16, 32, 3), np.uint8)
RGB[:, :16], RGB[:, 16:] = (200, 20, 10), (10, 40, 220)
MILLIMETRES = np.random.default_rng(0).integers(0, 4000, (12, 20), np.uint16)


def colour(kind: str = "jpeg", picture: np.ndarray = RGB, form: str = "") -> SimpleNamespace:
    """As compressed_image_transport makes it: a file that is right for everybody."""
    data = cv2.imencode("." + kind, picture[..., ::-1])[1].tobytes()
    return SimpleNamespace(format=form or f"rgb8; {kind} compressed bgr8", data=data)


def depth(values: np.ndarray = MILLIMETRES, encoding: str = "16UC1", a: float = 0.0, b: float = 0.0) -> SimpleNamespace:
    data = struct.pack("<iff", 1, a, b) + cv2.imencode(".png", values)[1].tobytes()
    return SimpleNamespace(format=f"{encoding}; compressedDepth png", data=data)


@pytest.mark.parametrize("form", ["", "jpeg", "png"])
@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_colour_is_red_first_whatever_the_format_says(kind, form):
    rgb = compressed_to_rgb(colour(kind, form=form))
    assert rgb.shape == RGB.shape and rgb.dtype == np.uint8
    inner = np.abs(np.arange(32) - 15.5) > 4  # JPEG mixes the colours where they meet
    tolerance = 0 if kind == "png" else 6
    np.testing.assert_allclose(rgb[:, inner].astype(int), RGB[:, inner].astype(int), atol=tolerance)


def test_a_picture_written_red_first_is_told_by_its_format():
    message = colour("png", RGB[..., ::-1], form="rgb8; png compressed rgb8")
    np.testing.assert_array_equal(compressed_to_rgb(message), RGB)


def test_grey_and_sixteen_bits_become_colour():
    grey = np.random.default_rng(0).integers(0, 65536, (6, 7), np.uint16)
    data = cv2.imencode(".png", grey)[1].tobytes()
    rgb = compressed_to_rgb(SimpleNamespace(format="mono16; png compressed", data=data))
    assert rgb.shape == (6, 7, 3) and rgb.dtype == np.uint8
    np.testing.assert_allclose(rgb[..., 0], grey / 257, atol=1)


def test_a_jpeg_may_be_padded():
    message = colour()
    message.data += bytes(20)
    assert compressed_to_rgb(message).shape == RGB.shape


def test_millimetres_become_metres():
    np.testing.assert_allclose(compressed_to_metres(depth()), MILLIMETRES / 1000, rtol=1e-6)


@given(st.floats(0.1, 20.0), st.floats(1.0, 200.0))
def test_quantised_inverse_depth_is_undone(depth_max, depth_z0):
    """The publisher's arithmetic, from compressed_depth_image_transport's definition."""
    a = depth_z0 * (depth_z0 + 1)
    b = 1 - a / depth_max
    metres = np.array([[np.nan, 0.3, depth_max * 0.9, depth_max * 2]], np.float32)
    with np.errstate(invalid="ignore"):
        quantised = np.where(metres < depth_max, a / metres + b, 0)
    if quantised.max() > 65535:
        return  # the publisher's own overflow
    values = np.nan_to_num(quantised).astype(np.uint16)
    decoded = compressed_to_metres(depth(values, "32FC1", a, b))
    expected = np.where(values > 0, a / np.where(values > 0, values.astype(np.float64) - b, 1), 0)
    np.testing.assert_allclose(decoded, expected, rtol=1e-4)
    for k in (1, 2):
        if values[0, k]:
            step = float(metres[0, k]) ** 2 / a  # what a quantum of the inverse is at this depth
            assert decoded[0, k] == pytest.approx(float(metres[0, k]), abs=2 * step + 1e-3)


def png_of_size(width: int, height: int) -> bytes:
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IEND"
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (body, end)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(colour().data)
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither JPEG nor PNG"),
        (b"GIF89a" + bytes(50), "neither JPEG nor PNG"),
        (colour().data[: len(colour().data) // 2], "without its end"),
        (b"\xff\xd8\xff\xd9", "without a frame"),
        (colour("png").data[:-20], "damaged PNG"),
        (png_of_size(60000, 60000), f"60000x60000; at most {MAX_PIXELS}"),
        (png_of_size(0, 5), "0x5"),
        (png_of_size(5, 5), "cannot be decoded"),
        (jpeg_of_size(65000, 65000), "65000x65000"),
    ],
)
def test_damaged_colour_is_refused(data, words):
    with pytest.raises(HandPoseError, match=words):
        compressed_to_rgb(SimpleNamespace(format="jpeg", data=data))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "jpeg"}, "is no depth"),
        ({"format": "bgr8; compressedDepth png"}, "is no depth"),
        ({"format": "16UC1; compressedDepth rvl"}, "RVL"),
        ({"data": b"\x00" * 5}, "cut short"),
        ({"data": b"\x00" * 50}, "no PNG"),
        ({"data": depth().data[:-9]}, "damaged PNG"),
        ({"data": bytes(12) + colour("png").data}, "not 16 bits of grey"),
        ({"format": "32FC1; compressedDepth png"}, "A must be positive"),
    ],
)
def test_damaged_depth_is_refused(change, words):
    message = depth()
    vars(message).update(change)
    with pytest.raises(HandPoseError, match=words):
        compressed_to_metres(message)


def test_colour_and_depth_are_not_taken_for_each_other():
    with pytest.raises(HandPoseError, match="remap the colour topic"):
        compressed_to_rgb(depth())


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_altered_byte_of_compressed_depth_never_shows_as_other_depth(at, flip):
    message = depth()
    data = bytearray(message.data)
    data[at % len(data)] ^= flip
    try:
        decoded = compressed_to_metres(SimpleNamespace(format=message.format, data=bytes(data)))
    except HandPoseError:
        return
    np.testing.assert_allclose(decoded, MILLIMETRES / 1000, rtol=1e-6)
