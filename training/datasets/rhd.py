"""RHD, the Rendered Hand Pose Dataset (Zimmermann and Brox, ICCV 2017), version 1.1, `RHD_published_v2/`.

`<split>/anno_<split>.pickle` maps a picture's number to `xyz` (42, 3) metres, `uv_vis` (42, 3) and `K`; left hand
first, each wrist, then fingers from the tip. Of the two hands, the one with more pixels in `mask/` is meant (mask: 2
to 17 left, from 18 on right), as in the authors' evaluation. Depth is (256 · red + green) / 65535 · 5 m.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from hand_pose_ros.frames_folder import read_rgb
from training.datasets.files import camera_of, packed_depth, read_pickle
from training.datasets.orders import TIPS_FIRST, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("evaluation", "training")
SIZE = 320
DECODE_DEPTH = partial(packed_depth, high=0, low=1, unit_m=5.0 / 65535)


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """The dominant hand of each picture, in the order of the numbers."""
    labels = read_pickle(folder / split / f"anno_{split}.pickle", "give the folder RHD_published_v2")
    for number in sorted(labels):
        label, picture = labels[number], f"{number:05d}.png"
        mask = read_rgb(folder / split / "mask" / picture)[..., 0]
        left = ((mask >= 2) & (mask <= 17)).sum() > (mask >= 18).sum()
        rows = slice(0, 21) if left else slice(21, 42)
        uv_vis = to_skeleton(label["uv_vis"][rows], TIPS_FIRST)
        yield HandSample(
            f"{number:05d}",
            "left" if left else "right",
            to_skeleton(label["xyz"][rows], TIPS_FIRST),
            uv_vis[:, :2],
            camera_of(label["K"], SIZE, SIZE),
            rgb=folder / split / "color" / picture,
            depth=folder / split / "depth" / picture,
            decode_depth=DECODE_DEPTH,
            visible=np.asarray(uv_vis[:, 2] == 1),
        )
