"""Frozen features of pictures: what EfficientNet-Lite0 with ImageNet's weights makes of them, computed once.

A CPU cannot train convolutions on enough pictures to tell one strategy from another, but it can train what stands on
them. ImageNet's weights never saw a hand of the benchmark, so hands without labels and unseen hands stay what they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from training.backbones import PretrainedEncoder, load_imagenet
from training.hands.model import Array
from training.networks import RGB_MEAN, RGB_STD

#: Arrays of features, and the pictures that each is made from.
FEATURES = {"rgb_features": "rgb", "depth_features": "depth"}
#: Of the map at a sixteenth of the picture's size.
CHANNELS = 112
BATCH = 50


class FrozenFeatures(nn.Module):
    """Pictures (B, 3, S, S) from 0 to 1, S a multiple of 16, to features (B, CHANNELS, S / 16, S / 16)."""

    def __init__(self) -> None:
        super().__init__()
        encoder = PretrainedEncoder(16)
        load_imagenet(encoder)
        self.backbone = encoder.backbone
        self.register_buffer("mean", torch.tensor(RGB_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(RGB_STD)[:, None, None])
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Tensor:
        _, coarse = self.backbone((pictures - self.get_buffer("mean")) / self.get_buffer("std"))
        return coarse


@cache
def frozen_features() -> FrozenFeatures:
    """The one network that all features come from."""
    return FrozenFeatures()


@cache
def features_key() -> str:
    """Eight digits that change with the frozen weights and with what is normalised before them."""
    key = hashlib.sha256()
    for name, values in sorted(frozen_features().state_dict().items()):
        key.update(name.encode() + values.contiguous().numpy().tobytes())
    return key.hexdigest()[:8]


def picture_features(pictures: Array) -> Array:
    """Features (N, CHANNELS, S / 16, S / 16) float16 of colour pictures (N, S, S, 3) uint8, or of depth (N, S, S) in
    cube units, which is shown as a grey picture, the nearer the brighter."""
    found = []
    with torch.no_grad():
        for start in range(0, len(pictures), BATCH):
            x = torch.from_numpy(np.array(pictures[start : start + BATCH])).float()
            x = x.permute(0, 3, 1, 2) / 255 if x.dim() == 4 else ((1 - x) / 2)[:, None].expand(-1, 3, -1, -1)
            found.append(frozen_features()(x).numpy().astype(np.float16))
    return np.concatenate(found)


def with_features(arrays: Mapping[str, Array], fields: tuple[str, ...]) -> dict[str, Array]:
    """The arrays, and features of their pictures where `fields` name some whose pictures are there."""
    made = {f: picture_features(arrays[FEATURES[f]]) for f in fields if f in FEATURES and FEATURES[f] in arrays}
    return {**arrays, **made}
