"""Colours: skin textures, backgrounds, and what lenses and sensors do to a picture."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError

Picture = NDArray[np.uint8]


def load_skins(folder: Path | None, uv: NDArray) -> tuple[list[NDArray], NDArray]:
    """Textures (h, w, 3) float32 0..1, red first, cut to the hand's part of the body's texture, and `uv` (U, 2) in
    pixels of the cut. Without a folder: procedural skins of many tones (the hand then has no nails and creases).

    Raises HandPoseError where the folder holds no pictures.
    """
    low, high = uv.min(0), uv.max(0)
    if folder is None:
        size = np.array([128, 128])
        rng = np.random.default_rng(0)
        return [_procedural_skin(rng, size) for _ in range(24)], (uv - low) / (high - low) * (size - 1)
    files = sorted(folder.glob("*.png"))
    if not files:
        raise HandPoseError(f"no skin textures (*.png) in {folder}: name another folder, or none for procedural skin")
    skins = []
    for file in files:
        picture = _read(file)
        height, width = picture.shape[:2]
        rows = slice(int((1 - high[1]) * height), int((1 - low[1]) * height) + 2)
        columns = slice(int(low[0] * width), int(high[0] * width) + 2)
        skins.append(picture[rows, columns].astype(np.float32) / 255)
    pixels = np.column_stack([uv[:, 0] * width - columns.start, (1 - uv[:, 1]) * height - rows.start])
    return skins, pixels


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise HandPoseError(f"cannot read the picture {path}: it is damaged; replace or remove it")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _procedural_skin(rng: np.random.Generator, size: NDArray) -> NDArray:
    tone = np.array([0.93, 0.72, 0.60]) ** rng.uniform(0.6, 4.0)
    blotches = cv2.resize(rng.normal(0, 0.05, (8, 8)), (int(size[0]), int(size[1])), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 0.02, (size[1], size[0]))
    return (tone * (1 + blotches + grain)[..., None]).clip(0, 1).astype(np.float32)


class Backgrounds:
    """Patches of photos without hands (a `*.csv` of boxes beside the photos says where hands are), or of noise."""

    def __init__(self, folder: Path | None):
        self.photos: list[Picture] = []
        self.boxes: list[NDArray] = []
        if folder is None:
            return
        boxes: dict[str, list[list[float]]] = {}
        for table in folder.glob("*.csv"):
            with table.open() as file:
                for row in csv.DictReader(file):
                    scale = 480 / max(float(row["orig_w"]), float(row["orig_h"]))
                    box = [float(row[k]) * scale for k in ("xmin", "ymin", "xmax", "ymax")]
                    boxes.setdefault(row["file"], []).append(box)
        for path in sorted(folder.rglob("*.jpg")):
            self.photos.append(_read(path))
            self.boxes.append(np.array(boxes.get(path.name, [])).reshape(-1, 4))
        if not self.photos:
            raise HandPoseError(f"no photos (*.jpg) in {folder}: name another folder, or none for procedural ones")

    def patch(self, rng: np.random.Generator, size: int) -> Picture:
        """A (size, size, 3) background, flipped and turned at random; procedural where no free patch is found."""
        for _ in range(6 if self.photos and rng.random() > 0.15 else 0):
            index = rng.integers(len(self.photos))
            photo = self.photos[index]
            side = int(rng.uniform(0.25, 0.9) * min(photo.shape[:2]))
            y, x = (int(rng.integers(0, edge - side + 1)) for edge in photo.shape[:2])
            inside = self.boxes[index]
            if len(inside) and np.any(
                (inside[:, 0] < x + side) & (inside[:, 2] > x) & (inside[:, 1] < y + side) & (inside[:, 3] > y)
            ):
                continue
            patch = cv2.resize(photo[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_AREA)
            patch = np.rot90(patch, int(rng.integers(4)))
            return np.ascontiguousarray(patch[:, :: rng.choice([-1, 1])])
        return _noise_picture(rng, size)


def _noise_picture(rng: np.random.Generator, size: int) -> Picture:
    picture = np.zeros((size, size, 3), np.float32) + rng.uniform(0, 255, 3)
    for cells in (2, 5, 13, 40):
        layer = rng.normal(0, rng.uniform(5, 50), (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(layer, (size, size), interpolation=int(rng.integers(0, 3)))
    return picture.clip(0, 255).astype(np.uint8)


def through_lens(picture: NDArray, rng: np.random.Generator) -> Picture:
    """Blur, motion, exposure, white balance, sensor noise and compression of a (S, S, 3) picture, 0..255."""
    picture = picture.astype(np.float32)
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.2, 1.3))
    if rng.random() < 0.15:
        length = int(rng.integers(2, 7))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        middle = (length - 1) / 2
        reach = middle * np.array([np.cos(angle), np.sin(angle)])
        start, end = (np.round(middle + s * reach).astype(int) for s in (-1, 1))
        cv2.line(kernel, tuple(int(v) for v in start), tuple(int(v) for v in end), 1.0)
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    balance = np.exp(rng.normal(0, 0.10, 3)) * np.exp(rng.normal(0, 0.25))
    picture = 255 * (picture / 255).clip(0, 1) ** np.exp(rng.normal(0, 0.2)) * balance
    grey = picture.mean(2, keepdims=True)
    picture = grey + (picture - grey) * rng.uniform(0.5, 1.3)
    picture += rng.normal(0, 1, picture.shape) * rng.exponential(2.5)
    result = picture.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        _, data = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])
        result = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return result
