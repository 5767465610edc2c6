"""What is drawn about joints lies where the joints are, and leaves them as they are."""

from __future__ import annotations

import pytest
import torch

from hand_pose_ros.types import HandPoseError
from training.crossmodal.drawn import UNIT, bone_maps
from training.crossmodal.modalities import HEAT_SIZE, heat_maps
from training.crossmodal.model import CrossModal, build_model

JOINTS = {"joints": {"net": "mlp", "hidden": 8, "layers": 2}}
DRAWN = {
    "heat": {"net": "drawn"}, "cloud": {"net": "drawn", "hidden": 8, "points": 64},
    "hand_depth": {"net": "drawn", "width": 4}, "hand_rgb": {"net": "drawn", "width": 4},
}  # fmt: skip


@pytest.fixture
def model() -> CrossModal:
    torch.manual_seed(0)
    return build_model({}, DRAWN | JOINTS, 6, False, 32)  # named before the joints: the order means nothing


def test_every_drawn_modality_has_its_shape(model: CrossModal) -> None:
    z = torch.randn(3, 6)
    shapes = {modality: model.decode(modality, z).shape[1:] for modality in DRAWN}
    assert shapes == {
        "heat": (21, HEAT_SIZE, HEAT_SIZE), "cloud": (64, 3), "hand_depth": (1, 32, 32), "hand_rgb": (3, 32, 32),
    }  # fmt: skip


def test_heat_is_drawn_about_the_decoded_joints(model: CrossModal) -> None:
    z = torch.randn(3, 6)
    torch.testing.assert_close(model.decode("heat", z), heat_maps(model.decode("joints", z)[..., :2] * UNIT))


def test_a_cloud_is_drawn_along_the_decoded_bones(model: CrossModal) -> None:
    z = torch.randn(3, 6)
    for layer in (model.decoders["cloud"].fold[-1].weight, model.decoders["cloud"].fold[-1].bias):
        torch.nn.init.zeros_(layer)
    cloud, joints = (model.decode(modality, z) for modality in ("cloud", "joints"))
    a, b = joints[:, 7], joints[:, 8]  # the index finger's last bone is the eighth of 20
    along = (cloud[:, 7::20] - a[:, None]) @ (b - a)[:, :, None] / ((b - a) ** 2).sum(1)[:, None, None]
    torch.testing.assert_close(cloud[:, 7::20], a[:, None] + along * (b - a)[:, None], rtol=1e-4, atol=1e-5)
    assert 0 < along.min() < along.max() < 1


def test_what_is_drawn_does_not_move_the_joints(model: CrossModal) -> None:
    z = torch.randn(3, 6)
    sum(model.decode(modality, z).square().mean() for modality in DRAWN).backward()
    moved = {name.split(".")[1] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == set(DRAWN)
    assert all(p.grad is None for m in JOINTS for p in model.decoders[m].parameters())


def test_bones_are_lines_that_know_their_distance() -> None:
    joints = torch.zeros(1, 21, 3)
    joints[0, 8] = torch.tensor([0.5, 0.0, 0.4])  # one finger's tip, to the right; every other joint in the middle
    maps = bone_maps(joints, 32)[0]
    line, far = maps[7], maps[27]
    assert maps.shape == (40, 32, 32)
    assert line[15:17, 16:24].min() > 0.8 and line[15:17, :12].max() < 0.01 and line[:10].max() < 0.01
    assert far[15, 23] > 2 * far[15, 18] > 0


def test_nothing_is_drawn_about_joints_that_are_not_decoded() -> None:
    with pytest.raises(HandPoseError, match="'heat' has no decoder called 'drawn'"):
        build_model({}, {"heat": {"net": "drawn"}}, 6, False, 32)
