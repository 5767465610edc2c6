"""The one sample type that all readers give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.camera import project
from hand_pose_ros.frames_folder import read_depth, read_rgb
from hand_pose_ros.skeleton import JOINT_COUNT
from hand_pose_ros.types import FloatArray, HandPoseError, PinholeCamera, RgbdFrame

DepthReader = Callable[[Path], NDArray[np.float32]]


def unknown(columns: int) -> FloatArray:
    """Joints of which nothing is known: (21, columns) NaN."""
    return np.full((JOINT_COUNT, columns), np.nan)


@dataclass(frozen=True)
class HandSample:
    """One labelled hand in one picture. What a data set does not tell is NaN, None or ''.

    name: unique in its split, usable as a file name. side: the person's own 'left' or 'right', or ''.
    joints_m: (21, 3) metres, camera optical frame, NaN for joints the set does not label.
    joints_px: (21, 2) pixels; left out, they are the projections of joints_m.
    visible: (21,) which joints are not occluded, None where the set does not tell.
    palm_m: (3,) centre of the palm, of sets that label it (some in place of the wrist).
    box_px: (4,) x y w h around the hand as published. rgb, depth: pictures, at least one; depth is registered to rgb
    where both are there. decode_depth: from the depth file to (H, W) metres, 0 where nothing was measured.
    """

    name: str
    side: str
    joints_m: FloatArray = field(default_factory=lambda: unknown(3), repr=False)
    joints_px: FloatArray = field(default_factory=lambda: unknown(2), repr=False)
    camera: PinholeCamera | None = None
    rgb: Path | None = None
    depth: Path | None = None
    decode_depth: DepthReader = field(default=read_depth, repr=False)
    visible: NDArray[np.bool_] | None = field(default=None, repr=False)
    palm_m: FloatArray | None = field(default=None, repr=False)
    box_px: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.camera is not None and not np.isfinite(self.joints_px).any():
            object.__setattr__(self, "joints_px", project(self.joints_m, self.camera))

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(21,) which joints have a position in space."""
        return np.asarray(np.isfinite(self.joints_m).all(axis=-1))

    @property
    def valid_px(self) -> NDArray[np.bool_]:
        """(21,) which joints have a position in the picture."""
        return np.asarray(np.isfinite(self.joints_px).all(axis=-1))

    def pictures(self) -> tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]:
        """Colour (H, W, 3), red first, and depth (H, W) in metres; raises HandPoseError for unreadable files."""
        return (
            None if self.rgb is None else read_rgb(self.rgb),
            None if self.depth is None else self.decode_depth(self.depth),
        )

    def frame(self) -> RgbdFrame:
        """What a camera would have given; raises HandPoseError where the set does not publish its camera."""
        if self.camera is None:
            raise HandPoseError(f"{self.name}: the data set has no intrinsics; its labels are in the picture only")
        return RgbdFrame(self.camera, *self.pictures())
