"""Residual networks (He et al. 2016) as picture encoders: ResNet-18 and -50 (Spurr et al. 2018), and a narrow one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks import ResidualBlock

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
#: Edge of the window that the last map is averaged over, where the map is at least as large (pictures of 256 px).
POOL = 7


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions to four times the channels, and a shortcut; the stride is in the middle."""

    def __init__(self, inputs: int, middle: int, stride: int):
        super().__init__()
        outputs = 4 * middle
        self.body = nn.Sequential(
            nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
            nn.Conv2d(middle, middle, 3, stride, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
            nn.Conv2d(middle, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inputs == outputs
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    """Pictures (B, C, S, S), S a multiple of 32, to features (B, F), F of `features`."""

    def __init__(self, depth: int, channels: int, width: int = 64):
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        ]  # fmt: skip
        inputs = width
        for stage, count in enumerate(BLOCKS[depth]):
            for block in range(count):
                stride = 2 if block == 0 and stage > 0 else 1
                outputs = width * 2**stage
                layers.append((ResidualBlock if depth == 18 else Bottleneck)(inputs, outputs, stride))
                inputs = outputs if depth == 18 else 4 * outputs
        self.body = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        maps = self.body(x)
        if maps.shape[-1] >= POOL:
            maps = nn.functional.avg_pool2d(maps, POOL, 1)
        return maps.flatten(1)

    @staticmethod
    def features(depth: int, size: int, width: int = 64) -> int:
        """Length of what a picture of `size` pixels becomes."""
        edge = size // 32
        edge = edge - POOL + 1 if edge >= POOL else edge
        return width * 8 * (1 if depth == 18 else 4) * edge**2


class NarrowNet(nn.Module):
    """Maps (B, C, S, S), S a multiple of 16, to features (B, 64 (S / 16)²): what a CPU can afford.

    The last map is kept, not pooled: where things are in the picture is what a pose is made of.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        for stage in range(3):
            layers.append(ResidualBlock(width * 2**stage, width * 2 ** (stage + 1), 2))
        self.body = nn.Sequential(*layers, nn.Conv2d(8 * width, 64, 1), nn.ReLU(), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)
