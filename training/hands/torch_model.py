"""The hand posed and skinned in torch: what model.py and raster.skin do with numpy and numba, batched on any device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.hands.joints import JOINT_BONE, PALM
from training.hands.model import BONE_COUNT, BONE_PARENT, HandModel

#: raster.skin leaves out weights below this.
NEGLIGIBLE = 1e-4


class TorchHand(nn.Module):
    """Skin and joints of a batch of hands, differentiable in everything it is given. Metres, hand frame."""

    weights: Tensor
    rest_bones: Tensor
    joint_bones: Tensor
    joint_offsets: Tensor

    def __init__(self, model: HandModel) -> None:
        super().__init__()
        skin = len(model.mean) - 21
        values = torch.from_numpy(model.weight_values[:skin])
        bones = torch.from_numpy(model.weight_bones[:skin].astype("int64"))
        dense = torch.zeros(skin, BONE_COUNT).scatter_add_(1, bones, values * (values >= NEGLIGIBLE))
        rest = torch.from_numpy(JOINT_BONE.copy())
        moving = rest.clone()
        moving[PALM] = 0  # the palm's joints move with the palm, offsets included
        self.register_buffer("weights", dense)
        self.register_buffer("rest_bones", rest)
        self.register_buffer("joint_bones", moving)
        self.register_buffer("joint_offsets", torch.from_numpy(model.joint_offsets).float())

    def forward(
        self, vertices: Tensor, heads: Tensor, tips: Tensor, scales: Tensor, turns: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Skin (B, V, 3) and joints (B, 21, 3) of hands at rest, as HandShape's arrays describe them, whose bones turn
        by `turns` (B, 16, 3, 3), as `bone_turns` gives them. All float32."""
        maps, shifts = self.pose_bones(heads, scales, turns)
        skin = (torch.einsum("vb,nbij->nvij", self.weights, maps) @ vertices[..., None])[..., 0]
        skin = skin + self.weights @ shifts
        rest = heads[:, self.rest_bones]
        rest = torch.cat([rest[:, :1], _with_tips(rest[:, 1:], tips)], dim=1) + self.joint_offsets
        own = self.joint_bones
        return skin, (maps[:, own] @ rest[..., None])[..., 0] + shifts[:, own]

    @staticmethod
    def pose_bones(heads: Tensor, scales: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
        """Linear maps (B, 16, 3, 3) and shifts (B, 16, 3): a rest point p of bone b goes to maps[b] @ p + shifts[b]."""
        rotations: list[Tensor] = []
        maps: list[Tensor] = []
        places: list[Tensor] = []
        for bone, parent in enumerate(BONE_PARENT):
            if parent < 0:
                rotations.append(turns[:, bone])
                places.append(torch.zeros_like(heads[:, bone]))
            else:
                step = (heads[:, bone] - heads[:, parent])[..., None]
                places.append(places[parent] + (maps[parent] @ step)[..., 0])
                rotations.append(rotations[parent] @ turns[:, bone])
            maps.append(rotations[bone] @ scales[:, bone])
        stacked = torch.stack(maps, dim=1)
        return stacked, torch.stack(places, dim=1) - (stacked @ heads[..., None])[..., 0]


def _with_tips(joints: Tensor, tips: Tensor) -> Tensor:
    """The fingers' joints (B, 20, 3) with every fourth from `tips` (B, 5, 3)."""
    fingers = joints.reshape(len(joints), 5, 4, 3)
    return torch.cat([fingers[:, :, :3], tips[:, :, None]], dim=2).flatten(1, 2)
