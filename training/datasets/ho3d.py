"""HO-3D version 2 and 3 (Hampali et al., CVPR 2020): right hands with objects, colour and registered depth.

`<split>.txt` lists `<sequence>/<number>`; of each, `<split>/<sequence>/` has `rgb/` (png in v2, jpg in v3), `depth/`
and `meta/<number>.pkl` with `camMat` and `handJoints3D` in MANO's order and OpenGL's axes (y up, z backwards),
metres. In the evaluation split the pickles hold the wrist alone; `evaluation_xyz.json`, published in 2024, has all
joints in the order of `evaluation.txt`. Depth is (red + 256 · green) · 0.000125 m. Frames without labels are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from training.datasets.files import camera_of, flat_name, packed_depth, read_json, read_lines, read_pickle
from training.datasets.orders import outwards, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("train", "evaluation")
WIDTH, HEIGHT = 640, 480
DEPTH_UNIT_M = 0.00012498664727900177
FROM_OPENGL = np.array([1.0, -1.0, -1.0])
#: MANO's: the wrist, three joints of index, middle, little, ring and thumb, then the tips from the thumb on.
JOINTS = (
    "wrist",
    *(name for finger in ("index", "middle", "little", "ring", "thumb") for name in outwards(finger)[:3]),
    *(f"{finger}_tip" for finger in ("thumb", "index", "middle", "ring", "little")),
)


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every labelled frame of the list."""
    remedy = "give the folder that has train/, evaluation/ and their lists"
    frames = read_lines(folder / f"{split}.txt", remedy)
    published = (
        read_json(folder / "evaluation_xyz.json", "download the ground truth that the authors published in 2024")
        if split == "evaluation"
        else None
    )
    for index, frame in enumerate(frames):
        sequence, _, number = frame.partition("/")
        place = folder / split / sequence
        label = read_pickle(place / "meta" / f"{number}.pkl", remedy)
        joints = label["handJoints3D"] if published is None else published[index]
        if joints is None or label["camMat"] is None:
            continue
        box = label.get("handBoundingBox")
        picture = place / "rgb" / f"{number}.png"
        yield HandSample(
            flat_name(frame),
            "right",
            to_skeleton(np.asarray(joints, float) * FROM_OPENGL, JOINTS),
            camera=camera_of(label["camMat"], WIDTH, HEIGHT),
            rgb=picture if picture.exists() else picture.with_suffix(".jpg"),
            depth=place / "depth" / f"{number}.png",
            decode_depth=partial(packed_depth, high=1, low=0, unit_m=DEPTH_UNIT_M),
            box_px=None if box is None else np.array([box[0], box[1], box[2] - box[0], box[3] - box[1]], float),
        )
