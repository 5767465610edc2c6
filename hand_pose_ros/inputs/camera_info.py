"""sensor_msgs/CameraInfo to the pinhole camera of a picture."""

from __future__ import annotations

from math import isfinite
from typing import Any

from hand_pose_ros.types import HandPoseError, PinholeCamera


def is_rectified(topic: str) -> bool:
    """Whether an image topic's name says that its images are rectified: image_rect, image_rect_color, ...

    Messages do not tell; the names that image_proc and the drivers give do.
    """
    return "rect" in topic.rpartition("/")[2]


def camera_from_info(info: Any, *, rectified: bool) -> PinholeCamera:
    """The camera of the image that a sensor_msgs/CameraInfo belongs to, with binning and ROI undone.

    Rectified images have the intrinsics P, raw ones K. A zero P beside a good K (some drivers of undistorted
    cameras) means K. Raises HandPoseError when the camera is not calibrated (k[0] == 0, as the message's definition
    says), and for intrinsics that no camera has.
    """
    if info.k[0] == 0:
        raise HandPoseError(
            "camera info is uncalibrated (k[0] is 0); calibrate the camera "
            "(ros2 run camera_calibration cameracalibrator) or have the driver load its calibration"
        )
    use_p = rectified and info.p[0]
    fx, cx, fy, cy = (info.p[i] for i in (0, 2, 5, 6)) if use_p else (info.k[i] for i in (0, 2, 4, 5))
    # The matrices are for full resolution; the picture may be binned and cropped.
    bin_x, bin_y = max(1, int(info.binning_x)), max(1, int(info.binning_y))
    roi = info.roi
    width, height = int(roi.width) or int(info.width), int(roi.height) or int(info.height)
    camera = PinholeCamera(
        fx=float(fx) / bin_x,
        fy=float(fy) / bin_y,
        cx=(float(cx) - roi.x_offset) / bin_x,
        cy=(float(cy) - roi.y_offset) / bin_y,
        width=width // bin_x,
        height=height // bin_y,
    )
    numbers = (camera.fx, camera.fy, camera.cx, camera.cy)
    if not (all(map(isfinite, numbers)) and min(camera.fx, camera.fy, camera.width, camera.height) > 0):
        raise HandPoseError(
            f"camera info has the intrinsics fx, fy, cx, cy = {', '.join(f'{n:g}' for n in numbers)} for "
            f"{camera.width}x{camera.height} pixels, which no camera has; check what publishes it"
        )
    return camera


def check_size(camera: PinholeCamera, shape: tuple[int, ...], info_topic: str = "rgb/camera_info") -> None:
    """Raises HandPoseError unless a picture of numpy shape (H, W, ...) has the camera's size."""
    height, width = shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise HandPoseError(
            f"image is {width}x{height} but its camera info says {camera.width}x{camera.height}; "
            f"remap {info_topic} to the topic that belongs to this image"
        )
