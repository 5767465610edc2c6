"""sensor_msgs/Image to numpy, without copying where the encoding allows it.

Written against the fields of the message alone, so that it decodes what rclpy delivers and what a bag reader
returns. The common encodings need numpy only; cv_bridge, which breaks at import under NumPy 2, is asked for the
exotic ones (Bayer, YUV) and only then.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError

#: Scalar type and channels of the encodings decoded here (sensor_msgs/image_encodings.hpp).
ENCODINGS: dict[str, tuple[str, int]] = {
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "rgba8": ("u1", 4),
    "bgra8": ("u1", 4),
    "mono8": ("u1", 1),
    "8UC1": ("u1", 1),
    "8UC3": ("u1", 3),
    "8UC4": ("u1", 4),
    "mono16": ("u2", 1),
    "16UC1": ("u2", 1),
    "32FC1": ("f4", 1),
}

#: How cv2 turns an 8-bit picture red first; 8UC3 and 8UC4 are taken as OpenCV's own order, blue first.
_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "8UC3": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "8UC4": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    "8UC1": cv2.COLOR_GRAY2RGB,
}

DEPTH_ENCODINGS = ("16UC1", "mono16", "32FC1")


def image_to_array(image: Any) -> NDArray[Any]:
    """(H, W) or (H, W, C) view of a sensor_msgs/Image's own data, rows' padding cut off, in its own byte order.

    Raises HandPoseError for an encoding not in ENCODINGS, an empty picture, and data that does not fit its sizes.
    """
    if image.encoding not in ENCODINGS:
        raise HandPoseError(
            f"image encoding {image.encoding!r} is not supported; publish one of {', '.join(ENCODINGS)}"
        )
    kind, channels = ENCODINGS[image.encoding]
    dtype = np.dtype(kind).newbyteorder(">" if image.is_bigendian else "<")
    pixel_size = dtype.itemsize * channels
    height, width, step = int(image.height), int(image.width), int(image.step)
    if height == 0 or width == 0:
        raise HandPoseError(f"image is empty ({width}x{height}); check what the camera driver publishes")
    if step < width * pixel_size:
        raise HandPoseError(
            f"image step is {step} bytes but {width} pixels of {image.encoding} need {width * pixel_size}; "
            "set step to the length of a row in bytes"
        )
    data = np.frombuffer(image.data, np.uint8)
    # The last row's padding may be missing: every pixel is there all the same.
    needed = step * (height - 1) + width * pixel_size
    if data.size < needed:
        raise HandPoseError(
            f"image data has {data.size} bytes but {width}x{height} {image.encoding} with step {step} needs "
            f"{step * height}; the message was cut short or its sizes are wrong"
        )
    pixels = np.ndarray((height, width, channels), dtype, data, strides=(step, pixel_size, dtype.itemsize))
    return pixels if channels > 1 else pixels[..., 0]


def image_to_rgb(image: Any) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, red first; a view of the message's data when it is rgb8, otherwise a new array.

    Raises HandPoseError as `image_to_array`, for encodings without colour or brightness, and, for those only
    cv_bridge knows, when cv_bridge is missing.
    """
    if image.encoding == "rgb8":
        return image_to_array(image)
    if image.encoding in _TO_RGB:
        return cv2.cvtColor(image_to_array(image), _TO_RGB[image.encoding]).astype(np.uint8, copy=False)
    if image.encoding in DEPTH_ENCODINGS:
        raise HandPoseError(f"colour image has the depth encoding {image.encoding}; remap the colour topic to colour")
    return _rgb_with_cv_bridge(image)


def depth_to_metres(image: Any) -> NDArray[np.float32]:
    """(H, W) float32 metres, 0 where nothing was measured (REP 118: 16UC1 is millimetres, 32FC1 is metres).

    NaN, infinite and negative depths become 0. Raises HandPoseError as `image_to_array` and for other encodings.
    """
    if image.encoding not in DEPTH_ENCODINGS:
        raise HandPoseError(
            f"depth image encoding {image.encoding!r} is not a depth; publish 16UC1 (millimetres) or 32FC1 (metres)"
        )
    depth = image_to_array(image)
    if depth.dtype.kind == "u":
        return np.multiply(depth, np.float32(0.001), dtype=np.float32)
    return np.where((depth > 0) & (depth < np.inf), depth, 0).astype(np.float32, copy=False)


def _rgb_with_cv_bridge(image: Any) -> NDArray[np.uint8]:
    try:
        from cv_bridge import CvBridge, CvBridgeError
    except Exception as error:  # ImportError where it is absent; other types under NumPy 2
        raise HandPoseError(
            f"image encoding {image.encoding!r} needs cv_bridge, which cannot be imported ({error}); install "
            "ros-$ROS_DISTRO-cv-bridge with apt, or publish rgb8"
        ) from error
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(image, "rgb8"))
    except CvBridgeError as error:
        raise HandPoseError(f"cv_bridge cannot decode {image.encoding!r} ({error}); publish rgb8") from error
