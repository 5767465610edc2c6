"""Numbers of a latent space, on spaces that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from studies import write_study

from training.crossmodal.generative import (
    embed,
    modality_accuracy,
    nearest_hand,
    posterior_draws,
    retrieval,
    walk,
)
from training.crossmodal.model import build_model
from training.crossmodal.run import run_study
from training.crossmodal.space import describe_space


def latents(apart: float, noise: float, hands: int = 200) -> dict[str, np.ndarray]:
    """Two modalities' latents of the same hands, `apart` from each other, each with `noise` of its own."""
    rng = np.random.default_rng(0)
    hand = rng.normal(size=(hands, 4))
    shift = np.array([apart, 0, 0, 0])
    return {name: hand + k * shift + noise * rng.normal(size=(hands, 4)) for k, name in enumerate(("rgb", "joints"))}


def test_modalities_that_lie_together_cannot_be_told_apart() -> None:
    mixed, apart = modality_accuracy(latents(0, 0.3)), modality_accuracy(latents(9, 0.3))
    assert mixed["chance"] == apart["chance"] == 0.5
    for judge in ("linear", "neighbours"):
        assert mixed[judge] == pytest.approx(0.5, abs=0.1) and apart[judge] > 0.98


def test_the_same_hand_is_found_where_modalities_agree() -> None:
    def experts(noise: float, variance: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {name: (z, np.full_like(z, np.log(variance))) for name, z in latents(0, noise).items()}

    assert retrieval(experts(0.0, 0.1), 1)["rgb"]["joints"] == 1
    assert 0.02 < retrieval(experts(3.0, 0.1), 10)["joints"]["rgb"] < 0.4  # by chance 0.05


def test_what_a_modality_leaves_open_does_not_count() -> None:
    hand = np.random.default_rng(0).normal(size=(200, 4))
    blind = np.concatenate([np.zeros((200, 2)), hand[:, 2:]], 1)  # it sees two of four numbers
    sure = np.full((200, 4), -6.0)
    knows = np.concatenate([np.zeros((200, 2)), np.full((200, 2), -6.0)], 1)
    rates = [retrieval({"rgb": (blind, open_), "joints": (hand, sure)}, 1)["rgb"]["joints"] for open_ in (knows, sure)]
    assert rates[0] > 5 * rates[1]


def test_the_nearest_hand_is_found_however_it_is_held() -> None:
    hands = torch.randn(6, 21, 3, generator=torch.manual_seed(0))
    turned = hands.flip(-1).roll(1, -1) * torch.tensor([-1.0, 1.0, 1.0]) + 3  # a turn: two axes swapped, one negated
    assert nearest_hand(turned, hands).max() < 0.1
    assert nearest_hand(hands[:1], hands[1:]).item() > 10


def test_walks_begin_and_end_where_they_should() -> None:
    net = {"net": "mlp", "hidden": 8}
    model = build_model({}, {"joints": net, "joints_2d": net}, 4, False, 32).eval()
    start, end = np.zeros(4, np.float32), np.ones(4, np.float32)
    steps = walk(model, start, end, 5)
    assert steps["joints"].shape == (5, 21, 3) and steps["joints_2d"].shape == (5, 21, 2)
    np.testing.assert_allclose(steps["joints"][[0, -1]], walk(model, start, end, 2)["joints"], atol=1e-6)
    still = posterior_draws(model, end, np.full(4, -30, np.float32), 3)
    np.testing.assert_allclose(still, np.repeat(steps["joints"][-1:], 3, 0), atol=1e-4)
    assert posterior_draws(model, end, np.zeros(4, np.float32), 3).std(0).max() > 1e-3


def test_each_hand_gets_a_place_in_every_modality() -> None:
    points = embed(latents(0, 0.1, 60), 50)
    assert {name: flat.shape for name, flat in points.items()} == {"rgb": (50, 2), "joints": (50, 2)}
    near = np.linalg.norm(points["rgb"] - points["joints"], axis=1)
    far = np.linalg.norm(points["rgb"] - np.roll(points["joints"], 1, 0), axis=1)
    assert np.median(near) < 0.3 * np.median(far)


def test_a_trained_row_is_described_in_numbers_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.crossmodal.run.REAL", tmp_path / "none")
    monkeypatch.setattr("training.crossmodal.space.EMBEDDED_HANDS", 40)
    sizes = {"train": 200, "validation": 8, "test": 60, "unseen": 8, "size": 32, "skins": None, "backgrounds": None}
    study, folder = write_study(tmp_path, benchmark=sizes, samples=320), tmp_path / "runs" / "tiny"
    run_study(study, folder, ["both"])
    describe_space(study, "both", 1, folder, tmp_path / "space.json", tmp_path)
    assert '"hands": 60' in (tmp_path / "space.json").read_text()
    for name in ("space_walk.png", "space_samples.png", "space_tsne.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 100
