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
from training.shards.write import find_damage, read_manifest


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
    found = (find_damage(out, name, entry) for name, entry in read_manifest(out)["shards"].items())
    return [sentence for sentence in found if sentence]


class ShardBatches(IterableDataset):
    """Batches of a folder of shards, endless, each rank and worker with shards of its own, in an order of its own each
    time round; dictionaries of tensors, named as in `samples.py`.

    Raises HandPoseError, when it is iterated, where there are fewer shards than processes that read, and when it comes
    to a shard that is missing or damaged: each is held to its checksum before its samples are given out.
    """

    def __init__(self, out: Path, batch: int, seed: int = 0):
        self.out = out
        self.batch = batch
        self.seed = seed
        self.shards = read_manifest(out)["shards"]

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        part, parts = part_of_the_work()
        mine = sorted(self.shards)[part::parts]
        if not mine:
            raise HandPoseError(f"{self.out}: {len(self.shards)} shards cannot be shared by {parts} readers")
        held: list[Sample] = []
        rng = np.random.default_rng([self.seed, part])
        while True:
            for k in rng.permutation(len(mine)):
                damage = find_damage(self.out, mine[k], self.shards[mine[k]])
                if damage:
                    raise HandPoseError(f"{damage}; render again into {self.out}, and it is made anew")
                for _, sample in read_shard(self.out / mine[k]):
                    held.append(sample)
                    if len(held) == self.batch:
                        yield stack(held)
                        held = []


def stack(samples: list[Sample]) -> dict[str, Tensor]:
    """One batch of samples."""
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}
