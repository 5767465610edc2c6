"""Real photos with boxes around hands: read, and parted by film into those to learn from and those held out."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import FloatArray
from training.photos import read_hand_boxes, read_picture

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
        return Scene(read_picture(self.path), None, self.boxes, np.full(len(self.boxes), np.nan))


def film_of(name: str) -> str:
    """Which film a photo is from: its neighbours there show nearly the same, so a film is learnt or held out whole."""
    return re.sub(r"_?pic\d+\.jpg$", "", re.sub(r"^(train|test)_", "", name))


def is_held_out(name: str) -> bool:
    """By the film's name alone, so that the parting stays when photos are added."""
    return int(hashlib.sha256(film_of(name).encode()).hexdigest(), 16) % HELD_OUT_OF == 0


def read_photos(folder: Path) -> tuple[list[Photo], list[Photo]]:
    """The photos to learn from and those held out, of a folder as `training.photos` reads them. Raises HandPoseError
    where there are none."""
    boxes = read_hand_boxes(folder)
    photos = [Photo(folder / "images" / name, np.array(boxes[name].corners)) for name in sorted(boxes)]
    return [p for p in photos if not is_held_out(p.path.name)], [p for p in photos if is_held_out(p.path.name)]
