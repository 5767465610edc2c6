"""The networks around the latent space. Encoders give one Gaussian expert each (mean, log variance), whether what
they see looks like a right hand, and whether there is a hand at all; decoders turn a latent into joints or points."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

LATENT = 64
#: A picture encoder's head sees the last map, whole, in so many channels, and behind it the votes for 21 joints.
MAP_CHANNELS, VOTES = 64, 63
#: Statistics of colour values 0..1, red first, that pictures are normalised with.
RGB_MEAN = (0.485, 0.456, 0.406)
RGB_STD = (0.229, 0.224, 0.225)


class Expert(NamedTuple):
    """mean, log_var: (B, D). side_logit (positive: right), presence_logit: (B,)."""

    mean: Tensor
    log_var: Tensor
    side_logit: Tensor
    presence_logit: Tensor


class ExpertHead(nn.Module):
    """Features (B, F) to an expert; narrow variances are bounded so that one expert can never silence the others."""

    def __init__(self, features: int, hidden: int = 512, latent: int = LATENT):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(features, hidden), nn.BatchNorm1d(hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.ReLU(),
        )  # fmt: skip
        self.out = nn.Linear(hidden, 2 * latent + 2)
        self.latent = latent

    def forward(self, features: Tensor) -> Expert:
        mean, log_var, side, presence = self.out(self.body(features)).float().split([self.latent, self.latent, 1, 1], 1)
        return Expert(mean, log_var.clamp(-8.0, 8.0), side[:, 0], presence[:, 0])


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if stride == 1 and inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride)
        if isinstance(self.shortcut, nn.Identity):
            # begins as nothing but its shortcut (Goyal et al. 2017), so a network can grow without forgetting
            nn.init.zeros_(self.second_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class Votes(nn.Module):
    """Where each cell of a feature map believes the 21 joints to be, and whose word counts for which joint: dense
    evidence beside the features that a head sees as a whole (the anchors of A2J; Xiong et al. 2019)."""

    def __init__(self, features: int):
        super().__init__()
        self.out = nn.Conv2d(features, 21 * 4, 1)

    def forward(self, features: Tensor, anchors: Tensor) -> Tensor:
        """(B, F, g, g) features of cells at anchors (B, 3, g, g) to joints (B, 21, 3) in the anchors' units."""
        said = self.out(features).float().flatten(2)
        weights = said[:, :21].softmax(2)
        offsets = said[:, 21:].unflatten(1, (21, 3))
        return ((offsets + anchors.float().flatten(2)[:, None]) * weights[:, :, None]).sum(3)


class Pyramid(nn.Module):
    """Feature maps, coarsest first and each twice as fine as the one before, to one as fine as the last
    (Lin et al. 2017)."""

    def __init__(self, channels: tuple[int, ...], outputs: int = 64):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(inputs, outputs, 1) for inputs in channels)
        self.smooth = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )

    def forward(self, *maps: Tensor) -> Tensor:
        merged = self.lateral[0](maps[0])
        for lateral, finer in zip(list(self.lateral)[1:], maps[1:], strict=True):
            merged = nn.functional.interpolate(merged, scale_factor=2.0) + lateral(finer)
        return self.smooth(merged)


def point_map(depth: Tensor, tan_half: Tensor) -> Tensor:
    """Depth crops (B, 1, S, S) in half cube edges, seen under `tan_half` (B,), to the points (B, 3, S, S) that they
    show, in the same units.

    A depth picture alone does not say how wide its rays spread, so not how wide a hand in it is: between a hand's near
    and far side that is 10 % and more at arm's length.
    """
    x, y = cell_centres(depth.shape[-1]).to(depth).unbind()
    widening = 1 + depth * tan_half[:, None, None, None]
    return torch.cat([x * widening, y * widening, depth], 1)


def cell_centres(size: int) -> Tensor:
    """x and y (2, S, S) of a picture's pixels in crop coordinates."""
    steps = (2 * torch.arange(size) + 1) / size - 1
    return torch.stack([steps.expand(size, size), steps[:, None].expand(size, size)])


