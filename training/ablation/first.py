"""The first delivery (0.1.0), out of this repository's history: its networks with their weights, and its generator."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError
from training.hands.model import Array
from training.networks import normalise, posterior
from training.warm_start import start_from

COMMIT = "f7ee6ad"
SIZE = {"depth": 64, "rgb": 96}
Hands = dict[str, Array]
#: Run in the older tree: right hands alone, as its training drew them, one file for each array.
DRAW = """
import sys
from pathlib import Path
import numpy as np
from training.hands.{module} import {source}_batches
batches = {source}_batches({seed}, {batch}, {size}, **{given!r}, mirrored=0.0, empty=0.0)
drawn = [next(batches) for _ in range({count})]
np.savez(sys.argv[1], **{{name: np.stack([getattr(b, name) for b in drawn]) for name in {fields!r}}})
"""


class FirstModel(nn.Module):
    """An encoder of 0.1.0 and its decoder of joints, which stays as it is. Of the colour encoder what ImageNet taught
    it stays, too, so that three times as many samples fit in a minute."""

    def __init__(self, source: str, tree: Path, seen: Tensor):
        """tree: of `first_tree`. seen: pictures (B, S, S) or (B, S, S, 3), to unfold the normalisations by."""
        super().__init__()
        networks, backbones, definition = (_load(tree, name) for name in ("networks", "backbones", "definition"))
        size, bundle = SIZE[source], tree / "models" / "hand"
        self.source = source
        self.encoder = networks.ImageEncoder(1, size) if source == "depth" else backbones.PretrainedEncoder(size)
        start_from(self.encoder, bundle / f"encoder_{source}.onnx", self._prepared(seen))
        moved = yaml.safe_load((bundle / "manifest.yaml").read_text())["card"]["wrist_moved_m_after_training"]
        self.decoder = definition.MovedWrist(networks.JointsDecoder(), moved)
        start_from(self.decoder, bundle / "decoder_joints.onnx")
        self.decoder.requires_grad_(False)
        if source == "rgb":
            self.encoder.backbone.requires_grad_(False)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures to joints (B, 21, 3) in metres from the cube's centre and joints_2d (B, 21, 2) crop coordinates."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            expert = self.encoder(self._prepared(seen))
        mean, _ = posterior((expert.mean, expert.log_var))
        return self.decoder(mean)

    def _prepared(self, seen: Tensor) -> Tensor:
        return seen[:, None].float() if self.source == "depth" else normalise(seen)


def _load(tree: Path, name: str) -> Any:
    """A module of the older `training`, beside today's of the same name."""
    spec = importlib.util.spec_from_file_location(f"first_{name}", tree / "training" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def first_tree(folder: Path) -> Path:
    """Networks and generator of 0.1.0 out of git into `folder`, where they are not there yet; returns it."""
    if not (folder / "models" / "hand").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = ["training", "hand_pose_ros", "models/hand"]
        packed = subprocess.run(["git", "archive", COMMIT, *wanted], capture_output=True)
        if packed.returncode:
            raise HandPoseError(
                f"git has no commit {COMMIT} here: {packed.stderr.decode().strip()}; run in a full clone"
            )
        subprocess.run(["tar", "-x", "-C", str(folder)], check=True, input=packed.stdout)
    return folder


def first_hands(
    tree: Path, source: str, seed: int, batch: int, count: int, pictures: dict[str, Path | None]
) -> Iterator[Hands]:
    """`count` batches that the generator in `tree` draws; pictures: folders of skins and backgrounds."""
    given = {name: path and path.resolve() for name, path in pictures.items()} if source == "rgb" else {}
    code = DRAW.format(
        module="pictures" if source == "rgb" else "samples", source=source, seed=seed, batch=batch, size=SIZE[source],
        given=given, count=count, fields=(source, "joints", "joints_2d"),
    )  # fmt: skip
    path = tree / f"{source}_{seed}_{batch}_{count}.npz"
    if not path.exists():
        code = "from pathlib import PosixPath\n" + code
        older = os.environ | {"PYTHONPATH": str(tree.resolve())}
        subprocess.run([sys.executable, "-c", code, str(path.resolve())], check=True, cwd=tree, env=older)
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    for k in range(count):
        yield {name: values[k] for name, values in arrays.items()}
