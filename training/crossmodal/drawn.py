"""Decoders that draw what they decode about the joints that the same latent means.

Where a turned hand's fingers lie is what convolutions on a latent alone learn last: for long they draw the mean hand, a
blot. The space's own decoders of joints know it already. These are asked, and what is left to learn is what a hand
looks like about its bones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hand_pose_ros.skeleton import BONES
from training.crossmodal.modalities import HEAT_SIGMA_PX, MEAN_BONE_M, heat_maps
from training.hands.scene import HALF

#: The views' unit of length in half sides of the crop's cube, which are 1 in crop coordinates, too.
UNIT = MEAN_BONE_M / HALF
_PARENT = torch.tensor([parent for parent, _ in BONES])
_CHILD = torch.tensor([child for _, child in BONES])
#: Standard deviation of the lines that bones are drawn as, crop coordinates: about a finger's half width.
LINE = 0.05


class Skeleton(nn.Module):
    """z (B, D) to joints (B, 21, 3) in half sides of the crop's cube, by a decoder that others train.

    What is drawn lies where a camera far away would see it, in rows that keep the root and the scale: without T and S.
    """

    def __init__(self, joints: nn.Module):
        super().__init__()
        self.joints = joints

    @torch.no_grad()
    def forward(self, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            return self.joints(z) * UNIT


class HeatDecoder(nn.Module):
    """z (B, D) to heat maps (B, 21, 32, 32): Gaussians about the joints, as much lower and wider than the true ones as
    the latent leaves open where the joint is. Height and width of each joint's are all there is to learn."""

    def __init__(self, skeleton: Skeleton):
        super().__init__()
        self.skeleton = skeleton
        self.height = nn.Parameter(torch.ones(21))
        self.width = nn.Parameter(torch.full((21,), HEAT_SIGMA_PX))

    def forward(self, z: Tensor) -> Tensor:
        return self.height[:, None, None] * heat_maps(self.skeleton(z)[..., :2], self.width)


class DrawnPicture(nn.Module):
    """z (B, D) to (B, channels, size, size): bones as lines at half the size, then convolutions that see the latent."""

    def __init__(self, skeleton: Skeleton, channels: int, size: int, latent: int, width: int):
        super().__init__()
        self.skeleton = skeleton
        self.side = size // 2
        self.latent = nn.Linear(latent, width)
        self.lines = nn.Conv2d(2 * len(BONES), width, 1)
        self.body = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width),
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width),
            nn.ReLU(), nn.ConvTranspose2d(width, channels, 4, 2, 1),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        maps = bone_maps(self.skeleton(z), self.side)
        return self.body(self.lines(maps) + self.latent(z)[..., None, None]).float()


class DrawnCloud(nn.Module):
    """z (B, D) to a cloud (B, points, 3) in the views' unit: points along the bones, each moved to where the skin is.

    As in a FoldingNet's second fold, but that what is folded is no square.
    """

    def __init__(self, skeleton: Skeleton, latent: int, hidden: int, points: int):
        super().__init__()
        self.skeleton = skeleton
        number = torch.arange(points)
        self.register_buffer("bone", number % len(BONES))
        self.register_buffer("share", ((number // len(BONES) + 0.5) * len(BONES) / points)[:, None])
        self.own = nn.Parameter(0.3 * torch.randn(points, hidden))
        self.latent = nn.Linear(latent, hidden)
        self.point = nn.Linear(3, hidden, bias=False)
        self.fold = nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, z: Tensor) -> Tensor:
        joints = self.skeleton(z) / UNIT
        bone, share = self.get_buffer("bone"), self.get_buffer("share")
        points = joints[:, _PARENT[bone]] * (1 - share) + joints[:, _CHILD[bone]] * share
        return points + self.fold(self.own + self.latent(z)[:, None] + self.point(points))


def bone_maps(joints: Tensor, side: int) -> Tensor:
    """Bones of joints (B, 21, 3), in half sides of the cube, as lines (B, 40, side, side): 1 along each of 20 bones,
    and there as much as it is far away."""
    start, edge = joints[:, _PARENT], joints[:, _CHILD] - joints[:, _PARENT]
    centre = (2 * torch.arange(side, device=joints.device) + 1) / side - 1
    x, y = ((centre - start[..., k, None]) for k in (0, 1))
    x, y = x[..., None, :], y[..., :, None]  # (B, 20, 1, side), (B, 20, side, 1)
    edge_x, edge_y, edge_z = (edge[..., k, None, None] for k in (0, 1, 2))
    along = ((x * edge_x + y * edge_y) / (edge_x**2 + edge_y**2).clamp(min=1e-6)).clamp(0, 1)
    line = torch.exp(-0.5 * ((x - along * edge_x) ** 2 + (y - along * edge_y) ** 2) / LINE**2)
    return torch.cat([line, line * (start[..., 2, None, None] + along * edge_z)], 1)