class DepthEncoder(nn.Module):
    """Depth crops (B, 1, S, S), S a multiple of 16, and their tan_half (B,) to an expert: a narrow residual network,
    since on a CPU every multiplication counts. The last map is kept, not pooled: where things are in the picture is
    what a pose is made of. Votes of the finer maps' cells go to the head beside it."""

    def __init__(self, size: int, width: int = 32, blocks: tuple[int, ...] = (1, 2, 3, 3)):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        stages, inputs = [], width
        for stage, count in enumerate(blocks):
            outputs = width * 2**stage
            first = ResidualBlock(inputs, outputs, 2 if stage > 0 else 1)
            stages.append(nn.Sequential(first, *(ResidualBlock(outputs, outputs, 1) for _ in range(count - 1))))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.neck = nn.Sequential(nn.Conv2d(inputs, MAP_CHANNELS, 1), nn.ReLU())
        self.pyramid = Pyramid((8 * width, 4 * width, 2 * width))
        self.votes = Votes(64)
        self.head = ExpertHead(MAP_CHANNELS * (size // 16) ** 2 + VOTES)

    def forward(self, x: Tensor, tan_half: Tensor) -> Expert:
        return self.look(x, tan_half)[0]

    def look(self, x: Tensor, tan_half: Tensor) -> tuple[Expert, Tensor]:
        """The expert, and the votes for the joints (B, 21, 3) in half cube edges."""
        points = point_map(x, tan_half)
        maps = [self.stem(points)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        votes = self.votes(self.pyramid(*maps[:1:-1]), nn.functional.avg_pool2d(points, 4))
        return self.head(torch.cat([self.neck(maps[-1]).flatten(1), 3 * votes.flatten(1)], 1)), votes


class JointsEncoder(nn.Module):
    """3D and 2D joints (B, 21, 3), (B, 21, 2) to their posterior's expert; the teacher of the other encoders.

    What is linear goes straight through, here and in the decoder: learnt by the hidden layers alone, turning a hand
    about costs 12 mm of accuracy for as long as a small machine trains (docs/decisions.md).
    """

    def __init__(self, hidden: int = 512, latent: int = LATENT):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(105, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = ExpertHead(hidden, hidden)
        self.straight = nn.Linear(105, latent)
        nn.init.orthogonal_(self.straight.weight)

    def forward(self, joints: Tensor, joints_2d: Tensor) -> Expert:
        x = torch.cat([joints.flatten(1) / 0.04, joints_2d.flatten(1) / 0.35], 1)
        expert = self.head(self.body(x))
        return expert._replace(mean=expert.mean + self.straight(x))


class JointsDecoder(nn.Module):
    """z (B, D) to joints (B, 21, 3) in metres from the cube's centre and joints_2d (B, 21, 2) in crop coordinates."""

    def __init__(self, latent: int = LATENT, hidden: int = 256):
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(latent, hidden), nn.ReLU()]
        for _ in range(2):
            layers += [nn.Linear(hidden, hidden), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Linear(hidden, 105))
        self.straight = nn.Linear(latent, 105)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        joints, joints_2d = (self.body(z) + self.straight(z)).split([63, 42], 1)
        return joints.reshape(-1, 21, 3) * 0.04, joints_2d.reshape(-1, 21, 2) * 0.35


class CloudDecoder(nn.Module):
    """z (B, D) to points (B, P, 3) in metres from the cube's centre: the same P points of the skin in every hand.

    Synthetic hands all have the same mesh, so each point has a name and is learnt like a joint, which follows fingers
    where a folded grid, matched by distance alone, only fills the hand (docs/decisions.md).
    """

    def __init__(self, latent: int = LATENT, hidden: int = 256, points: int = 256):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, points * 3)
        )
        self.straight = nn.Linear(latent, points * 3)

    def forward(self, z: Tensor) -> Tensor:
        return (self.body(z) + self.straight(z)).reshape(z.shape[0], -1, 3) * 0.04


def posterior(*experts: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and log variance (B, D) of the prior N(0, I) times the experts' Gaussians (Yang et al. 2019, eq. S2)."""
    means, log_vars = (torch.stack(parts) for parts in zip(*experts, strict=True))
    precisions = torch.exp(-log_vars)
    precision = 1 + precisions.sum(0)
    return (precisions * means).sum(0) / precision, -torch.log(precision)


def normalise(rgb: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 pictures, red first, to what the colour encoder takes."""
    mean, std = (torch.tensor(statistics, device=rgb.device) for statistics in (RGB_MEAN, RGB_STD))
    return ((rgb.float() / 255 - mean) / std).permute(0, 3, 1, 2)
