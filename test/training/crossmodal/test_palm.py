"""Hands in their palms' frames."""

import numpy as np
import torch

from training.crossmodal.bones import measure_limits
from training.crossmodal.networks import mlp
from training.crossmodal.palm import NUMBERS, PalmBody, PalmDecoder, split_palm
from training.hands.model import load_hand_model
from training.hands.scene import sample_scenes


def hands(count: int, seed: int = 0) -> torch.Tensor:
    scenes = sample_scenes(load_hand_model(), np.random.default_rng(seed), count)
    return torch.from_numpy(scenes.joints).float() / 0.032


def test_a_hand_is_its_inner_hand_turned_and_placed() -> None:
    joints = hands(20)
    inner, turn, place = split_palm(joints)
    torch.testing.assert_close(inner @ turn.transpose(1, 2) + place, joints, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(20))
    assert inner[:, 9].abs().max() == 0
    assert inner[:, 0, 1:].abs().max() < 1e-4  # the wrist lies behind the middle knuckle


def test_the_inner_hand_does_not_see_how_the_hand_is_held() -> None:
    joints = hands(20)
    held = joints @ torch.linalg.qr(torch.randn(3, 3, generator=torch.manual_seed(0)))[0].mul(1.0)
    if torch.linalg.det(held[0, :3]) * torch.linalg.det(joints[0, :3]) < 0:
        held = -held  # a turn, no mirror
    torch.testing.assert_close(split_palm(held + 3)[0], split_palm(joints)[0], rtol=1e-3, atol=1e-3)


def test_whatever_is_decoded_has_its_palm_where_its_axes_say() -> None:
    torch.manual_seed(0)
    decoder = PalmDecoder(mlp(6, 16, 2, last=NUMBERS), 6)
    z = torch.randn(50, 6)
    joints = decoder(z)
    _, axes, place = (decoder.hidden(z) + decoder.straight(z)).split([63, 6, 3], 1)
    _, turn, root = split_palm(joints)
    torch.testing.assert_close(turn[:, :, 0], torch.nn.functional.normalize(axes[:, :3], dim=1), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(root[:, 0], place, rtol=1e-4, atol=1e-4)
    limits = measure_limits(hands(2000, 1).numpy(), np.ones(2000))
    assert limits.penalty(decoder(torch.zeros(1, 6))).item() < 0.2  # untrained, it is about a hand already


def test_the_encoder_gets_all_numbers_beside_its_hidden_layers() -> None:
    joints = hands(5)
    features = PalmBody(mlp(NUMBERS, 8, 2))(joints)
    inner, turn, place = split_palm(joints)
    assert features.shape == (5, 8 + NUMBERS)
    torch.testing.assert_close(features[:, 8:71], inner.flatten(1))
    torch.testing.assert_close(features[:, -3:], place[:, 0])
    torch.testing.assert_close(features[:, 71:77].reshape(5, 3, 2), turn[:, :, :2])
