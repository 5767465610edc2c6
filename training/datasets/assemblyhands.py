"""AssemblyHands version 1.1 (Ohkawa et al., CVPR 2023), egocentric: both hands, four grey cameras on a headset.

`annotations/<split>/assemblyhands_<split>_ego_data_v1-1.json`, `…_ego_calib_v1-1.json` and `…_joint_3d_v1-1.json`,
and `images/`. Joints are in mm in the world, in InterHand2.6M's order; a point in the camera's frame is R point + t,
with the extrinsics of each frame, for the headset moves. The test split's labels are not published.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.datasets.files import camera_of, flat_name, read_json
from training.datasets.interhand import hands
from training.datasets.sample import HandSample

SPLITS = ("val", "train")


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every labelled hand of every picture."""
    start = folder / "annotations" / split / f"assemblyhands_{split}"
    data, calibration, joints = (
        read_json(Path(f"{start}_{part}_v1-1.json"), "give the folder that has annotations/ and images/")
        for part in ("ego_data", "ego_calib", "joint_3d")
    )
    pictures = {picture["id"]: picture for picture in data["images"]}
    for label in data["annotations"]:
        picture = pictures[label["image_id"]]
        sequence, camera = str(picture["seq_name"]), f"{picture['camera']}_mono10bit"
        frame = f"{picture['frame_idx']:06d}"
        cameras = calibration["calibration"][sequence]
        extrinsics = np.array(cameras["extrinsics"][frame][camera], float)
        world_mm = np.array(joints["annotations"][sequence][frame]["world_coord"], float)
        points_m = (world_mm @ extrinsics[:, :3].T + extrinsics[:, 3]) / 1000
        points_m[np.ravel(label["joint_valid"]) == 0] = np.nan
        for side, points in hands(points_m).items():
            corners = label["bbox"][side]
            if corners is None:  # the hand is not in this camera's picture
                continue
            x0, y0, x1, y1 = corners
            yield HandSample(
                f"{flat_name(picture['file_name'])}_{side}",
                side,
                points,
                camera=camera_of(cameras["intrinsics"][camera], picture["width"], picture["height"]),
                rgb=folder / "images" / picture["file_name"],
                box_px=np.array([x0, y0, x1 - x0, y1 - y0], float),
            )
