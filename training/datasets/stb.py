"""STB, the Stereo Hand Pose Benchmark (Zhang et al., ICIP 2017): one left hand, two cameras, 12 sequences.

`labels/<sequence>_BB.mat` and `_SK.mat` hold `handPara` (3, 21, N) in mm: the palm's centre, not the wrist, then
little, ring, middle, index and thumb from the palm outwards. BB is a stereo pair, with labels in the left camera's
frame; the right camera is 120.054 mm to its right. SK is an Intel F200 with labels in its depth camera's frame; its
readme gives the transform from colour to depth. Depth is red + 256 · green in mm and not registered to colour, so
colour and depth are samples of their own. B1 is the test set, B2 to B6 are for training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from hand_pose_ros.types import FloatArray, PinholeCamera
from training.datasets.files import packed_depth, read_mat, require
from training.datasets.orders import outwards, to_skeleton
from training.datasets.sample import HandSample

JOINTS = ("palm", *outwards("little", "ring", "middle", "index", "thumb"))
SEQUENCES = {
    "test": ("B1Counting", "B1Random"),
    "train": tuple(f"B{number}{kind}" for number in range(2, 7) for kind in ("Counting", "Random")),
}
BASELINE_MM = np.array([120.054, 0.0, 0.0])
DEPTH_FROM_COLOUR, _ = cv2.Rodrigues(np.array([0.00531, -0.01196, 0.00301]))
DEPTH_FROM_COLOUR_MM = np.array([-24.0381, -0.4563, -1.2326])
BUMBLEBEE = PinholeCamera(822.79041, 822.79041, 318.47345, 250.31296, 640, 480)
F200_COLOUR = PinholeCamera(607.92271, 607.88192, 314.78337, 236.42484, 640, 480)
F200_DEPTH = PinholeCamera(475.62768, 474.77709, 336.41179, 238.77962, 640, 480)


class View(NamedTuple):
    """One camera: the ending of its labels, the start of its pictures' names, and the way into its frame (mm)."""

    labels: str
    pictures: str
    camera: PinholeCamera
    into_frame: Callable[[FloatArray], FloatArray]
    is_depth: bool = False


VIEWS = {
    "": (
        View("BB", "BB_left", BUMBLEBEE, lambda points: points),
        View("BB", "BB_right", BUMBLEBEE, lambda points: points - BASELINE_MM),
    ),
    "_sk": (View("SK", "SK_color", F200_COLOUR, lambda points: (points - DEPTH_FROM_COLOUR_MM) @ DEPTH_FROM_COLOUR),),
    "_depth": (View("SK", "SK_depth", F200_DEPTH, lambda points: points, is_depth=True),),
}
SPLITS = tuple(f"{part}{view}" for view in VIEWS for part in SEQUENCES)


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Each frame from each camera of the split: `test` from the stereo pair, `test_sk` colour, `test_depth` depth."""
    part, _, kind = split.partition("_")
    for sequence in SEQUENCES[part]:
        pictures = require(folder / "images" / sequence, "give the folder that has images/ and labels/")
        for view in VIEWS[f"_{kind}" if kind else ""]:
            labels = folder / "labels" / f"{sequence}_{view.labels}.mat"
            joints_mm = read_mat(labels, "handPara", "give the folder that has images/ and labels/")
            for index, frame_mm in enumerate(np.moveaxis(joints_mm, (2, 1), (0, 1))):
                points_m = view.into_frame(frame_mm) / 1000
                picture = pictures / f"{view.pictures}_{index}.png"
                yield HandSample(
                    f"{sequence}_{picture.stem}",
                    "left",
                    to_skeleton(points_m, JOINTS),
                    camera=view.camera,
                    rgb=None if view.is_depth else picture,
                    depth=picture if view.is_depth else None,
                    decode_depth=partial(packed_depth, high=1, low=0, unit_m=1e-3),
                    palm_m=points_m[0],
                )
