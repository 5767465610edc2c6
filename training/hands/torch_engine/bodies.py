"""The scenes' hands as meshes: linear blend skinning, forearms and normals, batched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from training.hands.model import FOREARM_LENGTH, FOREARM_RINGS, Array, HandModel
from training.hands.scene import Scenes
from training.hands.torch_model import TorchHand


@dataclass(frozen=True)
class Mesh:
    """The model, and its constant arrays on a device. hand: poses and skins it. faces, faces_uv: (F, 3). uv: (U, 2).
    rim: (R,). part: (F,) what each face shows, as named in `parts.py`, sleeves as
    FOREARM."""

    model: HandModel
    hand: TorchHand
    faces: Tensor
    faces_uv: Tensor
    uv: Tensor
    rim: Tensor
    part: Tensor


def load_mesh(model: HandModel, device: torch.device | str) -> Mesh:
    return Mesh(
        model,
        TorchHand(model).to(device),
        torch.as_tensor(model.faces, device=device).long(),
        torch.as_tensor(model.faces_uv, device=device).long(),
        torch.as_tensor(model.uv, device=device, dtype=torch.float32),
        torch.as_tensor(model.rim, device=device).long(),
        torch.as_tensor(model.face_parts, device=device),
    )


def to_device(array: Array, device: torch.device) -> Tensor:
    """float32 on the device."""
    return torch.as_tensor(np.ascontiguousarray(array, dtype=np.float32)).to(device, non_blocking=True)


def surfaces(mesh: Mesh, scenes: Scenes) -> Tensor:
    """Skin and forearm (B, V, 3) of the scenes' hands in the crop frame, as `scene.surfaces`."""
    device = mesh.faces.device
    shape, arm = scenes.shape, scenes.arm
    rest = (to_device(a, device) for a in (shape.vertices, shape.heads, shape.tips, shape.scales, scenes.turns))
    skin, _ = mesh.hand(*rest)
    rim = skin[:, mesh.rim]
    middle = rim.mean(1, keepdim=True)
    half, full = (to_device(Rotation.from_rotvec(arm.bend * share).as_matrix(), device) for share in (0.5, 1.0))
    step = to_device(FOREARM_LENGTH / FOREARM_RINGS * shape.size, device)[:, None, None]
    thick, cuff, folds = (to_device(a, device) for a in (arm.thick, arm.cuff, arm.folds))
    sleeve = torch.as_tensor(arm.sleeve, device=device)
    centre, rings = middle, [skin]
    for k in range(FOREARM_RINGS):
        turn = half if k == 0 else full
        centre = centre - step * turn[:, None, :, 1]
        wide = (1 + (thick - 1) * (k + 1) / FOREARM_RINGS)[:, None]
        wide = wide * torch.where((k >= sleeve)[:, None], cuff[:, None] * folds[:, k], 1.0)
        rings.append(centre + (rim - middle) @ turn.transpose(1, 2) * wide[..., None])
    turn = to_device(scenes.turn, device)
    return torch.cat(rings, 1) @ turn.transpose(1, 2) + to_device(scenes.shift, device)[:, None]


def vertex_normals(mesh: Mesh, vertices: Tensor) -> Tensor:
    """Area-weighted unit normals (B, V, 3), pointing as the faces wind."""
    a, b, c = (vertices[:, mesh.faces[:, k]] for k in range(3))
    across = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for k in range(3):
        total.index_add_(1, mesh.faces[:, k], across)
    return torch.nn.functional.normalize(total, dim=-1, eps=1e-20)
