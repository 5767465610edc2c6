"""`hand-pose-train render`: complete samples into shards, with a manifest; goes on where it was interrupted."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hand_pose_ros.manifest import sha256
from hand_pose_ros.types import HandPoseError
from training.hands.pictures import Studio
from training.hands.scene import SceneSettings
from training.shards.samples import BLOCK, LABELS, make_block, pack

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Recipe:
    """All that the samples follow from. size: of the pictures. skins, backgrounds: folders, or None for painted ones.
    blocks: of a shard."""

    seed: int
    size: int = 128
    skins: str | None = None
    backgrounds: str | None = None
    blocks: int = 16
    settings: SceneSettings = field(default_factory=SceneSettings)


def render_shards(
    out: Path, count: int, recipe: Recipe, workers: int = 1, tell: Callable[[str], None] = lambda line: None
) -> int:
    """Renders `count` samples, rounded up to whole shards, into `out`, skipping what is there; returns their number.

    A shard is written beside its place, moved there when it is whole, and then named in the manifest with its
    checksum: whatever interrupts a run, the next one finds finished shards alone. Shards that were lost or damaged
    since are told of and made anew. Raises HandPoseError where `out` holds samples of another recipe.
    """
    if count < 1 or workers < 1:
        raise HandPoseError(f"{count} samples by {workers} processes: both must be 1 or more")
    out.mkdir(parents=True, exist_ok=True)
    manifest = _open_manifest(out, recipe)
    shards = manifest["shards"]
    per_shard = BLOCK * recipe.blocks
    total = -(-count // per_shard)
    wrong = {name: find_damage(out, name, shards[name]) for name in map(shard_name, range(total)) if name in shards}
    for sentence in filter(None, wrong.values()):
        tell(f"{sentence}; it is made anew")
    missing = [k for k in range(total) if wrong.get(shard_name(k), "not made yet")]
    if len(missing) < total:
        tell(f"{total - len(missing)} of {total} shards are there already")
    start = time.monotonic()
    for done, (k, digest) in enumerate(_made(partial(write_shard, out, recipe), missing, workers), start=1):
        shards[shard_name(k)] = {"sha256": digest, "samples": per_shard}
        _write_json(out / MANIFEST, manifest)
        rate = done * per_shard / (time.monotonic() - start)
        left = (len(missing) - done) * per_shard / rate / 60
        tell(f"{total - len(missing) + done} of {total} shards, {rate:.0f} samples/s, {left:.1f} minutes left")
    return total * per_shard


def write_shard(out: Path, recipe: Recipe, number: int) -> tuple[int, str]:
    """Renders one shard; returns its number and its SHA-256."""
    studio = _studio(recipe)
    path = out / shard_name(number)
    temporary = path.with_suffix(".part")
    with tarfile.open(temporary, "w") as tar:
        for block in range(number * recipe.blocks, (number + 1) * recipe.blocks):
            samples = make_block(studio, recipe.seed, block, recipe.size)
            for i, sample in enumerate(samples):
                for name, content in pack(sample).items():
                    info = tarfile.TarInfo(f"{block * BLOCK + i:09d}.{name}")  # no time, no owner: equal bytes
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    digest = sha256(temporary)
    _move(temporary, path)
    return number, digest


def shard_name(number: int) -> str:
    return f"hands-{number:06d}.tar"


def find_damage(out: Path, name: str, entry: dict[str, Any]) -> str:
    """A sentence on the shard `name` of the manifest's `entry` that is missing or not what was written, or ""."""
    path = out / name
    if not path.is_file():
        return f"{path} is missing"
    try:
        return "" if sha256(path) == entry["sha256"] else f"{path} is damaged: it is not what was written"
    except OSError as error:
        return f"{path} is damaged: it cannot be read ({error.strerror})"


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of a folder of shards; raises HandPoseError where there is none or it is damaged."""
    path = out / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        shards = manifest["shards"]
    except OSError as error:
        raise HandPoseError(f"{path}: cannot be read ({error.strerror}); is {out} a folder of shards?") from error
    except (ValueError, KeyError, TypeError) as error:
        raise HandPoseError(f"{path}: damaged ({error}); remove it and render again") from error
    if not isinstance(shards, dict):
        raise HandPoseError(f"{path}: damaged (its shards are no mapping); remove it and render again")
    return manifest


def _made(make: Callable[[int], tuple[int, str]], numbers: list[int], workers: int) -> Iterator[tuple[int, str]]:
    if workers == 1 or len(numbers) < 2:
        yield from map(make, numbers)
        return
    # numba's and OpenCV's threads do not survive a fork
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(make, numbers)


@cache
def _studio(recipe: Recipe) -> Studio:
    skins, backgrounds = (Path(p) if p is not None else None for p in (recipe.skins, recipe.backgrounds))
    return Studio(skins, backgrounds, recipe.settings)


def _open_manifest(out: Path, recipe: Recipe) -> dict[str, Any]:
    wanted = {"recipe": json.loads(json.dumps(asdict(recipe), default=str)), "block": BLOCK, "labels": list(LABELS)}
    if not (out / MANIFEST).exists():
        return {**wanted, "shards": {}}
    manifest = read_manifest(out)
    other = [key for key, value in wanted.items() if manifest.get(key) != value]
    if other:
        raise HandPoseError(
            f"{out} holds samples of another recipe: their {', '.join(other)} in {MANIFEST} are not those wanted now; "
            "name another folder"
        )
    return manifest


def _write_json(path: Path, content: Any) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    _move(temporary, path)


def _move(temporary: Path, path: Path) -> None:
    """Move a file to its place once it is on the disk: after a power cut the name alone could be there."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
