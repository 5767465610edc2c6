"""Photos with boxes around their hands, as HandsDataset has them: `*.csv` beside the folder `images`. Boxes in the
table are in pixels of the original, the photos are smaller."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError

#: Pictures were scaled to this many pixels along their longer side; the table has the original's.
LONGER_SIDE = 480


@dataclass
class Boxes:
    """Around the hands of a photo: corners (K) of left, top, right, bottom in its pixels, and the class of each."""

    corners: list[list[float]] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


def read_boxes(folder: Path) -> dict[str, Boxes]:
    """By the photo's file name, what the tables in `folder` say (columns file, orig_w, orig_h, class, xmin, ymin, xmax,
    ymax); nothing where there is no table."""
    boxes: dict[str, Boxes] = {}
    for table in sorted(folder.glob("*.csv")):
        with table.open() as file:
            for row in csv.DictReader(file):
                scale = LONGER_SIDE / max(float(row["orig_w"]), float(row["orig_h"]))
                of_photo = boxes.setdefault(row["file"], Boxes())
                of_photo.corners.append([float(row[key]) * scale for key in ("xmin", "ymin", "xmax", "ymax")])
                of_photo.classes.append(row["class"])
    return boxes


def read_hand_boxes(folder: Path) -> dict[str, Boxes]:
    """`read_boxes` for those who need some: raises HandPoseError where there are none."""
    boxes = read_boxes(folder)
    if not boxes:
        raise HandPoseError(f"{folder}: no table of hand boxes (*.csv); name the folder of photos with boxes")
    return boxes


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3), red first; raises HandPoseError where the file is missing or damaged."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise HandPoseError(f"cannot read the picture {path}: it is missing or damaged; fetch it again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
