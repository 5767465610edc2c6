"""InterHand2.6M version 1.0 (Moon et al., ECCV 2020): one or both hands, many cameras, colour.

`annotations/<split>/InterHand2.6M_<split>_{data,camera,joint_3d}.json` and `images/<split>/`. Joints are in mm in the
world; a point in the camera's frame is R (point - position). Right hand first, each from thumb to little from the
tip, the wrist last.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hand_pose_ros.types import FloatArray, PinholeCamera
from training.datasets.files import flat_name, read_json
from training.datasets.orders import TIPS_FIRST_WRIST_LAST, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("val", "test", "train")


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every labelled hand of every picture."""
    start = folder / "annotations" / split / f"InterHand2.6M_{split}"
    data, cameras, joints = (
        read_json(Path(f"{start}_{part}.json"), "give the folder that has annotations/ and images/")
        for part in ("data", "camera", "joint_3d")
    )
    pictures = {picture["id"]: picture for picture in data["images"]}
    for label in data["annotations"]:
        picture = pictures[label["image_id"]]
        capture, camera = str(picture["capture"]), str(picture["camera"])
        position, rotation = (np.array(cameras[capture][key][camera], float) for key in ("campos", "camrot"))
        (fx, fy), (cx, cy) = (map(float, cameras[capture][key][camera]) for key in ("focal", "princpt"))
        world_mm = np.array(joints[capture][str(picture["frame_idx"])]["world_coord"], float)
        points_m = (world_mm - position) @ rotation.T / 1000
        points_m[np.ravel(label["joint_valid"]) == 0] = np.nan
        for side, points in hands(points_m).items():
            yield HandSample(
                f"{flat_name(picture['file_name'])}_{side}",
                side,
                points,
                camera=PinholeCamera(fx, fy, cx, cy, picture["width"], picture["height"]),
                rgb=folder / "images" / split / picture["file_name"],
            )


def hands(points: FloatArray) -> dict[str, FloatArray]:
    """Both hands' points (42, 3), NaN where there is none, as (21, 3) by side, in our order; hands of nothing left out.

    The order is InterHand2.6M's and AssemblyHands'.
    """
    both = {"right": points[:21], "left": points[21:]}
    return {side: to_skeleton(half, TIPS_FIRST_WRIST_LAST) for side, half in both.items() if np.isfinite(half).any()}
