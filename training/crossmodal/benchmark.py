"""The fixed benchmark: the same synthetic hands in every modality, rendered once and kept on disk.

Splits have seeds of their own. `unseen` are hands that no training split holds: their fingers are longer against the
palm. Half of all hands are left ones, mirrored. Every array is made from (split, chunk, field) alone, so a modality
that is asked for later shows the same hands.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_ros.types import HandPoseError
from training.crossmodal.features import FEATURES, features_key, picture_features
from training.hands.model import Array, load_hand_model
from training.hands.parts import FOREARM, NOTHING
from training.hands.pictures import Studio
from training.hands.raster import crop_lens, render
from training.hands.samples import see_crop, see_depth
from training.hands.scene import HALF, Scenes, SceneSettings, sample_scenes, surfaces

#: First number of each split's random seeds.
SPLITS = {"train": 101, "validation": 102, "test": 103, "unseen": 104}
#: Mean length of the four fingers over the mean distance from the wrist to their knuckles: up to here hands are
#: trained on, beyond the gap they are unseen (about one in seven of those drawn).
SEEN_RATIO, UNSEEN_RATIO = 0.94, 0.96
CLOUD_POINTS = 1024
#: Pixels of the clean depth picture that clouds are taken from, fine enough for 1,024 points on most hands.
CLOUD_GRID = 112
CHUNK = 500
#: As many left hands as right ones, and a hand in every picture.
SCENES = SceneSettings(facing=0.6, mirrored=0.5, empty=0.0)
#: One name for each array of a split that is made with the hands; `FEATURES` are made from these.
FIELDS = ("joints", "joints_2d", "right", "cloud", "depth", "rgb", "mask")


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
    uint8; mask (N, S, S) bool, which pixels show the hand itself; rgb_features, depth_features as `picture_features`
    gives them. Left hands are mirrored already. Raises HandPoseError where a named folder of skins is missing.
    """
    benchmark.folder(root).mkdir(parents=True, exist_ok=True)
    paths = {field: _path(benchmark, split, field, root) for field in fields}
    missing = [field for field in fields if not paths[field].exists()]
    if missing:
        print(f"benchmark: making {', '.join(missing)} of {getattr(benchmark, split)} hands for {split}", flush=True)
    rendered = tuple(field for field in missing if field not in FEATURES)
    if rendered:
        for field, values in _make(benchmark, split, rendered).items():
            _save(values, paths[field])
    for field in missing:
        if field in FEATURES:
            pictures = load_split(benchmark, split, (FEATURES[field],), root)[FEATURES[field]]
            _save(picture_features(pictures), paths[field])
    return {field: np.load(path, mmap_mode="r") for field, path in paths.items()}


def drawn(benchmark: Benchmark, fields: tuple[str, ...], root: Path) -> dict[str, str]:
    """By field, eight digits that change with any of its values in any split; makes what is not on disk yet.

    The settings do not tell what was drawn: synthetic hands change, and runs on other hands are no comparison.
    """
    names = {}
    for field in fields:
        for split in SPLITS:
            load_split(benchmark, split, (field,), root)
        paths = [_path(benchmark, split, field, root) for split in SPLITS]
        names[field] = _hash(*((path, path.stat().st_mtime_ns) for path in paths))
    return names


@cache
def _hash(*files: tuple[Path, int]) -> str:
    """Eight digits of arrays, read once for each time they were written: they are hundreds of megabytes."""
    key = hashlib.sha256()
    for path, _ in files:
        key.update(np.ascontiguousarray(np.load(path, mmap_mode="r")))
    return key.hexdigest()[:8]


def finger_ratio(joints: Array) -> Array:
    """Finger length over palm length (B,) of joints (B, 21, 3): a hand's shape, whatever its pose and size."""
    knuckles = np.array([5, 9, 13, 17])
    palm = np.linalg.norm(joints[:, knuckles] - joints[:, :1], axis=-1)
    bones = [np.linalg.norm(joints[:, knuckles + k + 1] - joints[:, knuckles + k], axis=-1) for k in range(3)]
    return sum(bones).mean(1) / palm.mean(1)


def _path(benchmark: Benchmark, split: str, field: str, root: Path) -> Path:
    """Of one array. Features bear the name of the network, too: other weights do not find those of these."""
    name = f"{field}-{features_key()}" if field in FEATURES else field
    return benchmark.folder(root) / f"{split}_{name}.npy"


