"""What a human hand can do, measured and told apart from what it cannot."""

import numpy as np
import pytest
import torch

from training.crossmodal.bones import Limits, hand_features, measure_limits
from training.hands.model import HandModel, HandShape, joint_positions, load_hand_model, pose_bones
from training.hands.scene import SceneSettings, sample_scenes
from training.hands.turns import SPREAD, bone_turns


def hands(count: int, seed: int) -> torch.Tensor:
    scenes = sample_scenes(load_hand_model(), np.random.default_rng(seed), count, SceneSettings(empty=0))
    return torch.from_numpy(scenes.joints).float()


@pytest.fixture(scope="module")
def limits() -> Limits:
    joints = hands(3000, 1).numpy()
    return measure_limits(joints, np.ones(len(joints)))


def posed(model: HandModel, rest: HandShape, flexion: float, spread: float = 0.0) -> torch.Tensor:
    """The mean hand, its index finger's middle joint bent by `flexion` and its knuckle spread by `spread` degrees."""
    angles = np.zeros((1, 21))
    angles[0, 1], angles[0, SPREAD.start] = flexion, spread
    maps, positions = pose_bones(rest, bone_turns(model, angles))
    return torch.from_numpy(joint_positions(model, rest, maps, positions)).float()


def test_angles_are_those_that_the_hand_was_posed_with(model: HandModel, rest: HandShape) -> None:
    start, bent = (hand_features(posed(model, rest, angle)).bends[0, 4] for angle in (10.0, 60.0))
    assert torch.rad2deg(bent[0] - start[0]).item() == pytest.approx(50, abs=3)
    assert abs(torch.rad2deg(bent[1] - start[1]).item()) < 6
    narrow, wide = (hand_features(posed(model, rest, 10.0, spread)).bends[0, 3, 1] for spread in (0.0, 20.0))
    assert abs(torch.rad2deg(wide - narrow).item()) == pytest.approx(20, abs=5)  # the axes differ a little


def test_features_do_not_see_where_a_hand_is_nor_which_side_and_only_one_sees_how_large() -> None:
    joints = hands(20, 3)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.manual_seed(0)))
    turn = turn * torch.linalg.det(turn)
    moved = 1.7 * joints @ turn.T + torch.tensor([0.1, -0.2, 0.5])
    mirrored = joints * torch.tensor([-1.0, 1, 1])
    for other, right, size in ((moved, torch.ones(20), 1.7), (mirrored, torch.zeros(20), 1.0)):
        wanted, found = hand_features(joints), hand_features(other, right)
        for a, b in zip((wanted.size + np.log(size), *wanted[1:]), found, strict=True):
            torch.testing.assert_close(a, b, atol=2e-3, rtol=1e-3)


def test_hands_are_within_their_limits_and_what_is_none_is_not(limits: Limits) -> None:
    joints = hands(500, 2)
    kept = limits.valid(joints)
    assert all(share.float().mean() > 0.7 for share in kept.values())
    stretched = joints.clone()
    stretched[:, 7:9] += 2 * (joints[:, 7:8] - joints[:, 6:7])  # a finger with one bone three times as long
    assert limits.valid(stretched)["bones"].float().mean() < 0.05
    assert not limits.valid(4 * joints)["bones"].any()
    mirrored = joints * torch.tensor([-1.0, 1, 1])  # fingers that bend backwards
    assert limits.valid(mirrored)["bends"].float().mean() < 0.2
    for other in (stretched, mirrored, 4 * joints):
        assert limits.penalty(other).mean() > 5 * limits.penalty(joints).mean()


def test_following_the_penalty_leads_to_a_hand(limits: Limits) -> None:
    joints = (hands(8, 4) + 0.01 * torch.randn(8, 21, 3, generator=torch.manual_seed(1))).requires_grad_()
    before = limits.penalty(joints.detach())
    optimizer = torch.optim.Adam([joints], lr=1e-3)
    for _ in range(60):
        optimizer.zero_grad()
        limits.penalty(joints).sum().backward()
        assert joints.grad is not None and joints.grad.isfinite().all()
        optimizer.step()
    assert (limits.penalty(joints.detach()) < 0.5 * before).all()
