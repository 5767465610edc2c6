"""MSRA Hand Gesture (Sun et al., CVPR 2015), `cvpr15_MSRAHandGestureDB/`: right hands of nine people, depth.

`P<0 to 8>/<gesture>/joint.txt` has the number of frames, then 63 numbers a line: wrist, then index, middle, ring,
little and thumb from the palm outwards, mm, y up and z backwards. `000000_depth.bin` has six 32-bit integers, the
picture's width and height and the cut-out's left, top, right and bottom, then the cut-out's depths in mm as 32-bit
floats. Papers leave out one person at a time, so each is a split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError, PinholeCamera
from training.datasets.files import read_lines, require
from training.datasets.orders import outwards, to_skeleton
from training.datasets.sample import HandSample

PEOPLE = tuple(f"P{number}" for number in range(9))
SPLITS = (*PEOPLE, "all")
CAMERA = PinholeCamera(241.42, 241.42, 160.0, 120.0, 320, 240)
JOINTS = ("wrist", *outwards("index", "middle", "ring", "little", "thumb"))
FROM_Y_UP_Z_BACK = np.array([1.0, -1.0, -1.0])
_HEADER = 6


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every frame of one person, or of all."""
    remedy = "give the folder cvpr15_MSRAHandGestureDB, with P0 to P8 in it"
    for person in PEOPLE if split == "all" else (split,):
        for gesture in sorted(path for path in require(folder / person, remedy).iterdir() if path.is_dir()):
            _, *lines = read_lines(gesture / "joint.txt", remedy)
            for number, line in enumerate(lines):
                points_m = np.array(line.split(), float).reshape(-1, 3) * FROM_Y_UP_Z_BACK / 1000
                yield HandSample(
                    f"{person}_{gesture.name}_{number:06d}",
                    "right",
                    to_skeleton(points_m, JOINTS),
                    camera=CAMERA,
                    depth=gesture / f"{number:06d}_depth.bin",
                    decode_depth=decode_depth,
                )


def decode_depth(path: Path) -> NDArray[np.float32]:
    """The whole picture (H, W) in metres, 0 outside the cut-out."""
    data = require(path, "copy the data set again").read_bytes()
    header = np.frombuffer(data[: 4 * _HEADER], "<i4")
    depth_mm = np.frombuffer(data[4 * _HEADER :], np.uint8)
    if len(header) == _HEADER:
        width, height, left, top, right, bottom = (int(value) for value in header)
        if len(depth_mm) == 4 * (right - left) * (bottom - top) and 0 <= left < right <= width and bottom <= height:
            picture = np.zeros((height, width), np.float32)
            picture[top:bottom, left:right] = depth_mm.view("<f4").reshape(bottom - top, right - left) / 1000
            return picture
    raise HandPoseError(f"{path}: {len(data)} bytes do not fit its header {header.tolist()}; copy it again")
