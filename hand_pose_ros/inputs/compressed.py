"""sensor_msgs/CompressedImage to numpy: JPEG and PNG colour, and the depth of compressed_depth_image_transport.

A damaged picture still decodes, to grey or garbage, so what can be checked is checked before: a PNG by its checksums,
a JPEG by its end. Sizes are read from the header, so that no message makes the decoder take all memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError

#: Larger pictures are refused: 8192 x 8192.
MAX_PIXELS = 1 << 26
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
#: Some cameras pad the data after the end of the JPEG.
_JPEG_PADDING = 64
#: compressed_depth_image_transport's ConfigHeader: int32 format, float32 A and B of depth = A / (value - B).
_CONFIG = struct.Struct("<iff")


def compressed_to_rgb(message: Any) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, red first, of a sensor_msgs/CompressedImage with a JPEG or PNG picture.

    Raises HandPoseError for other formats, and for pictures that are damaged, empty or too large.
    """
    data = bytes(message.data)
    if "compressedDepth" in message.format:
        raise HandPoseError("colour is in the format compressedDepth; remap the colour topic to colour")
    if data.startswith(_PNG):
        _check_png(data)
    elif data.startswith(_JPEG):
        _check_jpeg(data)
    else:
        raise HandPoseError(
            f"compressed image of format {message.format!r} is neither JPEG nor PNG; set the publisher's "
            "compressed format to one of them"
        )
    picture = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    # compressed_image_transport writes blue first unless it says otherwise, and a picture file is red first by nature.
    if message.format.partition(";")[2].strip().endswith(("compressed rgb8", "compressed rgb16")):
        return picture
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def compressed_to_metres(message: Any) -> NDArray[np.float32]:
    """(H, W) float32 metres, 0 where nothing was measured, of a sensor_msgs/CompressedImage with depth.

    The picture is a 16-bit PNG behind a ConfigHeader of 12 bytes: millimetres for 16UC1; for 32FC1 the quantised
    inverse depth q, with depth = A / (q - B) and q = 0 for nothing (compressed_depth_image_transport, codec.cpp).
    Raises HandPoseError for other formats, and for pictures that are damaged, empty or too large.
    """
    encoding, _, codec = (part.strip() for part in message.format.partition(";"))
    if encoding not in ("16UC1", "32FC1") or "compressedDepth" not in codec:
        raise HandPoseError(
            f"compressed image of format {message.format!r} is no depth; subscribe to a compressedDepth topic of a "
            "16UC1 or 32FC1 image"
        )
    if codec.endswith("rvl"):
        raise HandPoseError("depth is compressed in RVL, which cannot be decoded; set the publisher's format to png")
    data = bytes(message.data)
    if len(data) <= _CONFIG.size:
        raise HandPoseError(f"compressedDepth data has {len(data)} bytes, less than its header; it was cut short")
    _, a, b = _CONFIG.unpack_from(data)
    picture = data[_CONFIG.size :]
    if not picture.startswith(_PNG):
        raise HandPoseError("compressedDepth data is no PNG; set the publisher's compressedDepth format to png")
    bits, colour = _check_png(picture)
    if (bits, colour) != (16, 0):
        raise HandPoseError(
            f"compressedDepth picture has {bits} bits and PNG colour type {colour}, not 16 bits of grey; "
            "check what publishes it"
        )
    values = _decode(picture, cv2.IMREAD_UNCHANGED)
    if encoding == "16UC1":
        return np.multiply(values, np.float32(0.001), dtype=np.float32)
    if not (np.isfinite(a) and np.isfinite(b) and a > 0):
        raise HandPoseError(f"compressedDepth header has the quantisation A = {a}, B = {b}; A must be positive")
    depth = np.zeros(values.shape, np.float32)
    # In front of the camera only: a value at or under B would be at infinity or behind it.
    seen = (values > 0) & (values > b)
    depth[seen] = np.float32(a) / (values[seen] - np.float32(b))
    return depth


def _decode(data: bytes, flags: int) -> NDArray[Any]:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise HandPoseError(f"compressed image cannot be decoded ({' '.join(str(error).split())})") from error
    if picture is None or not picture.size:
        raise HandPoseError(f"compressed image of {len(data)} bytes cannot be decoded; the message is damaged")
    return picture


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise HandPoseError(
            f"compressed image says it is {width}x{height}; at most {MAX_PIXELS} pixels are decoded, and at least one"
        )


def _check_png(data: bytes) -> tuple[int, int]:
    """Bits per channel and colour type of a PNG whose chunks are whole (PNG specification, sections 5 and 11)."""
    header = b""
    for kind, body in _png_chunks(data):
        header = body if kind == b"IHDR" and not header else header
        if kind == b"IEND" and len(header) == 13:
            width, height, bits, colour = struct.unpack_from(">IIBB", header)
            _check_size(width, height)
            return bits, colour
    raise HandPoseError(f"compressed image of {len(data)} bytes is a damaged PNG; the message was cut short or altered")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of the chunks, as far as their checksums hold."""
    at = len(_PNG)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        end = at + 8 + size
        if end + 4 > len(data) or zlib.crc32(data[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return
        yield data[at + 4 : at + 8], data[at + 8 : end]
        at = end + 4


def _check_jpeg(data: bytes) -> None:
    """Reads the size from the frame header (ITU T.81, B.2.2) and looks for the end."""
    if data.rfind(b"\xff\xd9", len(data) - _JPEG_PADDING) < 0:
        raise HandPoseError(f"compressed image of {len(data)} bytes is a JPEG without its end; it was cut short")
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return _check_size(width, height)
        else:
            at += 2 + size
    raise HandPoseError(f"compressed image of {len(data)} bytes is a JPEG without a frame; the message is damaged")
