"""Which hands a step of training looks at. All chance comes from (seed, step): a run that is resumed, or shared by
several processes, draws what an unbroken one in a single process would have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from hand_pose_ros.types import HandPoseError
from training.crossmodal.config import Row
from training.crossmodal.features import with_features
from training.crossmodal.modalities import fields_of, views
from training.hands.model import Array


class Draws:
    """The chance of one step: one process's share of the global batch's indices and noise."""

    def __init__(self, seed: int, step: int, batch: int, rank: int = 0, world: int = 1):
        self.rng = np.random.default_rng([seed, step])
        self.batch = batch
        self.share = slice(rank, batch, world)

    def indices(self, count: int) -> Array:
        """Indices below `count`, in order as files are read fastest, each process its own."""
        return np.sort(self.rng.integers(count, size=self.batch))[self.share]

    def noise(self, rows: int, columns: int) -> Tensor:
        """Standard normal (rows, columns), rows of the batch's share."""
        drawn = self.rng.standard_normal((self.batch, columns), dtype=np.float32)[self.share]
        if len(drawn) != rows:
            raise ValueError(f"noise for {rows} hands was asked for in a share of {len(drawn)}")
        return torch.from_numpy(drawn)


class Pools:
    """The hands that a row trains on: `labelled`, `all` of them, and `real` pictures without labels."""

    def __init__(self, row: Row, arrays: Mapping[str, Array]):
        self.row = row
        self.arrays = arrays
        count = len(arrays["joints"])
        self.counts = {"all": count, "labelled": max(1, round(row.labelled * count))}
        self.real: dict[str, Array] | None = None
        if row.real_pictures is not None:
            pictures = read_pictures(Path(row.real_pictures), arrays["rgb"].shape[1])
            self.real = with_features({"rgb": pictures}, fields_of((row.source,)))
            self.counts["real"] = len(pictures)

    def batch(self, pool: str, modalities: tuple[str, ...], draws: Draws, device: str) -> dict[str, Tensor]:
        """Views of a batch from `pool`."""
        index = draws.indices(self.counts[pool])
        if pool == "real" and self.real is not None:
            # the hand's side, its root and its unit mean nothing to a picture's own reconstruction
            right = np.full(len(index), 0.5, dtype=np.float32)
            joints = np.asarray(self.arrays["joints"][:1]).repeat(len(index), 0)
            taken = {name: values[index] for name, values in self.real.items()} | {"joints": joints, "right": right}
            return views(taken, modalities, self.row.invariances, self.row.points, device)
        taken = {name: self.arrays[name][index] for name in fields_of(modalities)}
        return views(taken, modalities, self.row.invariances, self.row.points, device)


def read_pictures(folder: Path, size: int) -> Array:
    """All pictures below `folder` (N, size, size, 3) uint8, red first, squeezed to a square."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise HandPoseError(f"no pictures (jpg, png) below '{folder}'; name a folder that has some")
    return np.stack([_read_picture(path, size) for path in paths])


def _read_picture(path: Path, size: int) -> Array:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise HandPoseError(f"{path}: not a readable picture; take it out of the folder")
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)[..., ::-1]
