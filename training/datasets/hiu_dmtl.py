"""HIU-DMTL (Zhang et al., ICCV 2021): photographs, labels in the picture, in our order.

One folder with `<name>.json`, the picture `<name>.jpg` or `.png` and `<name>_mask`. Of the JSON, `pts2d_2hand` (42,
2) holds two hands in pixels and `hand_type` which of the two are there. The data come without a description: which of
the two is the left one, and in what unit and frame `pts3d_2hand` is, is not told, so sides are '' and there are no 3D
joints.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hand_pose_ros.types import HandPoseError
from training.datasets.files import flat_name, read_json
from training.datasets.orders import OURS, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("all",)
ENDINGS = (".jpg", ".png")


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every hand of every picture."""
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise HandPoseError(f"{folder}: has no <name>.json in it; give the folder of the unpacked hiu_dmtl_data.zip")
    for path in files:
        label = read_json(path, "unpack the data set again")
        picture = next((path.with_suffix(end) for end in ENDINGS if path.with_suffix(end).exists()), None)
        if picture is None:
            raise HandPoseError(f"{path}: has no picture beside it; unpack the data set again")
        points = np.array(label["pts2d_2hand"], float)
        for hand in (0, 1):
            if label["hand_type"][hand]:
                yield HandSample(
                    f"{flat_name(str(path.relative_to(folder)))}_{hand}",
                    "",
                    joints_px=to_skeleton(points[21 * hand : 21 * (hand + 1)], OURS),
                    rgb=picture,
                )
