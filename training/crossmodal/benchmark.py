"""The fixed benchmark: the same synthetic hands in every modality, rendered once and kept on disk.

Splits have seeds of their own. `unseen` are hands that no training split holds: their fingers are longer against the
palm. Half of all hands are left ones, mirrored. Every array is made from (split, chunk, field) alone, so a modality
that is asked for later shows the same hands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from hand_pose_ros.types import HandPoseError
from training.hands.depth import sample_clutter, sample_noise
from training.hands.model import Array, load_hand_model
from training.hands.pictures import Studio
from training.hands.samples import HALF, render, see_depth, seed_numba
from training.hands.scene import Scenes, sample_scenes

#: First number of each split's random seeds.
SPLITS = {"train": 101, "validation": 102, "test": 103, "unseen": 104}
#: Mean length of the four fingers over the mean distance from the wrist to their knuckles: up to here hands are
#: trained on, beyond the gap they are unseen (about one in seven of those drawn).
SEEN_RATIO, UNSEEN_RATIO = 0.94, 0.96
CLOUD_POINTS = 1024
#: Pixels of the clean depth picture that clouds are taken from, fine enough for 1,024 points on most hands.
CLOUD_GRID = 112
CHUNK = 500
FACING = 0.6
#: One name for each array of a split.
FIELDS = ("joints", "joints_2d", "right", "cloud", "depth", "rgb")


@dataclass(frozen=True)
class Benchmark:
    """What is fixed: how many hands, and how their pictures are made.

    size: pixels along a picture's side. skins, backgrounds: folders as in the shipped model's experiment, None for
    procedural ones.
    """

    train: int
    validation: int
    test: int
    unseen: int
    size: int
    skins: str | None
    backgrounds: str | None

    def folder(self, root: Path) -> Path:
        """Where it is kept: a folder that bears a hash of the settings; of paths, of their last names alone."""
        settings = {name: Path(value).name if isinstance(value, str) else value for name, value in asdict(self).items()}
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
        return root / f"benchmark-{key}"


def load_split(benchmark: Benchmark, split: str, fields: tuple[str, ...], root: Path) -> dict[str, Array]:
    """Arrays of one split, made where they are not on disk yet and mapped into memory.

    joints (N, 21, 3) metres from the cube's centre; joints_2d (N, 21, 2) crop coordinates; right (N,) 1 or 0;
    cloud (N, 1024, 3) metres, points of the hand that a camera sees; depth (N, S, S) cube units; rgb (N, S, S, 3)
    uint8. Left hands are mirrored already. Raises HandPoseError where a named folder of skins is missing.
    """
    folder = benchmark.folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for field in fields:
        path = folder / f"{split}_{field}.npy"
        if not path.exists():
            print(f"benchmark: making {field} of {getattr(benchmark, split)} hands for {split}", flush=True)
            temporary = path.with_suffix(".tmp")
            with temporary.open("wb") as file:
                np.save(file, _make(benchmark, split, field))
            temporary.replace(path)
        arrays[field] = np.load(path, mmap_mode="r")
    return arrays


def finger_ratio(joints: Array) -> Array:
    """Finger length over palm length (B,) of joints (B, 21, 3): a hand's shape, whatever its pose and size."""
    knuckles = np.array([5, 9, 13, 17])
    palm = np.linalg.norm(joints[:, knuckles] - joints[:, :1], axis=-1)
    bones = [np.linalg.norm(joints[:, knuckles + k + 1] - joints[:, knuckles + k], axis=-1) for k in range(3)]
    return sum(bones).mean(1) / palm.mean(1)


def _make(benchmark: Benchmark, split: str, field: str) -> Array:
    count = getattr(benchmark, split)
    see = _maker(benchmark, field)
    parts, have = [], 0
    for chunk, (scenes, right) in enumerate(_chunks(SPLITS[split], split == "unseen")):
        rng = np.random.default_rng([SPLITS[split], chunk, 1 + FIELDS.index(field)])
        seed_numba(int(rng.integers(2**31)))
        take = slice(0, count - have)
        parts.append(see(_pick(scenes, take), right[take], rng))
        have += len(parts[-1])
        if have == count:
            return np.concatenate(parts)
    raise AssertionError("chunks are endless")


