"""CMU Panoptic hands (Simon et al., CVPR 2017): labels in the picture only, in our order.

`hand_labels/manual_train/` and `manual_test/` have a `.json` beside each `.jpg` with `hand_pts`, 21 times x, y and
whether it is labelled, and `is_left`. `hand143_panopticdb/hands_v143_14817.json` lists pictures from the dome with
`joint_self`; it does not tell the side.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.datasets.coco_wholebody import labelled
from training.datasets.files import flat_name, read_json, require
from training.datasets.orders import OURS, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("manual_test", "manual_train", "dome")


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every hand of the split."""
    if split == "dome":
        dome = folder / "hand143_panopticdb"
        for hand in read_json(dome / "hands_v143_14817.json", "unpack hand143_panopticdb.tar there")["root"]:
            picture = hand["img_paths"]
            yield _sample(flat_name(picture), "", hand["joint_self"], dome / picture)
        return
    place = require(folder / "hand_labels" / split, "unpack hand_labels.zip there")
    for path in sorted(place.glob("*.json")):
        hand = read_json(path, "unpack hand_labels.zip there")
        # The stem may have dots in it: with_suffix would be right only for the last.
        yield _sample(path.stem, "left" if hand["is_left"] else "right", hand["hand_pts"], place / f"{path.stem}.jpg")


def _sample(name: str, side: str, points: list[list[float]], picture: Path) -> HandSample:
    return HandSample(name, side, joints_px=to_skeleton(labelled(np.array(points, float)), OURS), rgb=picture)
