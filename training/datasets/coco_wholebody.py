"""COCO-WholeBody's hands (Jin et al., ECCV 2020): photographs from the web, labels in the picture only.

`annotations/coco_wholebody_<split>_v1.0.json` and `<split>2017/`. Each person's annotation has `lefthand_kpts` and
`righthand_kpts`, 21 times x, y and whether it is labelled, in our order, and `…_valid` and `…_box`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.datasets.files import flat_name, read_json
from training.datasets.orders import OURS, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("val", "train")


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every valid hand of every person."""
    labels = read_json(
        folder / "annotations" / f"coco_wholebody_{split}_v1.0.json",
        f"give the folder that has annotations/ and {split}2017/",
    )
    pictures = {picture["id"]: picture["file_name"] for picture in labels["images"]}
    for person in labels["annotations"]:
        for side in ("left", "right"):
            if not person[f"{side}hand_valid"]:
                continue
            picture = pictures[person["image_id"]]
            yield HandSample(
                f"{flat_name(picture)}_{person['id']}_{side}",
                side,
                joints_px=to_skeleton(labelled(np.reshape(person[f"{side}hand_kpts"], (21, 3))), OURS),
                rgb=folder / f"{split}2017" / picture,
                box_px=np.array(person[f"{side}hand_box"], float),
            )


def labelled(points: np.ndarray) -> np.ndarray:
    """Points (K, 2), NaN where the third of (K, 3) says that they are not labelled."""
    return np.where(points[:, 2:] > 0, points[:, :2], np.nan)