def _chunks(seed: int, unseen: bool) -> Iterator[tuple[Scenes, Array]]:
    model = load_hand_model()
    chunk = 0
    while True:
        rng = np.random.default_rng([seed, chunk, 0])
        scenes = sample_scenes(model, rng, CHUNK, FACING)
        ratio = finger_ratio(scenes.joints)
        keep = np.flatnonzero(ratio > UNSEEN_RATIO if unseen else ratio < SEEN_RATIO)
        yield _pick(scenes, keep), rng.random(len(keep)) < 0.5
        chunk += 1


def _pick(scenes: Scenes, keep: Array | slice) -> Scenes:
    return replace(scenes, **{name: values[keep] for name, values in vars(scenes).items()})


def _maker(benchmark: Benchmark, field: str) -> Callable[[Scenes, Array, np.random.Generator], Array]:
    """The function that makes one field of a chunk: (scenes, right, rng) to its array."""
    if field == "rgb":
        for name in ("skins", "backgrounds"):
            path = getattr(benchmark, name)
            if path is not None and not Path(path).is_dir():
                raise HandPoseError(f"the benchmark's {name} '{path}' are no folder; write null for procedural ones")
        paths = (None if path is None else Path(path) for path in (benchmark.skins, benchmark.backgrounds))
        studio = Studio(*paths)
        return lambda scenes, right, rng: _rgb(studio, scenes, right, rng, benchmark.size)
    if field == "depth":
        return lambda scenes, right, rng: _depth(scenes, right, rng, benchmark.size)
    return {"joints": _joints, "joints_2d": _joints_2d, "right": _right, "cloud": _cloud}[field]


def _right(scenes: Scenes, right: Array, rng: np.random.Generator) -> Array:
    return right.astype(np.float32)


def _mirrored(points: Array, right: Array) -> Array:
    return np.concatenate([points[..., :1] * np.where(right, 1, -1)[:, None, None], points[..., 1:]], -1)


def _joints(scenes: Scenes, right: Array, rng: np.random.Generator) -> Array:
    centre = np.stack([0 * scenes.distance, 0 * scenes.distance, scenes.distance], -1)
    return _mirrored(scenes.joints - centre[:, None], right).astype(np.float32)


def _joints_2d(scenes: Scenes, right: Array, rng: np.random.Generator) -> Array:
    tan_half = HALF / scenes.distance
    return _mirrored(scenes.joints[..., :2] / scenes.joints[..., 2:] / tan_half[:, None, None], right).astype(
        np.float32
    )


def _cloud(scenes: Scenes, right: Array, rng: np.random.Generator) -> Array:
    model = load_hand_model()
    clouds = np.empty((len(right), CLOUD_POINTS, 3))
    for i, distance in enumerate(scenes.distance):
        tan_half = HALF / distance
        depth, face, _ = render(scenes.vertices[i], model.faces, tan_half, CLOUD_GRID)
        v, u = np.nonzero((face >= 0) & (face < model.skin_faces))
        if len(v) == 0:  # the crop missed the hand: its joints are all that can be said
            points = scenes.joints[i]
        else:
            z = depth[v, u].astype(np.float64)
            x, y = (((2 * k + 1) / CLOUD_GRID - 1) * tan_half * z for k in (u, v))
            points = np.stack([x, y, z], -1)
        pick = rng.permutation(len(points)) if len(points) >= CLOUD_POINTS else rng.integers(len(points), size=2048)
        clouds[i] = points[pick[:CLOUD_POINTS]] - (0, 0, distance)
    return _mirrored(clouds, right).astype(np.float16)


def _depth(scenes: Scenes, right: Array, rng: np.random.Generator, size: int) -> Array:
    model = load_hand_model()
    clutter = sample_clutter(rng, scenes.vertices, scenes.palm, scenes.distance)
    noise = sample_noise(rng, len(right), scenes.distance)
    pictures = [see_depth(scenes, clutter, noise, i, model.faces, size) for i in range(len(right))]
    return np.stack([p if r else p[:, ::-1] for p, r in zip(pictures, right, strict=True)]).astype(np.float16)


def _rgb(studio: Studio, scenes: Scenes, right: Array, rng: np.random.Generator, size: int) -> Array:
    clutter = sample_clutter(rng, scenes.vertices, scenes.palm, scenes.distance)
    tan_half = HALF / scenes.distance
    pictures = [studio.see_rgb(rng, scenes, clutter, i, float(tan_half[i]), size) for i in range(len(right))]
    return np.stack([p if r else p[:, ::-1] for p, r in zip(pictures, right, strict=True)])
