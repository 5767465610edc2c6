"""Real recordings in the benchmark's form: crops about the labelled hand, for evaluation alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_pose_ros.camera import project
from hand_pose_ros.crop import CropSpec, make_crop, to_crop
from hand_pose_ros.frames_folder import open_folder, read_labels
from hand_pose_ros.types import HandPoseError, HandRegion
from training.hands.model import Array
from training.hands.scene import CROP_SIZE_M


def real_split(folder: Path, size: int) -> dict[str, Array]:
    """A frames folder with labels as a split of the benchmark, without clouds; depth only where all frames have it.

    The crop is centred on the labelled hand, as the papers' are. Raises HandPoseError where there are no labels.
    """
    frames, labels = open_folder(folder), read_labels(folder)
    if labels is None or labels.side is None:
        raise HandPoseError(f"{folder}: its labels.npz lacks 'joints_m' or 'side'; there is nothing to measure against")
    spec = CropSpec(CROP_SIZE_M, 1.5, rgb_size=size, depth_size=size)
    arrays: dict[str, list[Array]] = {name: [] for name in ("joints", "joints_2d", "tan_half", "rgb", "depth")}
    for index, joints in enumerate(labels.joints_m):
        frame = frames.read(index)
        centre = joints.mean(0)
        u, v = project(centre[None], frame.camera)[0]
        distance = float(np.linalg.norm(centre))
        # as wide as the cube is at that distance, whether or not there is depth to cut it
        box = CROP_SIZE_M / distance * frame.camera.fx / spec.box_scale
        crop = make_crop(frame, HandRegion((float(u), float(v)), box, distance), spec)
        if crop is None:
            raise HandPoseError(f"{folder}: nothing to see of the labelled hand in frame '{frames.names[index]}'")
        local = to_crop(crop, joints)
        arrays["joints"].append(local - np.array([0, 0, distance]))
        arrays["joints_2d"].append(local[:, :2] / local[:, 2:] / crop.tan_half)
        arrays["tan_half"].append(np.array(crop.tan_half))
        for name, picture in (("rgb", crop.rgb), ("depth", crop.depth)):
            if picture is not None:
                arrays[name].append(picture)
    stacked = {name: np.stack(values) for name, values in arrays.items() if len(values) == len(labels.joints_m)}
    stacked |= {name: stacked[name].astype(np.float32) for name in ("joints", "joints_2d", "tan_half")}
    return stacked | {"right": (labels.side == "right").astype(np.float32)}
