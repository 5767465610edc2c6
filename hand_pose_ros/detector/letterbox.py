"""Pictures of any size into the network's frame and boxes back: scaled as one, centred, the rest left empty."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hand_pose_ros.detector.bundle import DetectorBundle
from hand_pose_ros.types import FloatArray, RgbdFrame

#: Around a picture that is shown smaller, pixels of the network: hands that the picture's border cuts off are found
#: better with it.
MARGIN = 16


@dataclass(frozen=True)
class Letterbox:
    """network pixel = scale * picture pixel + (left, top), pixels counted from the picture's corner."""

    scale: float
    left: float
    top: float

    @staticmethod
    def of(width: int, height: int, network_width: int, network_height: int, margin: int = 0) -> Letterbox:
        """The largest picture of width x height that fits the network's frame with a margin of so many pixels."""
        scale = min((network_width - 2 * margin) / width, (network_height - 2 * margin) / height)
        return Letterbox(scale, (network_width - scale * width) / 2, (network_height - scale * height) / 2)

    def to_network(self, boxes: FloatArray) -> FloatArray:
        """Boxes (N, 4) left, top, right, bottom."""
        return boxes * self.scale + np.array([self.left, self.top] * 2)

    def to_picture(self, boxes: FloatArray) -> FloatArray:
        """Boxes (N, 4) left, top, right, bottom: the inverse."""
        return (boxes - np.array([self.left, self.top] * 2)) / self.scale

    def matrix(self) -> FloatArray:
        """(2, 3), from the centres of the picture's pixels to those of the network's, for cv2.warpAffine."""
        shift = (self.scale - 1) / 2
        return np.array([[self.scale, 0, self.left + shift], [0, self.scale, self.top + shift]])


def network_input(
    frame: RgbdFrame, bundle: DetectorBundle, smaller: int = 1
) -> tuple[dict[str, FloatArray], Letterbox]:
    """What the network is shown of a frame, each with a batch of one, and how the picture lies in it. smaller: it is
    shown so many times smaller than fits the network's frame, and as much farther away, with a margin around it.

    rgb: (1, 3, H, W) normalised, 0 outside the picture. depth: (1, 2, H, W), z / depth_span_m - 1 and whether it was
    measured. seen: (1, 2) 1 or 0: whether there is colour, and depth.
    """
    margin = 0 if smaller == 1 else MARGIN
    width, height = bundle.width // smaller + 2 * margin, bundle.height // smaller + 2 * margin
    fit = Letterbox.of(frame.camera.width, frame.camera.height, width, height, margin)
    rgb: FloatArray = np.zeros((1, 3, height, width), np.float32)
    depth: FloatArray = np.zeros((1, 2, height, width), np.float32)
    if frame.rgb is not None:
        # Area first: a plain warp would skip pixels.
        small_size = max(1, round(frame.camera.width * fit.scale)), max(1, round(frame.camera.height * fit.scale))
        small = cv2.resize(frame.rgb, small_size, interpolation=cv2.INTER_AREA)
        rows, columns = _inside(fit, small.shape[:2], (height, width))
        rgb[0][:, rows, columns] = ((small / np.float32(255) - bundle.rgb_mean) / bundle.rgb_std).transpose(2, 0, 1)
    if frame.depth_m is not None:
        z = cv2.warpAffine(frame.depth_m, fit.matrix(), (width, height), flags=cv2.INTER_NEAREST)
        depth[0] = depth_channels(smaller * np.asarray(z, np.float32), bundle.depth_span_m)
    seen = np.array([[frame.rgb is not None, frame.depth_m is not None]], np.float32)
    return {"rgb": rgb, "depth": depth, "seen": seen}, fit


def depth_channels(depth_m: FloatArray, depth_span_m: float) -> FloatArray:
    """(2, H, W) float32: z / depth_span_m - 1, at most 1, and 1 where it was measured; both 0 where it was not."""
    with np.errstate(invalid="ignore"):
        measured = np.isfinite(depth_m) & (depth_m > 0)
    z = np.where(measured, np.minimum(np.where(measured, depth_m, 0) / depth_span_m, 2) - 1, 0)
    return np.stack([z, measured]).astype(np.float32)


def _inside(fit: Letterbox, small: tuple[int, int], frame: tuple[int, int]) -> tuple[slice, slice]:
    top, left = min(round(fit.top), frame[0] - small[0]), min(round(fit.left), frame[1] - small[1])
    return slice(top, top + small[0]), slice(left, left + small[1])