def _save(values: Array, path: Path) -> None:
    """Write all of it or nothing."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, values)
    temporary.replace(path)


def _make(benchmark: Benchmark, split: str, fields: tuple[str, ...]) -> dict[str, Array]:
    count = getattr(benchmark, split)
    see = {field: _maker(benchmark, field) for field in fields}
    parts: dict[str, list[Array]] = {field: [] for field in fields}
    have = 0
    for chunk, scenes in enumerate(_chunks(SPLITS[split], split == "unseen")):
        kept = _pick(scenes, slice(0, count - have))
        for field in fields:
            rng = np.random.default_rng([SPLITS[split], chunk, 1 + FIELDS.index(field)])
            parts[field].append(see[field](kept, rng))
        have += len(kept.joints)
        if have == count:
            return {field: np.concatenate(made) for field, made in parts.items()}
    raise AssertionError("chunks are endless")


def _chunks(seed: int, unseen: bool) -> Iterator[Scenes]:
    model = load_hand_model()
    for chunk in itertools.count():
        scenes = sample_scenes(model, np.random.default_rng([seed, chunk, 0]), CHUNK, SCENES)
        ratio = finger_ratio(scenes.joints)
        yield _pick(scenes, np.flatnonzero(ratio > UNSEEN_RATIO if unseen else ratio < SEEN_RATIO))


def _pick(values: Any, keep: Array | slice) -> Any:
    """Arrays, or a dataclass of them, by their first axis."""
    if is_dataclass(values) and not isinstance(values, type):
        return replace(values, **{name: _pick(value, keep) for name, value in vars(values).items()})
    return values[keep]


def _maker(benchmark: Benchmark, field: str) -> Callable[[Scenes, np.random.Generator], Array]:
    """The function that makes one field of a chunk of scenes."""
    if field == "rgb":
        for name in ("skins", "backgrounds"):
            path = getattr(benchmark, name)
            if path is not None and not Path(path).is_dir():
                raise HandPoseError(f"the benchmark's {name} '{path}' are no folder; write null for procedural ones")
        skins, backgrounds = (None if p is None else Path(p) for p in (benchmark.skins, benchmark.backgrounds))
        return partial(_rgb, Studio(skins, backgrounds, SCENES), benchmark.size)
    if field in ("depth", "mask"):
        return partial({"depth": _depth, "mask": _mask}[field], benchmark.size)
    return {"joints": _joints, "joints_2d": _joints_2d, "right": _right, "cloud": _cloud}[field]


def _right(scenes: Scenes, rng: np.random.Generator) -> Array:
    return scenes.right.astype(np.float32)


def _joints(scenes: Scenes, rng: np.random.Generator) -> Array:
    return _mirrored(scenes.joints - _centre(scenes)[:, None], scenes.right).astype(np.float32)


def _joints_2d(scenes: Scenes, rng: np.random.Generator) -> Array:
    flat = scenes.joints[..., :2] / scenes.joints[..., 2:] / (HALF / scenes.distance)[:, None, None]
    return _mirrored(flat, scenes.right).astype(np.float32)


def _cloud(scenes: Scenes, rng: np.random.Generator) -> Array:
    model = load_hand_model()
    vertices, centre = surfaces(model, scenes), _centre(scenes)
    clouds = np.empty((len(centre), CLOUD_POINTS, 3))
    for i, distance in enumerate(scenes.distance):
        tan_half = HALF / distance
        depth, face, _ = render(vertices[i], model.faces, crop_lens(tan_half, CLOUD_GRID), (CLOUD_GRID, CLOUD_GRID))
        v, u = np.nonzero((face >= 0) & (face < model.skin_faces))
        z = depth[v, u].astype(np.float64)
        x, y = (((2 * k + 1) / CLOUD_GRID - 1) * tan_half * z for k in (u, v))
        # a crop that missed the hand shows nothing of it: its joints are all that can be said
        points = np.stack([x, y, z], -1) if len(z) else scenes.joints[i]
        few = len(points) < CLOUD_POINTS
        clouds[i] = points[rng.choice(len(points), CLOUD_POINTS, replace=few)] - centre[i]
    return _mirrored(clouds, scenes.right).astype(np.float16)


def _depth(size: int, scenes: Scenes, rng: np.random.Generator) -> Array:
    model = load_hand_model()
    vertices = surfaces(model, scenes)
    pictures = np.stack([see_depth(model, scenes, vertices[i], i, size) for i in range(len(vertices))])
    return _flipped(pictures, scenes.right).astype(np.float16)


def _mask(size: int, scenes: Scenes, rng: np.random.Generator) -> Array:
    model = load_hand_model()
    vertices = surfaces(model, scenes)
    parts = np.stack([see_crop(model, scenes, vertices[i], i, size).part for i in range(len(vertices))])
    return _flipped((parts > NOTHING) & (parts < FOREARM), scenes.right)


def _rgb(studio: Studio, size: int, scenes: Scenes, rng: np.random.Generator) -> Array:
    vertices = surfaces(studio.model, scenes)
    return _flipped(studio.see_rgb(rng, scenes, vertices, HALF / scenes.distance, size), scenes.right)


def _centre(scenes: Scenes) -> Array:
    """The cube's centres (B, 3)."""
    return scenes.distance[:, None] * np.array([0.0, 0.0, 1.0])


def _mirrored(points: Array, right: Array) -> Array:
    """Points (B, N, 2 or 3) with x negated where the hand is a left one."""
    return np.concatenate([points[..., :1] * np.where(right, 1, -1)[:, None, None], points[..., 1:]], -1)


def _flipped(pictures: Array, right: Array) -> Array:
    """Pictures (B, S, S, ...) turned about where the hand is a left one."""
    return np.stack([p if r else p[:, ::-1] for p, r in zip(pictures, right, strict=True)])
