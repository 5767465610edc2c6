"""The messages of one instant to the frame that the estimator takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.inputs.camera_info import check_size
from hand_pose_ros.inputs.compressed import compressed_to_metres, compressed_to_rgb
from hand_pose_ros.inputs.images import depth_to_metres, image_to_rgb
from hand_pose_ros.inputs.lens import Lens
from hand_pose_ros.inputs.registration import DepthView, register_depth
from hand_pose_ros.inputs.sync import Pair
from hand_pose_ros.types import HandPoseError, RgbdFrame

Result = TypeVar("Result")


@dataclass(frozen=True)
class InputTopics:
    """What the inputs are called, for error messages; depth_info only where depth is a camera of its own."""

    rgb: str
    depth: str
    camera_info: str
    depth_info: str = ""


def stamp_ns(header: Any) -> int:
    """The stamp of a std_msgs/Header in nanoseconds."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def split_transport(topic: str) -> tuple[str, str]:
    """The name without what image_transport adds to it, and the transport: raw, compressed or compressedDepth."""
    base, _, last = topic.rpartition("/")
    return (base, last) if last in ("compressed", "compressedDepth") else (topic, "raw")


def frame_from_pair(pair: Pair[Any], lens: Lens, topics: InputTopics, depth_view: DepthView | None = None) -> RgbdFrame:
    """The frame of a pair of sensor_msgs/Image or CompressedImage, decoded, undistorted and registered.

    lens: of colour and of depth that is registered to it; or, for depth alone, of depth. depth_view: of depth that is
    not registered; what comes out is in the view of `lens` all the same. Raises HandPoseError that names the topic at
    fault.
    """
    rgb, depth = pair.rgb, pair.depth
    if rgb is not None and depth is not None and depth_view is None:
        _require_registered(rgb, depth, topics)
    colour = None if rgb is None else _naming(topics.rgb, _colour, rgb, lens, topics.camera_info)
    seen_through, info = (lens, topics.camera_info) if depth_view is None else (depth_view.lens, topics.depth_info)
    metres = None if depth is None else _naming(topics.depth, _metres, depth, seen_through, info)
    first: Any = rgb if rgb is not None else depth
    frame_id = first.header.frame_id
    if metres is not None and depth_view is not None:
        metres, frame_id = register_depth(metres, depth_view, lens.camera), depth_view.frame_id
    return RgbdFrame(lens.camera, colour, metres, pair.stamp_ns, frame_id)


def _colour(message: Any, lens: Lens, info_topic: str) -> NDArray[np.uint8]:
    picture = compressed_to_rgb(message) if _is_compressed(message) else image_to_rgb(message)
    check_size(lens.camera, picture.shape, info_topic)
    return lens.undistort(picture)


def _metres(message: Any, lens: Lens, info_topic: str) -> NDArray[np.float32]:
    picture = compressed_to_metres(message) if _is_compressed(message) else depth_to_metres(message)
    check_size(lens.camera, picture.shape, info_topic)
    return lens.undistort(picture, depth=True)


def _is_compressed(message: Any) -> bool:
    return hasattr(message, "format")


def _require_registered(rgb: Any, depth: Any, topics: InputTopics) -> None:
    same_size = _is_compressed(rgb) or _is_compressed(depth) or (rgb.width, rgb.height) == (depth.width, depth.height)
    if not same_size or rgb.header.frame_id != depth.header.frame_id:
        raise HandPoseError(
            f"{topics.depth}: depth is {_view(depth)} but colour is {_view(rgb)}; publish depth that is registered "
            "to colour (the driver's align_depth option, or depth_image_proc's register node), or set register_depth"
        )


def _naming(topic: str, read: Callable[..., Result], *inputs: Any) -> Result:
    """Reads; what is wrong is told with the topic's name before it."""
    try:
        return read(*inputs)
    except HandPoseError as error:
        raise HandPoseError(f"{topic}: {error}") from error


def _view(image: Any) -> str:
    size = "compressed" if _is_compressed(image) else f"{image.width}x{image.height}"
    return f"{size} in frame '{image.header.frame_id}'"
