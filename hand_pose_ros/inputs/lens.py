"""A camera's lens: its pinhole, and the distortion that is undone in raw pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.inputs.camera_info import camera_from_info
from hand_pose_ros.types import HandPoseError, PinholeCamera

#: Coefficients that the distortion models of sensor_msgs/distortion_models.hpp have, in OpenCV's order.
#: Without a name, which some drivers forget, it is OpenCV's model with so many coefficients.
_COEFFICIENTS = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
    "": (4, 5, 8, 12, 14),
}


@dataclass(frozen=True)
class Lens:
    """A pinhole camera, and how its pictures deviate from it: not at all where `distortion` is empty."""

    camera: PinholeCamera
    model: str = ""
    distortion: tuple[float, ...] = ()

    def undistort(self, picture: NDArray[Any], *, depth: bool = False) -> NDArray[Any]:
        """The picture (H, W, ...) that the pinhole camera would have taken; the same object where that is no other.

        Pixels from outside the picture are 0. Depths are never mixed, colours are interpolated.
        """
        if not self.distortion:
            return picture
        return cv2.remap(picture, *_maps(self, depth), cv2.INTER_NEAREST if depth else cv2.INTER_LINEAR)


def lens_from_info(info: Any, *, rectified: bool) -> Lens:
    """The lens of the image that a sensor_msgs/CameraInfo belongs to; of rectified images a pinhole's.

    Raises HandPoseError as `camera_from_info`, and for a distortion that cannot be undone.
    """
    camera = camera_from_info(info, rectified=rectified)
    distortion = tuple(float(value) for value in info.d)
    if rectified or not any(distortion):
        return Lens(camera)
    if len(distortion) not in _COEFFICIENTS.get(info.distortion_model, ()) or not np.isfinite(distortion).all():
        raise HandPoseError(
            f"distortion model {info.distortion_model!r} with {len(distortion)} coefficients cannot be undone; "
            f"give {', '.join(filter(None, _COEFFICIENTS))}, or rectified images (image_proc)"
        )
    return Lens(camera, info.distortion_model, distortion)


@lru_cache(maxsize=8)
def _maps(lens: Lens, nearest: bool) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """For cv2.remap, in its fast fixed-point form, which for the nearest pixel must be rounded beforehand.

    The pinhole camera keeps K: what is near the middle keeps its place and resolution.
    """
    camera = lens.camera
    k = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    d = np.array(lens.distortion)
    initialise = cv2.fisheye.initUndistortRectifyMap if lens.model == "equidistant" else cv2.initUndistortRectifyMap
    coordinates = initialise(k, d, np.eye(3), k, (camera.width, camera.height), cv2.CV_32FC1)
    maps: Any = cv2.convertMaps(*coordinates, cv2.CV_16SC2, nninterpolation=nearest)
    return maps
