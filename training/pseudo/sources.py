"""Real hands without joints, and what is known of them: a box, sometimes the side, and which fingers are stretched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import FloatArray, HandPoseError, Side
from training.detector.cutouts import cut_out, read_small
from training.detector.cutouts import is_held_out as is_held_out_person
from training.detector.photos import is_held_out as is_held_out_film
from training.photos import read_hand_boxes, read_picture

_ALL = np.array(list(product([False, True], repeat=4)))
#: Index, middle, ring and little finger in the signs of the digits (American Sign Language, which the Sign Language
#: Digits Dataset shows): stretched or not.
SIGNS = {
    "0": (0, 0, 0, 0), "1": (1, 0, 0, 0), "2": (1, 1, 0, 0), "3": (1, 1, 0, 0), "4": (1, 1, 1, 1), "5": (1, 1, 1, 1),
    "6": (1, 1, 1, 0), "7": (1, 1, 0, 1), "8": (1, 0, 1, 1), "9": (0, 1, 1, 1),
}  # fmt: skip


@dataclass(frozen=True)
class RealHand:
    """A hand in a picture. rgb: (H, W, 3) uint8. alpha: (H, W) uint8, 255 on the hand, where it can be cut out. box:
    (4,) x, y, width, height in pixels. side: where it is known. stretched: (P, 4) bool, what its index, middle, ring
    and little finger may be, as far as the picture's class tells."""

    name: str
    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    box: FloatArray
    side: Side | None
    stretched: NDArray[np.bool_]


def hands_of_photos(folder: Path, held_out: bool = False) -> Iterator[RealHand]:
    """Those of photos as `training.photos` reads them, whose class is how many fingers are shown ('3-hand'): of the
    films that detectors learn from or of those that are `held_out`.

    Raises HandPoseError where there is no table, or a photo is missing or damaged.
    """
    counts = _ALL.sum(1)
    for name, boxes in read_hand_boxes(folder).items():
        if is_held_out_film(name) != held_out:
            continue
        rgb = read_picture(folder / "images" / name)
        for (left, top, right, bottom), label in zip(boxes.corners, boxes.classes, strict=True):
            shown = int(label.partition("-")[0])
            # the thumb may be one of them
            fits = _ALL[(counts == shown) | (counts == shown - 1)] if shown else _ALL[counts == 0]
            yield RealHand(name, rgb, None, np.array([left, top, right - left, bottom - top]), None, fits)


def hands_of_signs(folder: Path, held_out: bool = False) -> Iterator[RealHand]:
    """Those of single right hands before white paper, in a folder for each digit that they sign: of the people whom
    detectors learn from or of those `held_out`. Pictures in which no hand can be told from the paper are left out.

    Raises HandPoseError where there are none, or a picture is damaged.
    """
    paths = [path for path in sorted(folder.rglob("IMG_*.JPG")) if path.parent.name in SIGNS]
    if not paths:
        raise HandPoseError(f"{folder}: no pictures of signs (<digit>/IMG_*.JPG); name the folder that has them")
    for path in paths:
        if is_held_out_person(path.name) != held_out:
            continue
        rgb = read_small(path)
        cut = cut_out(rgb)
        if cut is not None:
            box = np.concatenate([cut.box[:2], cut.box[2:] - cut.box[:2]])
            fits = np.array([SIGNS[path.parent.name]], bool)
            yield RealHand(path.name, rgb, cut.alpha, box, "right", fits)
