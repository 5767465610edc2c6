"""Real hands cut out of pictures with a plain background, to be put into other pictures: hands of further people there,
whose side is known."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import FloatArray, HandPoseError
from training.detector.photos import HELD_OUT_OF, Scene
from training.photos import read_picture

#: Pictures are brought to this size, pixels; nearly all have it.
SIZE = 100
#: Files in a row are of one person; so many in a row are learnt or held out together.
IN_A_ROW = 100
#: What covers more of the picture than this is its background.
LARGEST_SHARE = 0.6
#: The wrist is so many radii of the palm below the palm's middle.
PALM_TO_WRIST = 1.4
#: Of another hand's box, the share that may be covered by a hand put into the picture.
COVERED = 0.15
#: How large such a hand's box is in pixels of the picture, the longer side.
SMALLEST_PX, LARGEST_PX = 18.0, 115.0


@dataclass(frozen=True)
class Cutout:
    """rgb: (SIZE, SIZE, 3) uint8 and alpha: (SIZE, SIZE) uint8, 255 on the hand and its forearm. box: (4,) left, top,
    right, bottom of the hand without the forearm. A right hand, as all of them are."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    box: FloatArray


def read_cutouts(folder: Path) -> tuple[list[Cutout], list[Cutout]]:
    """Those to learn from and those held out, of a folder (or its subfolders) of pictures `IMG_<number>.JPG` of upright
    right hands before something bright and grey. Raises HandPoseError where there are none."""
    learnt: list[Cutout] = []
    held_out: list[Cutout] = []
    for path in sorted(folder.rglob("IMG_*.JPG")):
        made = cut_out(read_small(path))
        if made is not None:
            (held_out if is_held_out(path.name) else learnt).append(made)
    if not learnt and not held_out:
        raise HandPoseError(f"{folder}: no pictures of hands (IMG_*.JPG); name the folder of hands to be cut out")
    return learnt, held_out


def read_small(path: Path) -> NDArray[np.uint8]:
    """The picture at (SIZE, SIZE, 3); raises HandPoseError where it is missing or damaged."""
    return np.asarray(cv2.resize(read_picture(path), (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def is_held_out(name: str) -> bool:
    """By the number in the file's name."""
    number = int(re.sub(r"\D", "", name)) // IN_A_ROW
    return int(hashlib.sha256(str(number).encode()).hexdigest(), 16) % HELD_OUT_OF == 0


def cut_out(rgb: NDArray[np.uint8]) -> Cutout | None:
    """None where no hand stands out. rgb: (SIZE, SIZE, 3)."""
    soft = cv2.GaussianBlur(rgb, (0, 0), 0.8).astype(np.float32)
    warm = soft[..., 0] - soft[..., 2]  # skin is warmer than paper, in its shadow as well
    border = np.concatenate([warm[: SIZE // 2, :3].ravel(), warm[: SIZE // 2, -3:].ravel(), warm[:3].ravel()])
    warm = np.clip(warm - np.median(border) + 40, 0, 255).astype(np.uint8)
    _, skin = cv2.threshold(warm, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(skin)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not len(areas) or areas.max() > LARGEST_SHARE * SIZE**2:
        return None
    hand = (labels == 1 + areas.argmax()).astype(np.uint8)
    width = cv2.distanceTransform(cv2.copyMakeBorder(hand, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 5)[
        1:-1, 1:-1
    ]
    row, _ = np.unravel_index(int(width.argmax()), width.shape)
    wrist = round(float(row) + PALM_TO_WRIST * float(width.max()))
    rows, columns = np.nonzero(hand[:wrist])
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)
    # the outermost pixels are half paper
    alpha = cv2.GaussianBlur(255 * cv2.erode(hand, np.ones((3, 3), np.uint8)), (0, 0), 0.7)
    return Cutout(rgb, np.asarray(alpha, np.uint8), box)


def put_in(rng: np.random.Generator, scene: Scene, cutouts: Sequence[Cutout]) -> Scene:
    """The scene with one or two of the hands, turned, mirrored or not, in colour alone; fewer where they would cover
    hands that are there already."""
    for _ in range(int(rng.integers(1, 3))):
        scene = _with(rng, scene, cutouts[int(rng.integers(len(cutouts)))])
    return scene


def _with(rng: np.random.Generator, scene: Scene, cutout: Cutout) -> Scene:
    height, width = scene.rgb.shape[:2]
    size = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(LARGEST_PX)))
    half = (cutout.box[2:] - cutout.box[:2]) / 2
    scale = size / (2 * float(half.max()))
    turn, flip = np.radians(rng.normal(0, 35)), rng.choice([1.0, -1.0])
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([flip, 1.0])
    middle = rng.uniform(0.05, 0.95, 2) * (width, height)
    shift = middle - linear @ (cutout.box[:2] + half)
    around = np.sqrt(half**2 @ (linear**2).T)  # of the ellipse in the box
    box = np.clip(np.concatenate([middle - around, middle + around]), 0, np.array([width, height] * 2))
    for other in scene.boxes:
        shared = np.maximum(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0)
        if np.prod(shared) > COVERED * np.prod(other[2:] - other[:2]):
            return scene
    centred = np.column_stack([linear, shift + linear @ [0.5, 0.5] - 0.5])
    alpha = cv2.warpAffine(cutout.alpha, centred, (width, height), flags=cv2.INTER_LINEAR)[..., None] / np.float32(255)
    light = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.07, 3)).astype(np.float32)
    hand = cv2.warpAffine(cutout.rgb, centred, (width, height), flags=cv2.INTER_LINEAR) * light
    rgb = np.clip(scene.rgb + alpha * (hand - scene.rgb), 0, 255).astype(np.uint8)
    right = np.append(scene.right, 1.0 if flip > 0 else 0.0)
    return Scene(rgb, None, np.vstack([scene.boxes.reshape(-1, 4), box]), right)
