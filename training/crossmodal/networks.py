"""Encoders and decoders of every modality, each built from its name and settings in an experiment.

What they take and give is `modalities.Views`: lengths in units of a hand's bone, pictures about zero. Widths are
settings, since rows of a table must be affordable; the papers' own are the defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.backbones import PretrainedEncoder, load_imagenet
from training.crossmodal import features as frozen
from training.crossmodal.drawn import DrawnCloud, DrawnPicture, HeatDecoder, Skeleton
from training.crossmodal.modalities import HEAT_SIZE
from training.crossmodal.palm import NUMBERS, PalmBody, PalmDecoder
from training.crossmodal.resnet import NarrowNet, ResNet
from training.networks import RGB_MEAN, RGB_STD

JOINTS = {"joints": 3, "joints_2d": 2}
CHANNELS = {"rgb": 3, "depth": 1, "heat": 21, "hand_rgb": 3, "hand_depth": 1}


class Encoder(nn.Module):
    """A body and one linear layer to mean and log variance (B, D) of q(z | x).

    With `handed` the hand's side enters as one-hot [left, right] before that layer (Spurr et al. 2018, "H").
    """

    def __init__(self, body: nn.Module, features: int, latent: int, handed: bool):
        super().__init__()
        self.body = body
        self.handed = handed
        self.out = nn.Linear(features + 2 * handed, 2 * latent)
        # small at first: posteriors start near the prior instead of far out in a space that has to be walked back
        nn.init.normal_(self.out.weight, std=0.3 / math.sqrt(features))
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, right: Tensor | None = None) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        if right is not None and self.handed:
            features = torch.cat([features, torch.stack([1 - right, right], 1).to(features)], 1)
        mean, log_var = self.out(features).float().chunk(2, 1)
        return mean, log_var.clamp(-10.0, 4.0)


class StraightBody(nn.Module):
    """Features of hidden layers, and what they were made from beside them: what is linear need not be learnt."""

    def __init__(self, hidden: nn.Module):
        super().__init__()
        self.hidden = hidden

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.hidden(x), x.flatten(1)], 1)


class JointsDecoder(nn.Module):
    """z (B, D) to joints (B, 21, axes)."""

    def __init__(self, axes: int, latent: int, hidden: int, layers: int, straight: bool):
        super().__init__()
        self.body = mlp(latent, hidden, layers - 1, last=21 * axes)
        self.straight = nn.Linear(latent, 21 * axes) if straight else None
        self.axes = axes

    def forward(self, z: Tensor) -> Tensor:
        y = self.body(z) if self.straight is None else self.body(z) + self.straight(z)
        return y.reshape(len(z), 21, self.axes)


class PictureDecoder(nn.Module):
    """z (B, D) to (B, channels, size, size): from 4 x 4 by transposed convolutions (kernel 4, stride 2) that double it.

    width: channels of the last hidden map, doubled for each map before it up to 8 times.
    """

    def __init__(self, channels: int, size: int, latent: int, width: int):
        super().__init__()
        doublings = int(math.log2(size // 4))
        widths = [width * min(8, 2 ** (doublings - 1 - k)) for k in range(doublings)]
        self.start = nn.Sequential(nn.Linear(latent, 16 * widths[0]), nn.BatchNorm1d(16 * widths[0]), nn.ReLU())
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
            ]  # fmt: skip
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1))

    def forward(self, z: Tensor) -> Tensor:
        return self.body(self.start(z).reshape(len(z), -1, 4, 4)).float()


class FoldingNet(nn.Module):
    """z (B, D) to points (B, P, 3): a square grid of P points folded twice (Yang et al. 2018).

    The latent's share of each fold's first layer is the same for all points, so it is computed once.
    """

    grid: Tensor

    def __init__(self, latent: int, hidden: int, points: int):
        super().__init__()
        steps = torch.linspace(-1, 1, math.isqrt(points))
        self.register_buffer("grid", torch.cartesian_prod(steps, steps))
        self.latent = nn.ModuleList(nn.Linear(latent, hidden) for _ in range(2))
        self.point = nn.ModuleList(nn.Linear(size, hidden, bias=False) for size in (2, 3))
        self.fold = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 3)) for _ in range(2)
        )

    def forward(self, z: Tensor) -> Tensor:
        grid = self.grid.expand(z.shape[0], -1, -1)
        points = self.fold[0](self.latent[0](z)[:, None] + self.point[0](grid))
        return points + self.fold[1](self.latent[1](z)[:, None] + self.point[1](points))


class FoldingDecoder(nn.Module):
    """z (B, D) to a cloud (B, points, 3) in the views' unit."""

    def __init__(self, latent: int, hidden: int, points: int):
        super().__init__()
        self.body = FoldingNet(latent, hidden, points)

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z)


