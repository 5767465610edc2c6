"""What a human hand can do: bone lengths, the palm's shape and joint angles (Spurr et al. 2020, "BMC").

Limits are measured on hands; a penalty says by how much others leave them. Joints are in any unit, the same for both:
lengths count in bones from the wrist to the middle knuckle, and that one's own length is limited, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import ConvexHull
from torch import Tensor

from hand_pose_ros.skeleton import BONES, FINGERS, MIDDLE_MCP, WRIST
from training.hands.model import Array

#: Share of the hands that each interval leaves out at either end: what is rarest need not be human.
OUTSIDE = 0.005
#: Points of a hull after resampling, so that all joints' hulls are one tensor.
HULL_POINTS = 24
#: Joint angles are steep where a bone points straight at the next one's axis.
EPS = 1e-6
_PARENT = torch.tensor([parent for parent, _ in BONES])
_CHILD = torch.tensor([child for _, child in BONES])
#: Bones of each finger (5, 4) in BONES: palm bone, then outwards.
_FINGER = torch.tensor([[j - 1 for j in chain] for chain in FINGERS.values()])


class Features(NamedTuple):
    """size (B, 1) logarithm of the palm's length; lengths (B, 20); curvatures (B, 4), angles (B, 4) between the palm's
    neighbouring bones, radians; bends (B, 15, 2) flexion and abduction of the joints, thumb to little finger, from the
    knuckle outwards."""

    size: Tensor
    lengths: Tensor
    curvatures: Tensor
    angles: Tensor
    bends: Tensor


def hand_features(joints: Tensor, right: Tensor | None = None) -> Features:
    """Features of joints (B, 21, 3). right: (B,) 1 or 0; left hands are mirrored first. None: all are right ones."""
    if right is not None:
        joints = torch.cat([joints[..., :1] * (2 * right - 1)[:, None, None], joints[..., 1:]], -1)
    bones = joints[:, _CHILD] - joints[:, _PARENT]
    unit = (joints[:, MIDDLE_MCP] - joints[:, WRIST]).norm(dim=-1)[:, None].clamp(min=EPS)
    palm = bones[:, _FINGER[:, 0]]
    between = _unit(torch.cross(palm[:, :-1], palm[:, 1:], dim=-1))
    edges = torch.cat([between[:, :1], _unit(between[:, :-1] + between[:, 1:]), between[:, -1:]], 1)
    step = palm[:, 1:] - palm[:, :-1]
    curvatures = ((edges[:, 1:] - edges[:, :-1]) * step).sum(-1) / (step**2).sum(-1).clamp(min=EPS) * unit
    angles = _angle(palm[:, :-1], palm[:, 1:])
    return Features(unit.log(), bones.norm(dim=-1) / unit, curvatures, angles, _bends(bones[:, _FINGER], edges))


def _bends(chains: Tensor, normals: Tensor) -> Tensor:
    """Flexion and abduction (B, 15, 2) of finger bones (B, 5, 4, 3), the palm's normals (B, 5, 3) at the knuckles.

    In a joint's frame z is the bone before it, x the normal out of the palm (so that flexion is positive), y = z × x;
    the frame is carried along the finger by the smallest rotation from bone to bone.
    """
    z = _unit(chains[:, :, 0])
    x = _unit(normals - (normals * z).sum(-1, keepdim=True) * z)
    bends = []
    for k in range(1, 4):
        bone = _unit(chains[:, :, k])
        y = torch.cross(z, x, dim=-1)
        along, across, side = ((bone * axis).sum(-1) for axis in (z, x, y))
        flexion = torch.atan2(across, along)
        abduction = torch.atan2(side, (along**2 + across**2 + EPS).sqrt())
        bends.append(torch.stack([flexion, abduction], -1))
        x = _carried(x, z, bone)
        z = bone
    return torch.stack(bends, 2).flatten(1, 2)


def _carried(x: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """x turned by the smallest rotation that takes the unit vector `start` to `end` (Rodrigues)."""
    axis = torch.cross(start, end, dim=-1)
    cosine = (start * end).sum(-1, keepdim=True)
    turned = (
        x
        + torch.cross(axis, x, dim=-1)
        + torch.cross(axis, torch.cross(axis, x, dim=-1), dim=-1) / (1 + cosine).clamp(min=1e-3)
    )
    return _unit(turned)


@dataclass(frozen=True)
class Limits:
    """Intervals (2, n) of size, lengths, curvatures and angles; hulls (15, P, 2) of the bends, counter-clockwise."""

    size: Tensor
    lengths: Tensor
    curvatures: Tensor
    angles: Tensor
    hulls: Tensor

    def violations(self, features: Features) -> dict[str, Tensor]:
        """By how much hands leave the limits (B,): means over bones, palm bones and joints, 0 inside."""
        interval = {
            name: (_outside(getattr(features, name), getattr(self, name))).mean(1)
            for name in ("size", "lengths", "curvatures", "angles")
        }
        return interval | {"bends": self._bend_distance(features.bends).mean(1)}

    def penalty(self, joints: Tensor, right: Tensor | None = None) -> Tensor:
        """(B,) how far hands are from being human; joint angles weigh a tenth of bones and palm, as in the paper, which
        has no limit of size."""
        found = self.violations(hand_features(joints, right))
        return found["size"] + found["lengths"] + found["curvatures"] + found["angles"] + 0.1 * found["bends"]

    def valid(self, joints: Tensor, right: Tensor | None = None, slack: float = 0.02) -> dict[str, Tensor]:
        """Which hands (B,) keep the limits of `bones` and size, `palm`, `bends`, up to `slack` (bones, radians)."""
        features = hand_features(joints, right)
        bends = self._bend_distance(features.bends)
        palm = torch.cat([_outside(getattr(features, n), getattr(self, n)) for n in ("curvatures", "angles")], 1)
        bones = torch.cat([_outside(getattr(features, n), getattr(self, n)) for n in ("size", "lengths")], 1)
        return {
            "bones": (bones <= slack).all(1),
            "palm": (palm <= slack).all(1),
            "bends": (bends <= 2 * slack).all(1),
        }

    def _bend_distance(self, bends: Tensor) -> Tensor:
        """(B, 15) |cos θ - cos p| + |sin θ - sin p| summed over both angles, p the nearest point of the hull's edge."""
        start = self.hulls.to(bends)
        edge = start.roll(-1, 1) - start
        to_point = bends[:, :, None] - start
        inside = (edge[..., 0] * to_point[..., 1] - edge[..., 1] * to_point[..., 0] >= 0).all(2)
        share = ((to_point * edge).sum(-1) / (edge**2).sum(-1).clamp(min=EPS)).clamp(0, 1)
        nearest = start + share[..., None] * edge
        closest = (bends[:, :, None] - nearest).norm(dim=-1).argmin(2)
        point = nearest.gather(2, closest[..., None, None].expand(-1, -1, 1, 2))[:, :, 0].detach()
        distance = (bends.cos() - point.cos()).abs().sum(-1) + (bends.sin() - point.sin()).abs().sum(-1)
        return torch.where(inside, torch.zeros_like(distance), distance)


