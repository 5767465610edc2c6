"""One complete sample as files: both pictures and every label, in the form that shards hold.

`rgb.png` (S, S, 3); `depth.png` (S, S) 16 bit, what the depth camera saw in cube units from -1 to 1 as 0 to 65535;
`true_depth.png` (S, S) 16 bit, before the camera's faults, steps of 0.05 mm, 0 for nothing; `part.png` (S, S) as named
in `hands/parts.py`; `labels.npz` with all other fields of `hands.labels.Labels`. Nothing else is lost.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from hand_pose_ros.types import HandPoseError
from training.hands.labels import Labels, complete_batch
from training.hands.model import Array
from training.hands.pictures import Studio

#: The four pictures and the labels by name, without a batch's axis.
Sample: TypeAlias = dict[str, Array]
#: So many scenes are drawn at once; block b of a seed follows from (seed, b).
BLOCK = 64
#: Names of the arrays in labels.npz.
LABELS = tuple(f.name for f in fields(Labels) if f.name not in ("depth", "part"))
_PICTURES = ("rgb", "depth", "true_depth", "part")
FILES = (*(f"{name}.png" for name in _PICTURES), "labels.npz")
_CUBE_STEPS = 65535 / 2
_TRUE_STEP_M = 5e-5


def make_block(studio: Studio, seed: int, block: int, size: int) -> Iterator[Sample]:
    """The BLOCK samples of a block; the same whenever and wherever they are made."""
    batch = complete_batch(studio, np.random.default_rng([seed, block]), BLOCK, size)
    for i in range(BLOCK):
        labels = {name: np.asarray(getattr(batch.labels, name)[i]) for name in LABELS}
        floats = {k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in labels.items()}
        pictures = batch.rgb[i], batch.depth[i], batch.labels.depth[i], batch.labels.part[i]
        yield dict(zip(_PICTURES, pictures, strict=True)) | floats


def pack(sample: Sample) -> dict[str, bytes]:
    """The sample's files by name; the same sample gives the same bytes."""
    true = np.where(np.isfinite(sample["true_depth"]), sample["true_depth"] / _TRUE_STEP_M, 0)
    stored = (
        sample["rgb"][..., ::-1],
        np.rint((sample["depth"] + 1) * _CUBE_STEPS).astype(np.uint16),
        np.rint(true).clip(0, 65535).astype(np.uint16),
        sample["part"],
    )
    labels = io.BytesIO()
    arrays: dict[str, Any] = {name: sample[name] for name in LABELS}
    np.savez(labels, **arrays)
    contents = [cv2.imencode(".png", np.ascontiguousarray(picture))[1].tobytes() for picture in stored]
    return dict(zip(FILES, [*contents, labels.getvalue()], strict=True))


def unpack(files: Mapping[str, bytes], where: Path | str) -> Sample:
    """The sample of these files; raises HandPoseError, naming `where` they are from, if one is missing or damaged."""
    missing = [name for name in FILES if name not in files]
    if missing:
        raise HandPoseError(f"{where}: lacks {', '.join(missing)}; render the shard again")
    pictures = {}
    for name in _PICTURES:
        picture = cv2.imdecode(np.frombuffer(files[f"{name}.png"], np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise HandPoseError(f"{where}: {name}.png cannot be decoded; render the shard again")
        pictures[name] = np.asarray(picture)
    try:
        with np.load(io.BytesIO(files["labels.npz"])) as data:
            labels = {name: data[name] for name in LABELS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise HandPoseError(f"{where}: labels.npz cannot be read ({error}); render the shard again") from error
    true = pictures["true_depth"].astype(np.float32) * np.float32(_TRUE_STEP_M)
    return {
        "rgb": np.ascontiguousarray(pictures["rgb"][..., ::-1]),
        "depth": pictures["depth"].astype(np.float32) / np.float32(_CUBE_STEPS) - 1,
        "true_depth": np.where(true > 0, true, np.float32(np.inf)),
        "part": pictures["part"],
        **labels,
    }
