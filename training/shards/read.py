"""Reading shards: sample by sample for checks, batch by batch for training."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from hand_pose_ros.types import HandPoseError
from training.engine import part_of_the_work
from training.shards.samples import Sample, unpack
from training.shards.write import file_hash, read_manifest


def read_shard(path: Path) -> Iterator[tuple[str, Sample]]:
    """Names and samples of a shard, in order; raises HandPoseError where it is missing or damaged."""
    try:
        with tarfile.open(path) as tar:
            name, files = "", dict[str, bytes]()
            for member in tar:
                key, _, ending = member.name.partition(".")
                if key != name and files:
                    yield name, unpack(files, f"{path}: {name}")
                    files = {}
                name = key
                content = tar.extractfile(member)
                files[ending] = content.read() if content is not None else b""
            if files:
                yield name, unpack(files, f"{path}: {name}")
    except (OSError, tarfile.TarError, EOFError) as error:
        raise HandPoseError(f"{path}: cannot be read ({error}); render it again") from error


def check_shards(out: Path) -> list[str]:
    """A sentence for every shard of the manifest that is missing or not what was written, empty if all are well."""
    found = []
    for name, entry in read_manifest(out)["shards"].items():
        path = out / name
        if not path.is_file():
            found.append(f"{name} is missing")
            continue
        if file_hash(path) == entry["sha256"]:
            continue
        try:
            whole = sum(1 for _ in read_shard(path))
            found.append(f"{name} was changed: {whole} of {entry['samples']} samples can be read")
        except HandPoseError as error:
            found.append(f"{name} is damaged: {error}")
    return found


class ShardBatches(IterableDataset):
    """Batches of a folder of shards, endless, each rank and worker with shards of its own, in an order of its own each
    time round; dictionaries of tensors, named as in `samples.py`.

    Raises HandPoseError, when it is iterated, where there are fewer shards than processes that read.
    """

    def __init__(self, out: Path, batch: int, seed: int = 0):
        self.out = out
        self.batch = batch
        self.seed = seed
        self.names = sorted(read_manifest(out)["shards"])

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        part, parts = part_of_the_work()
        mine = self.names[part::parts]
        if not mine:
            raise HandPoseError(f"{self.out}: {len(self.names)} shards cannot be shared by {parts} readers")
        held: list[Sample] = []
        rng = np.random.default_rng([self.seed, part])
        while True:
            for k in rng.permutation(len(mine)):
                for _, sample in read_shard(self.out / mine[k]):
                    held.append(sample)
                    if len(held) == self.batch:
                        yield stack(held)
                        held = []


def stack(samples: list[Sample]) -> dict[str, Tensor]:
    """One batch of samples."""
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}