def measure_limits(joints: Array, right: Array) -> Limits:
    """Limits that hands with joints (N, 21, 3) keep, but for the rarest; right (N,) 1 or 0."""
    features = hand_features(torch.from_numpy(np.array(joints)).float(), torch.from_numpy(np.array(right)).float())
    shares = torch.tensor([OUTSIDE, 1 - OUTSIDE])
    size, lengths, curvatures, angles = (torch.quantile(x, shares, dim=0) for x in features[:-1])
    hulls = [_hull(bends.numpy()) for bends in features.bends.unbind(1)]
    return Limits(size, lengths, curvatures, angles, torch.from_numpy(np.stack(hulls)).float())


def _hull(points: Array) -> Array:
    """Convex hull (P, 2), counter-clockwise, of points (N, 2) but for the rarest."""
    centre, scale = np.median(points, 0), points.std(0)
    far = np.linalg.norm((points - centre) / scale, axis=1)
    kept = points[far <= np.quantile(far, 1 - 2 * OUTSIDE)]
    corners = kept[ConvexHull(kept).vertices]
    # one number of corners for all: those that stick out most in as many directions
    turn = np.arange(HULL_POINTS) * 2 * np.pi / HULL_POINTS
    outmost = ((corners - centre) / scale) @ np.stack([np.cos(turn), np.sin(turn)])
    return corners[outmost.argmax(0)]


def _outside(x: Tensor, interval: Tensor) -> Tensor:
    low, high = interval.to(x)
    return (low - x).clamp(min=0) + (x - high).clamp(min=0)


def _angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle (...) between vectors (..., 3), by atan2, whose gradient is finite everywhere."""
    return torch.atan2(torch.cross(a, b, dim=-1).norm(dim=-1), (a * b).sum(-1))


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True).clamp(min=EPS)
