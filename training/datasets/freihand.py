"""FreiHAND (Zimmermann et al., ICCV 2019), `FreiHAND_pub_v2` and `FreiHAND_pub_v2_eval`: right hands.

`<split>_xyz.json` (N, 21, 3) metres in our order and `<split>_K.json` (N, 3, 3) beside `<split>/rgb/00000000.jpg`.
The training pictures come in four versions of the background, numbered on: picture i has the labels i mod N. The
labels of the evaluation split are a separate download.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.datasets.files import camera_of, read_json, require
from training.datasets.orders import OURS, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("evaluation", "training")
SIZE = 224


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every picture there is, with its labels."""
    remedy = "give the folder of FreiHAND_pub_v2, or for 'evaluation' the one of FreiHAND_pub_v2_eval"
    joints_m = read_json(folder / f"{split}_xyz.json", remedy)
    cameras = read_json(folder / f"{split}_K.json", remedy)
    for picture in sorted(require(folder / split / "rgb", remedy).glob("*.jpg")):
        label = int(picture.stem) % len(joints_m)
        yield HandSample(
            picture.stem,
            "right",
            to_skeleton(joints_m[label], OURS),
            camera=camera_of(cameras[label], SIZE, SIZE),
            rgb=picture,
        )
