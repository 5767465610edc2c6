"""NYU Hand Pose (Tompson et al., TOG 2014), `nyu_hand_dataset_v2/dataset/`: right hands, Kinect depth.

`<split>/joint_data.mat` has `joint_xyz` (3 cameras, N, 36, 3) in mm with y upwards; `<split>/depth_1_0000001.png` is
the first camera's, as 256 · green + blue in mm. Of its 36 points along the bones, those nearest to our joints are
taken; the wrist is the middle of its two points on either side of it. 14 points, of which 11 are among ours, are
evaluated in papers: fingers' tip and middle joint, three of the thumb, two of the wrist and the palm's centre.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from hand_pose_ros.types import PinholeCamera
from training.datasets.files import packed_depth, read_mat, require
from training.datasets.orders import inwards, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("test", "train")
CAMERA = PinholeCamera(588.03, 587.07, 320.0, 240.0, 640, 480)
#: Tip, then the nearer ends of the three bones, from the little finger to the thumb (the thumb has one point less).
POINTS = (0, 1, 3, 5, 6, 7, 9, 11, 12, 13, 15, 17, 18, 19, 21, 23, 24, 25, 27, 28)
JOINTS = inwards("little", "ring", "middle", "index", "thumb")
WRIST_SIDES = (30, 31)
PALM = 32
FROM_Y_UP = np.array([1.0, -1.0, 1.0])


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every frame of the first camera."""
    remedy = "give the folder that has train/ and test/"
    joints_mm = read_mat(folder / split / "joint_data.mat", "joint_xyz", remedy)[0]
    for number, frame_mm in enumerate(joints_mm, start=1):
        points_m = frame_mm * FROM_Y_UP / 1000
        wrist = points_m[list(WRIST_SIDES)].mean(axis=0)
        yield HandSample(
            f"{split}_{number:07d}",
            "right",
            to_skeleton(np.vstack([points_m[list(POINTS)], wrist]), (*JOINTS, "wrist")),
            camera=CAMERA,
            depth=require(folder / split / f"depth_1_{number:07d}.png", remedy),
            decode_depth=partial(packed_depth, high=1, low=2, unit_m=1e-3),
            palm_m=points_m[PALM],
        )
