"""The messages of one instant to the frame that the estimator takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hand_pose_ros.inputs.camera_info import check_size
from hand_pose_ros.inputs.images import depth_to_metres, image_to_rgb
from hand_pose_ros.inputs.sync import Pair
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

Result = TypeVar("Result")


@dataclass(frozen=True)
class InputTopics:
    """What the inputs are called, for error messages."""

    rgb: str
    depth: str
    camera_info: str


def stamp_ns(header: Any) -> int:
    """The stamp of a std_msgs/Header in nanoseconds."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def frame_from_pair(pair: Pair[Any], camera: PinholeCamera, topics: InputTopics) -> RgbdFrame:
    """The frame of a pair of sensor_msgs/Image. Raises HandPoseError that names the topic at fault."""
    rgb, depth = pair.rgb, pair.depth
    if rgb is not None and depth is not None and _view(rgb) != _view(depth):
        raise HandPoseError(
            f"{topics.depth}: depth is {_view(depth)} but colour is {_view(rgb)}; publish depth that is registered "
            "to colour (the driver's align_depth option, or depth_image_proc's register node)"
        )
    image: Any
    image, topic = (rgb, topics.rgb) if rgb is not None else (depth, topics.depth)
    _naming(topic, check_size, camera, (image.height, image.width))
    colour = None if rgb is None else _naming(topics.rgb, image_to_rgb, rgb)
    metres = None if depth is None else _naming(topics.depth, depth_to_metres, depth)
    return RgbdFrame(camera, colour, metres, pair.stamp_ns, image.header.frame_id)


def _naming(topic: str, read: Callable[..., Result], *inputs: Any) -> Result:
    """Reads; what is wrong is told with the topic's name before it."""
    try:
        return read(*inputs)
    except HandPoseError as error:
        raise HandPoseError(f"{topic}: {error}") from error


def _view(image: Any) -> str:
    return f"{image.width}x{image.height} in frame '{image.header.frame_id}'"