class PointsBlock(nn.Module):
    """A residual block of permutation equivariant layers y = A x - B max_points(x), (B, N, inputs) to (B, N, outputs).

    The maximum tells each point of all others (Zaheer et al. 2017; Li and Lee 2019). Without the normalisation the
    maxima grow from block to block and training does not start.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.own = nn.ModuleList([nn.Linear(inputs, outputs), nn.Linear(outputs, outputs)])
        self.others = nn.ModuleList([nn.Linear(inputs, outputs, bias=False), nn.Linear(outputs, outputs, bias=False)])
        self.norm = nn.ModuleList([nn.BatchNorm1d(outputs), nn.BatchNorm1d(outputs)])
        self.shortcut = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self._layer(0, x))
        return torch.relu(self._layer(1, y) + self.shortcut(x))

    def _layer(self, k: int, x: Tensor) -> Tensor:
        y = self.own[k](x) - self.others[k](x.amax(1, keepdim=True))
        return self.norm[k](y.flatten(0, 1)).reshape(y.shape)


class PointsBody(nn.Module):
    """A cloud (B, N, 3) to features (B, F): residual equivariant blocks, then the maximum over the points."""

    def __init__(self, widths: list[int]):
        super().__init__()
        self.blocks = nn.Sequential(*(PointsBlock(a, b) for a, b in zip([3, *widths[:-1]], widths, strict=True)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x).amax(1)


class Lite0Body(nn.Module):
    """Colour pictures about zero to the features of a pretrained EfficientNet-Lite0, with ImageNet's weights."""

    def __init__(self, size: int):
        super().__init__()
        encoder = PretrainedEncoder(size)
        load_imagenet(encoder)
        self.backbone = encoder.backbone
        self.neck = nn.Sequential(encoder.widen, encoder.neck, nn.Flatten())
        self.register_buffer("mean", torch.tensor(RGB_MEAN)[:, None, None] - 0.5)
        self.register_buffer("std", torch.tensor(RGB_STD)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        _, coarse = self.backbone((x - self.get_buffer("mean")) / self.get_buffer("std"))
        return self.neck(coarse)


def mlp(inputs: int, hidden: int, layers: int, last: int | None = None) -> nn.Sequential:
    """`layers` hidden layers with ReLU and, where `last` is given, one linear layer after them.

    Initialised as by He et al. (2015), as Spurr et al. (2018) do: PyTorch's own way lets a signal shrink on its way.
    """
    sizes = [inputs, *[hidden] * layers]
    parts: list[nn.Module] = [nn.Flatten()]
    for a, b in pairwise(sizes):
        parts += [nn.Linear(a, b), nn.ReLU()]
    if last is not None:
        parts.append(nn.Linear(hidden, last))
    for part in parts:
        if isinstance(part, nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            nn.init.zeros_(part.bias)
    return nn.Sequential(*parts)


def build_encoder(
    modality: str, latent: int, handed: bool, size: int, *,
    net: str, hidden: int = 512, layers: int = 3, width: int | None = None, widths: tuple[int, ...] = (32, 128, 512),
) -> Encoder:  # fmt: skip
    """An encoder of `modality` for pictures of `size`; raises KeyError for a network that this modality does not have.

    joints, joints_2d: mlp, straight (its input beside its hidden layers); joints: palm (the same of a hand in its
    palm's frame), too. rgb, depth: resnet18, resnet50, narrow (a small residual network); rgb: lite0, too.
    rgb_features, depth_features: mlp. heat: conv. cloud: points. width: of the first maps, by default 64 in a ResNet
    and 32 in the others.
    """
    side = HEAT_SIZE if modality == "heat" else size
    channels = CHANNELS.get(modality, 0)
    flat = 64 * (side // 16) ** 2
    maps = frozen.CHANNELS * (size // 16) ** 2
    nets: dict[str, tuple[Callable[[], nn.Module], int]]
    if modality in JOINTS:
        inputs = 21 * JOINTS[modality]
        nets = {
            "mlp": (lambda: mlp(inputs, hidden, layers), hidden),
            "straight": (lambda: StraightBody(mlp(inputs, hidden, layers)), hidden + inputs),
        }
        if modality == "joints":
            nets["palm"] = (lambda: PalmBody(mlp(NUMBERS, hidden, layers)), hidden + NUMBERS)
    elif modality in frozen.FEATURES:
        nets = {"mlp": (lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(maps), mlp(maps, hidden, layers)), hidden)}
    elif modality == "cloud":
        nets = {"points": (lambda: PointsBody(list(widths)), widths[-1])}
    else:
        narrow = (lambda: NarrowNet(channels, width or 32), flat)
        nets = {"conv": narrow} if modality == "heat" else {"narrow": narrow}
    if modality in ("rgb", "depth"):
        for depth in (18, 50):
            features = ResNet.features(depth, side, width or 64)
            nets[f"resnet{depth}"] = (partial(ResNet, depth, channels, width or 64), features)
    if modality == "rgb":
        nets["lite0"] = (lambda: Lite0Body(side), flat)
    make, features = nets[net]
    return Encoder(make(), features, latent, handed)


def build_decoder(
    modality: str, latent: int, size: int, *,
    net: str, skeleton: Skeleton | None = None, hidden: int = 512, layers: int = 6, width: int = 16, points: int = 256,
    side: int | None = None,
) -> nn.Module:  # fmt: skip
    """A decoder of `modality`; raises KeyError for a network that this modality does not have.

    joints, joints_2d: mlp, straight (a linear layer beside the hidden ones); joints: palm, too. Pictures, heat: conv.
    cloud: folding. All but joints: drawn, about a `skeleton`. side: pixels of a picture that is decoded smaller than
    the benchmark's.
    """
    if modality in frozen.FEATURES:
        raise KeyError(net)
    if modality == "joints" and net == "palm":
        return PalmDecoder(mlp(latent, hidden, layers - 1, last=NUMBERS), latent)
    if modality in JOINTS:
        straight = {"mlp": False, "straight": True}[net]
        return JointsDecoder(JOINTS[modality], latent, hidden, layers, straight)
    if modality == "cloud":
        if net == "drawn" and skeleton:
            return DrawnCloud(skeleton, latent, hidden, points)
        return {"folding": lambda: FoldingDecoder(latent, hidden, points)}[net]()
    if modality == "heat" and net == "drawn" and skeleton:
        return HeatDecoder(skeleton)
    side = HEAT_SIZE if modality == "heat" else side or size
    if net == "drawn" and skeleton:
        return DrawnPicture(skeleton, CHANNELS[modality], side, latent, width)
    return {"conv": lambda: PictureDecoder(CHANNELS[modality], side, latent, width)}[net]()
