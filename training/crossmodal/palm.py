"""Joints as a hand in its palm's own frame, and where and how the palm is turned.

Turning a hand about is no straight way in any latent space, and a perceptron that has to invent it draws hands of
rubber between the poses it knows. Here it is a matrix: whatever a latent says, the palm is turned, not bent.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from hand_pose_ros.skeleton import INDEX_MCP, LITTLE_MCP, MIDDLE_MCP, WRIST
from training.crossmodal.modalities import MEAN_BONE_M
from training.hands.joints import rest_joints
from training.hands.model import load_hand_model

#: Numbers that a hand is told by: joints in the palm's frame, two of its axes, its place.
NUMBERS = 63 + 6 + 3


def split_palm(joints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """joints (B, 21, 3) as inner @ turn.T + place: inner (B, 21, 3) about the middle knuckle in the palm's frame,
    turn (B, 3, 3), place (B, 1, 3)."""
    along = joints[:, MIDDLE_MCP] - joints[:, WRIST]
    turn = _frame(along, joints[:, LITTLE_MCP] - joints[:, INDEX_MCP])
    place = joints[:, MIDDLE_MCP : MIDDLE_MCP + 1]
    return (joints - place) @ turn, turn, place


class PalmBody(nn.Module):
    """Joints (B, 21, 3) to what hidden layers make of them, beside the plain numbers."""

    def __init__(self, hidden: nn.Module):
        super().__init__()
        self.hidden = hidden

    def forward(self, joints: Tensor) -> Tensor:
        inner, turn, place = split_palm(joints)
        numbers = torch.cat([inner.flatten(1), turn[:, :, :2].flatten(1), place.flatten(1)], 1)
        return torch.cat([self.hidden(numbers), numbers], 1)


class PalmDecoder(nn.Module):
    """z (B, D) to joints (B, 21, 3). The inner hand is brought into its own palm's frame before it is turned, so that
    nothing else can turn it."""

    def __init__(self, hidden: nn.Sequential, latent: int):
        """hidden: z (B, D) to (B, NUMBERS), a linear layer at its end."""
        super().__init__()
        self.hidden = hidden
        self.straight = nn.Linear(latent, NUMBERS)
        model = load_hand_model()
        heads, tips = model.mean[-21:-5], model.mean[-5:]
        rest = torch.from_numpy(rest_joints(heads[None], tips[None]) + model.joint_offsets).float() / MEAN_BONE_M
        # at first there is a hand, since no hand has no palm
        nn.init.normal_(cast(nn.Linear, hidden[-1]).weight, std=0.03)
        with torch.no_grad():
            self.straight.bias[:63] = split_palm(rest)[0].flatten()

    def forward(self, z: Tensor) -> Tensor:
        inner, axes, place = (self.hidden(z) + self.straight(z)).split([63, 6, 3], 1)
        turn = _frame(axes[:, :3], axes[:, 3:])
        return split_palm(inner.reshape(-1, 21, 3))[0] @ turn.transpose(1, 2) + place[:, None]


def _frame(along: Tensor, across: Tensor) -> Tensor:
    """Rotations (B, 3, 3) whose first column points along (B, 3), whose second lies in the plane of both."""
    x = nn.functional.normalize(along, dim=-1)
    z = nn.functional.normalize(torch.cross(x, across, dim=-1), dim=-1)
    return torch.stack([x, torch.cross(z, x, dim=-1), z], -1)
