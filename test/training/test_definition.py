"""The moved wrist goes out of the back of the hand, by its size, in space and in the picture alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError
from training.definition import MEAN_PALM_M, RECORD, MovedWrist, record_wrist, wrist_moved_m

CROP_UNITS_PER_M = 7.0


class FlatHand(nn.Module):
    """A right hand of the mean size, palm to the camera, fingers up, times the latent's first number."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        joints = torch.zeros(21, 3)
        for finger, x in enumerate((0.06, 0.03, 0.0, -0.02, -0.04)):  # the thumb to the right of the picture
            joints[1 + 4 * finger : 5 + 4 * finger, 0] = x
            joints[1 + 4 * finger : 5 + 4 * finger, 1] = -MEAN_PALM_M - 0.03 * torch.arange(4)
        joints = joints * z[:, :1, None]
        return joints, CROP_UNITS_PER_M * joints[..., :2]


def test_out_of_the_back_is_away_from_a_camera_that_sees_the_palm() -> None:
    size = torch.tensor([[1.0], [0.8]])
    joints, _ = MovedWrist(FlatHand(), 0.01)(size)
    torch.testing.assert_close(joints[:, 0], torch.tensor([[0.0, 0.0, 0.010], [0.0, 0.0, 0.008]]))
    torch.testing.assert_close(joints[:, 1:], FlatHand()(size)[0][:, 1:])


def test_a_run_knows_how_far_the_wrist_moved_since(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match="run the stage 'latent' again"):
        wrist_moved_m(tmp_path)
    record_wrist(tmp_path)
    assert abs(wrist_moved_m(tmp_path)) < 1e-6
    record = tmp_path / RECORD
    record.write_text(f"{float(record.read_text()) + 0.013}")
    assert wrist_moved_m(tmp_path) == pytest.approx(-0.013, abs=1e-6)


class TurnedHand(FlatHand):
    """The same hand seen from the side: out of its back is along the picture's x."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        joints = super().forward(z)[0]
        joints = torch.stack([joints[..., 2], joints[..., 1], -joints[..., 0]], -1)
        return joints, CROP_UNITS_PER_M * joints[..., :2]


def test_the_picture_of_the_wrist_moves_along() -> None:
    joints, joints_2d = MovedWrist(TurnedHand(), 0.01)(torch.ones(1, 1))
    torch.testing.assert_close(joints[0, 0], torch.tensor([0.010, 0.0, 0.0]))
    torch.testing.assert_close(joints_2d, CROP_UNITS_PER_M * joints[..., :2])
