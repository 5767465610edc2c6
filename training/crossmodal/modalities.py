"""One hand seen in every modality: from the benchmark's arrays to what encoders take, and to what decoders aim at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from hand_pose_ros.skeleton import MIDDLE_MCP
from training.crossmodal.features import FEATURES
from training.hands.model import Array

MODALITIES = ("rgb", "depth", "joints_2d", "joints", "heat", "cloud", "hand_depth", "hand_rgb", *FEATURES)
#: Arrays of the benchmark that a modality is made from, besides the joints, which define root and scale.
SOURCES = {
    "rgb": ("rgb",), "depth": ("depth",), "joints_2d": ("joints_2d",), "joints": (),
    "heat": ("joints_2d",), "cloud": ("cloud",), "hand_depth": ("depth", "mask"), "hand_rgb": ("rgb", "mask"),
    **{name: (name,) for name in FEATURES},
}  # fmt: skip
#: What a person must annotate; the others come out of a camera.
LABELS = ("joints", "joints_2d", "heat")
INVARIANCES = ("T", "S", "H", "M")
#: The root that T subtracts and the bone that S divides by (Yang et al. 2019; joint 12 and bone 12-11 of RHD's order).
ROOT, BONE_END = MIDDLE_MCP, MIDDLE_MCP + 1
#: Mean length of that bone, metres: the unit of length where S is off, so that losses weigh the same.
MEAN_BONE_M = 0.032
#: Standard deviation of crop coordinates of joints.
SPREAD_2D = 0.35
#: What is about a hand that is shown alone: white, unlike any skin, and as far as a crop reaches.
NOTHING_RGB, NOTHING_DEPTH = 0.5, 1.0
HEAT_SIZE = 32
HEAT_SIGMA_PX = 1.0


def fields_of(modalities: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the benchmark's arrays that these modalities need."""
    fields = {"joints", "right"}.union(*(SOURCES[m] for m in modalities))
    return tuple(sorted(fields))


def views(
    arrays: Mapping[str, Array], modalities: tuple[str, ...], invariances: str, points: int, device: str = "cpu"
) -> dict[str, Tensor]:
    """Tensors by modality for a batch of the benchmark's arrays, and `right` (B,), `root` (B, 1, 3), `unit` (B, 1, 1).

    With "M" left hands are shown mirrored, as right ones.

    joints (B, 21, 3) and cloud (B, points, 3) less `root` and over `unit`, metres both: with "T" in `invariances` the
    root is the middle knuckle, else the cube's centre; with "S" the unit is the true length of a bone, else its mean.
    joints_2d (B, 21, 2) crop coordinates over their spread; rgb (B, 3, S, S) in [-0.5, 0.5]; depth (B, 1, S, S) in
    [-1, 1]; hand_rgb, hand_depth the same of the hand alone, white or far about it; heat (B, 21, 32, 32), 1 at the
    joint; features (B, C, S / 16, S / 16) of pictures as they are: without "M".
    """
    joints, right = (torch.from_numpy(np.array(arrays[name])).to(device) for name in ("joints", "right"))
    mirrored = (right < 0.5) & ("M" in invariances)
    right = torch.where(mirrored, 1 - right, right)
    joints = _mirrored(joints, mirrored)
    root = joints[:, ROOT : ROOT + 1] if "T" in invariances else torch.zeros_like(joints[:, :1])
    bone = (joints[:, BONE_END] - joints[:, ROOT]).norm(dim=-1)[:, None, None]
    unit = bone if "S" in invariances else torch.full_like(bone, MEAN_BONE_M)
    seen = {"right": right, "root": root, "unit": unit}
    for modality in modalities:
        if modality == "joints":
            seen[modality] = (joints - root) / unit
            continue
        x = torch.from_numpy(np.array(arrays[SOURCES[modality][0]])).to(device).float()
        if modality == "cloud":
            seen[modality] = (_mirrored(x[:, :points], mirrored) - root) / unit
        elif modality == "joints_2d":
            seen[modality] = _mirrored(x, mirrored) / SPREAD_2D
        elif modality == "heat":
            seen[modality] = heat_maps(_mirrored(x, mirrored))
        elif modality in FEATURES:
            seen[modality] = x
        else:
            coloured = x.dim() == 4
            picture = x.permute(0, 3, 1, 2) / 255 - 0.5 if coloured else x[:, None]
            if "mask" in SOURCES[modality]:
                hand = torch.from_numpy(np.array(arrays["mask"])).to(device)[:, None]
                picture = picture.where(hand, torch.full_like(picture, NOTHING_RGB if coloured else NOTHING_DEPTH))
            picture[mirrored] = picture[mirrored].flip(-1)
            seen[modality] = picture
    return seen


def _mirrored(points: Tensor, where: Tensor) -> Tensor:
    """Points (B, N, 2 or 3) with x negated for the hands `where` (B,)."""
    return torch.cat([torch.where(where[:, None, None], -points[..., :1], points[..., :1]), points[..., 1:]], -1)


def heat_maps(joints_2d: Tensor, sigma_px: float | Tensor = HEAT_SIGMA_PX) -> Tensor:
    """Gaussians (B, 21, 32, 32) about joints in crop coordinates (B, 21, 2), 1 at their centres; empty off the map.

    sigma_px: their standard deviation, of all or of each joint (21,)."""
    centre = (joints_2d + 1) * (HEAT_SIZE / 2) - 0.5
    pixel = torch.arange(HEAT_SIZE, device=joints_2d.device)
    wide = torch.as_tensor(sigma_px, device=joints_2d.device).reshape(-1, 1, 1)
    along = torch.exp(-0.5 * ((pixel - centre[..., None]) / wide) ** 2)
    return along[..., 1, :, None] * along[..., 0, None, :]
