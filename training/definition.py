"""A joint's definition changed after training: the decoder's wrist, moved within the hand it decodes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError
from training.hands.model import load_hand_model

#: Beside the checkpoints: how far out of the back of the hand the wrist joint lay when the latent space was trained.
RECORD = "wrist_back_m.txt"

#: Wrist to middle knuckle of the mean hand in metres, by the joints that the decoder was trained on.
MEAN_PALM_M = 0.107


def record_wrist(runs: Path) -> None:
    """Note in the folder of a run where the hand model has its wrist joint."""
    (runs / RECORD).write_text(f"{load_hand_model().joint_offsets[0, 2]:.6f}\n")


def wrist_moved_m(runs: Path) -> float:
    """How far the hand model's wrist joint moved out of the back of the hand since the run in this folder, metres.

    Raises HandPoseError where the run did not note it.
    """
    path = runs / RECORD
    try:
        trained = float(path.read_text())
    except (OSError, ValueError) as error:
        raise HandPoseError(
            f"{path} does not say where the wrist was ({error}); run the stage 'latent' again"
        ) from error
    return float(load_hand_model().joint_offsets[0, 2]) - trained


class MovedWrist(nn.Module):
    """A joints decoder whose wrist lies `back_m` metres further out of the back of a mean-sized hand."""

    def __init__(self, decoder: nn.Module, back_m: float):
        super().__init__()
        self.decoder = decoder
        self.back_m = back_m

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (B, D) to joints (B, 21, 3) and joints_2d (B, 21, 2), as JointsDecoder gives them."""
        joints, joints_2d = self.decoder(z)
        index, middle, little = (joints[:, j] - joints[:, 0] for j in (5, 9, 17))
        back = -torch.linalg.cross(index, little)  # of a right hand, which is all that the decoder knows
        back = back / back.norm(dim=1, keepdim=True)
        shift = back * middle.norm(dim=1, keepdim=True) * (self.back_m / MEAN_PALM_M)
        # how many crop units a metre is in this picture, read off the hand itself
        spread = joints[..., :2] - joints[..., :2].mean(1, keepdim=True)
        spread_2d = joints_2d - joints_2d.mean(1, keepdim=True)
        scale = spread_2d.flatten(1).norm(dim=1, keepdim=True) / spread.flatten(1).norm(dim=1, keepdim=True)
        wrist, wrist_2d = joints[:, :1] + shift[:, None], joints_2d[:, :1] + (scale * shift[:, :2])[:, None]
        return torch.cat([wrist, joints[:, 1:]], 1), torch.cat([wrist_2d, joints_2d[:, 1:]], 1)
