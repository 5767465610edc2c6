"""Real photos with boxes around hands: read, and parted by film into those to learn from and those held out."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import FloatArray, HandPoseError

#: Pictures were scaled to this many pixels along their longer side; the table has the original's.
LONGER_SIDE = 480
#: One film in so many is held out.
HELD_OUT_OF = 4


@dataclass(frozen=True)
class Scene:
    """A picture with hands. rgb: (H, W, 3) uint8, red first. depth_m: (H, W) metres, 0 where not measured, or None.
    boxes: (K, 4) left, top, right, bottom in pixels. right: (K,) 1 for right hands, 0 for left, NaN for unknown.
    """

    rgb: NDArray[np.uint8]
    depth_m: FloatArray | None
    boxes: FloatArray
    right: FloatArray


@dataclass(frozen=True)
class Photo:
    """A photo's file and the boxes (K, 4) of its hands: left, top, right, bottom in its pixels."""

    path: Path
    boxes: FloatArray

    def read(self) -> Scene:
        """Raises HandPoseError where the file is damaged."""
        picture = cv2.imread(str(self.path))
        if picture is None:
            raise HandPoseError(f"cannot read the photo {self.path}: it is missing or damaged; fetch it again")
        rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        return Scene(rgb, None, self.boxes, np.full(len(self.boxes), np.nan))


def film_of(name: str) -> str:
    """Which film a photo is from: its neighbours there show nearly the same, so a film is learnt or held out whole."""
    return re.sub(r"_?pic\d+\.jpg$", "", re.sub(r"^(train|test)_", "", name))


def is_held_out(name: str) -> bool:
    """By the film's name alone, so that the parting stays when photos are added."""
    return int(hashlib.sha256(film_of(name).encode()).hexdigest(), 16) % HELD_OUT_OF == 0


def read_photos(folder: Path) -> tuple[list[Photo], list[Photo]]:
    """The photos to learn from and those held out, of a folder with a table of boxes (file, orig_w, orig_h, class,
    xmin, ymin, xmax, ymax, in the original's pixels) and `images/`. Raises HandPoseError where there are none.
    """
    boxes: dict[str, list[list[float]]] = {}
    for table in sorted(folder.glob("*.csv")):
        with table.open() as file:
            for row in csv.DictReader(file):
                scale = LONGER_SIDE / max(float(row["orig_w"]), float(row["orig_h"]))
                boxes.setdefault(row["file"], []).append(
                    [float(row[k]) * scale for k in ("xmin", "ymin", "xmax", "ymax")]
                )
    if not boxes:
        raise HandPoseError(f"{folder}: no table of hand boxes (*.csv); name the folder of photos with boxes")
    photos = [Photo(folder / "images" / name, np.array(boxes[name])) for name in sorted(boxes)]
    return [p for p in photos if not is_held_out(p.path.name)], [p for p in photos if is_held_out(p.path.name)]
