"""The plain data that flows from camera to messages. Metres, camera optical frame (x right, y down, z forward)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Modality = Literal["rgbd", "rgb", "depth"]
Side = Literal["left", "right"]


#: A hand with at least this confidence is taken to be there, where nobody says otherwise.
BELIEVED = 0.5


class HandPoseError(ValueError):
    """Bad input, told in one sentence: what was wrong, where, and what to do about it."""


@dataclass(frozen=True)
class PinholeCamera:
    """Intrinsics in pixels of a rectified image of `width` x `height`."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True)
class RgbdFrame:
    """One instant seen by the camera; at least one of `rgb` and `depth_m` is there.

    rgb: (H, W, 3) uint8, red first. depth_m: (H, W) float32, metres along z, registered to the colour image,
    0 or NaN where nothing was measured. stamp_ns: the image's stamp.
    """

    camera: PinholeCamera
    rgb: NDArray[np.uint8] | None = None
    depth_m: NDArray[np.float32] | None = None
    stamp_ns: int = 0
    frame_id: str = ""


@dataclass(frozen=True)
class HandRegion:
    """Where a hand is: the pixel (u, v) of its centre, and how large it is.

    distance_m: camera-to-centre distance along the ray through (u, v) (not z), None without depth.
    box_px: side of the square around the hand in pixels, used where there is no depth to give the scale.
    """

    center_px: tuple[float, float]
    box_px: float
    distance_m: float | None = None


@dataclass(frozen=True)
class HandCrop:
    """What the encoders see of one hand, in the crop frame.

    The crop frame is the camera frame turned by `rotation` so that its z axis passes through the hand's centre,
    and then, if `mirrored`, with x negated, so that a left hand looks like a right one.
    A crop coordinate is (x/z, y/z) / tan_half: the picture spans [-1, 1] on both axes.
    With depth, the cube centre lies at (0, 0, distance_m) and tan_half = (size_m / 2) / distance_m.

    rotation: (3, 3), crop = rotation @ camera. rgb: (S, S, 3) uint8 or None.
    depth: (s, s) float32, (z - distance_m) / (size_m / 2) clipped to [-1, 1], 1 where nothing was measured, or None.
    points: (P, 3) float32, (point - (0, 0, distance_m)) / (size_m / 2), or None.
    """

    rotation: FloatArray
    tan_half: float
    size_m: float
    mirrored: bool
    distance_m: float | None = None
    rgb: NDArray[np.uint8] | None = None
    depth: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class HandEstimate:
    """One hand. Everything in metres in the camera's optical frame unless the name says otherwise.

    joints_m: (21, 3). joint_cov_m2: (21, 3, 3). joints_px: (21, 2), the joints projected into the image.
    cloud_m: (P, 3), points on the hand's surface. side_confidence and confidence (that a hand is there): 0 to 1.
    modalities: what the estimate was made from. latent_mean, latent_var: (D,), the fused posterior. joint_deviations_m:
    (K, 21, 3), how far the joints of K decoded samples of the posterior lie from the decoded mean, before calibration.
    """

    joints_m: FloatArray
    joint_cov_m2: FloatArray
    joints_px: FloatArray
    cloud_m: FloatArray
    side: Side
    side_confidence: float
    confidence: float
    modalities: Modality
    latent_mean: FloatArray = field(repr=False)
    latent_var: FloatArray = field(repr=False)
    joint_deviations_m: FloatArray = field(repr=False, default_factory=lambda: np.zeros((2, 21, 3)))
