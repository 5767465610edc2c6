"""ICVL (Tang et al., CVPR 2014): left hands, Creative Senz3D depth.

A line of `Training/labels.txt` or `Testing/test_seq_<1, 2>.txt` is a picture under `Depth/` beside it and 16 times u,
v in pixels and d in mm: the palm's centre, then root, middle and tip of thumb, index, middle, ring and little. These
lie in the middle of the phalanges (root to middle is 34 mm and middle to tip 22 mm on the middle finger, in the
median), while ours lie between them, so the three are given as the fingers' MCP, PIP and TIP (the thumb's MCP, IP and
TIP) and are off by half a phalanx: judge alignment with them, not millimetres. Depth is 16 bits in mm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hand_pose_ros.types import PinholeCamera
from training.datasets.files import flat_name, read_lines
from training.datasets.orders import to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("test", "train")
LISTS = {"train": ("Training/labels.txt",), "test": ("Testing/test_seq_1.txt", "Testing/test_seq_2.txt")}
CAMERA = PinholeCamera(240.99, 240.96, 160.0, 120.0, 320, 240)
JOINTS = (
    "palm",
    "thumb_mcp",
    "thumb_ip",
    "thumb_tip",
    *(f"{finger}_{joint}" for finger in ("index", "middle", "ring", "little") for joint in ("mcp", "pip", "tip")),
)


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every line of the split's lists."""
    for path in LISTS[split]:
        for line in read_lines(folder / path, "give the folder that has Training/ and Testing/"):
            picture, *numbers = line.split()
            uvd = np.array(numbers, float).reshape(-1, 3)
            points_m = np.column_stack(
                [
                    (uvd[:, 0] - CAMERA.cx) * uvd[:, 2] / CAMERA.fx,
                    (uvd[:, 1] - CAMERA.cy) * uvd[:, 2] / CAMERA.fy,
                    uvd[:, 2],
                ]
            )
            points_m /= 1000
            yield HandSample(
                flat_name(picture),
                "left",
                to_skeleton(points_m, JOINTS),
                camera=CAMERA,
                depth=folder / path.partition("/")[0] / "Depth" / picture,
                palm_m=points_m[0],
            )
