"""Strategies: which networks learn from which step, and what a loss is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from studies import write_study
from torch import Tensor

from training.crossmodal.bones import measure_limits
from training.crossmodal.config import Row, read_study
from training.crossmodal.distances import earth_mover, reconstruction
from training.crossmodal.modalities import views
from training.crossmodal.model import CrossModal, build_model
from training.crossmodal.strategies import Batch, Step, prior_gap, steps_of
from training.hands.model import load_hand_model
from training.hands.scene import sample_scenes
from training.networks import posterior
from training.objectives import kl_between, kl_to_prior

NETS: dict[str, Any] = {
    "encoders": {"joints_2d": {"net": "mlp", "hidden": 8}, "cloud": {"net": "points", "widths": [8]}},
    "decoders": {"joints": {"net": "mlp", "hidden": 8}, "cloud": {"net": "folding", "hidden": 8}},
}
YANG: dict[str, Any] = {"pairs": [], "auxiliary": ["cloud"], "rows": {"row": {}}, "claims": [], **NETS}


def row_of(folder: Path, **changes: Any) -> Row:
    return next(iter(read_study(write_study(folder, **({"rows": {"row": {}}, "claims": []} | changes))).rows.values()))


def model_of(row: Row) -> CrossModal:
    torch.manual_seed(0)
    return build_model(row.encoders, row.decoders, row.latent, True, 32)


@pytest.fixture(scope="module")
def seen() -> dict[str, Tensor]:
    scenes = sample_scenes(load_hand_model(), np.random.default_rng(0), 8)
    joints = (scenes.joints - scenes.joints.mean(1, keepdims=True)).astype(np.float32)
    arrays = {
        "joints": joints, "joints_2d": joints[..., :2] / 0.13, "right": np.ones(8, np.float32),
        "cloud": np.repeat(joints, 13, 1)[:, :256].astype(np.float16),
    }  # fmt: skip
    return views(arrays, ("joints", "joints_2d", "cloud"), "TSH", 256)


def silent(rows: int, columns: int) -> Tensor:
    return torch.zeros(rows, columns)


def learning(model: CrossModal, step: Step, seen: dict[str, Tensor], progress: float = 1.0) -> set[str]:
    """Names of the networks that get gradients."""
    model.zero_grad(set_to_none=True)
    step.loss(Batch(model, seen, silent, progress))[0].backward()
    return {
        f"{kind}.{name}"
        for kind, networks in (("q", model.encoders), ("p", model.decoders))
        for name, network in networks.items()
        if any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    }


def test_a_pairs_step_moves_its_encoder_and_decoder_alone(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    row = row_of(tmp_path)
    assert [learning(model_of(row), step, seen) for step in steps_of(row, None)] == [
        {"q.joints_2d", "p.joints"},
        {"q.joints", "p.joints"},
    ]


def test_a_pairs_loss_is_the_squared_error_and_the_priors_divergence(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    row = row_of(tmp_path, weights={"joints": 3.0})
    model = model_of(row)
    mean, log_var = model.encode("joints_2d", seen)
    wanted = 3 * ((model.decode("joints", mean) - seen["joints"]) ** 2).mean()
    kl = kl_to_prior(mean, log_var).mean()
    for progress in (0.0, 0.5, 1.0):
        total, logged = steps_of(row, None)[0].loss(Batch(model, seen, silent, progress))
        torch.testing.assert_close(total, wanted + 0.001 * progress * kl)
    assert logged["kl"] == pytest.approx(kl.item())


@pytest.mark.parametrize(
    ("strategy", "networks"),
    [
        ("cross", {"q.joints_2d", "p.joints", "p.cloud"}),
        ("joint", {"q.joints_2d", "q.cloud", "p.joints", "p.cloud"}),
        ("align_kl", {"q.joints_2d", "q.cloud", "p.joints", "p.cloud"}),
        ("align_poe", {"q.joints_2d", "q.cloud", "p.joints", "p.cloud"}),
    ],
)
def test_strategies_use_the_networks_of_their_definition(
    tmp_path: Path, seen: dict[str, Tensor], strategy: str, networks: set[str]
) -> None:
    row = row_of(tmp_path, strategy=strategy, beta_align=0.1, emd_share=0.5, **YANG)
    (step,) = steps_of(row, None)
    assert step.pool == "labelled" and learning(model_of(row), step, seen) == networks


def test_alignment_by_divergence_pulls_the_source_to_the_joint_posterior(
    tmp_path: Path, seen: dict[str, Tensor]
) -> None:
    rows = [row_of(tmp_path, strategy="align_kl", beta_align=weight, **YANG) for weight in (0.0, 2.0)]
    model = model_of(rows[0])
    without, with_ = (steps_of(row, None)[0].loss(Batch(model, seen, silent, 0.5))[0] for row in rows)
    single = model.encode("joints_2d", seen)
    joint = posterior(single, model.encode("cloud", seen))
    torch.testing.assert_close(with_ - without, kl_between(*joint, *single).mean(), rtol=1e-3, atol=1e-4)


def test_the_joints_teach_and_do_not_follow(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    changes = YANG | {"encoders": NETS["encoders"] | {"joints": {"net": "mlp", "hidden": 8}}}
    row = row_of(tmp_path, strategy="teach", beta_align=2.0, **changes)
    model = model_of(row)
    *lessons, step = steps_of(row, None)
    assert {learning(model, lesson, seen) == {"q.joints", "p.joints"} for lesson in lessons} == {True}
    assert lessons[0].modalities == ("joints",) and set(step.modalities) == {"joints", "joints_2d", "cloud"}
    total, logged = step.loss(Batch(model, seen, silent, 0.0))
    teacher = model.encode("joints", seen)
    gaps = [kl_between(*teacher, *model.encode(m, seen)).mean() for m in ("joints_2d", "cloud")]
    wanted = sum(reconstruction(m, model.decode(m, teacher[0]), seen[m], True, 0) for m in ("joints", "cloud"))
    torch.testing.assert_close(total, wanted + 2 * sum(gaps))
    assert logged["gap_cloud"] == pytest.approx(gaps[1].item())
    assert learning(model, step, seen) == {"q.joints", "q.joints_2d", "q.cloud", "p.joints", "p.cloud"}
    gradients = []
    for weight in (0.0, 2.0):
        learning(model, steps_of(replace(row, beta_align=weight), None)[-1], seen)
        gradients.append([p.grad for p in model.encoders["joints"].parameters()])
    torch.testing.assert_close(*gradients)


def test_a_pupil_without_a_decoder_is_not_decoded(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    changes = YANG | {"encoders": NETS["encoders"] | {"joints": {"net": "mlp", "hidden": 8}}}
    row = row_of(tmp_path, strategy="teach", **changes | {"decoders": {"joints": NETS["decoders"]["joints"]}})
    _, logged = steps_of(row, None)[-1].loss(Batch(model_of(row), seen, silent, 0.0))
    assert "gap_cloud" in logged and "cloud" not in logged


def test_lessons_are_of_all_that_is_cheap(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    perceptron = {"net": "mlp", "hidden": 8}
    changes = {name: NETS[name] | dict.fromkeys(("joints", "joints_2d"), perceptron) for name in NETS}
    row = row_of(tmp_path, strategy="teach", **YANG | changes | {"auxiliary": ["joints_2d", "cloud"]})
    lesson = steps_of(row, None)[0]
    assert set(lesson.modalities) == {"joints", "joints_2d"}
    assert learning(model_of(row), lesson, seen) == {"q.joints", "p.joints", "p.joints_2d"}


def test_decoders_learn_from_a_space_that_they_do_not_move(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    changes = YANG | {"encoders": NETS["encoders"] | {"joints": {"net": "mlp", "hidden": 8}}}
    row = row_of(tmp_path, strategy="decode", **changes)
    model = model_of(row)
    (step,) = steps_of(row, None)
    assert set(step.modalities) == {"joints", "cloud"} and learning(model, step, seen) == {"p.cloud"}
    mean, _ = model.encode("joints", seen)
    wanted = reconstruction("cloud", model.decode("cloud", mean), seen["cloud"], True, 0)
    torch.testing.assert_close(step.loss(Batch(model, seen, silent, 0.0))[0], wanted)


def test_latents_that_lie_as_the_prior_does_have_no_gap() -> None:
    noise = torch.randn(20000, 4, generator=torch.manual_seed(0))
    sure = torch.full_like(noise, -20.0)
    assert prior_gap(noise, sure).item() < 1e-3
    assert prior_gap(0.6 * noise, torch.full_like(noise, np.log(0.64))).item() < 1e-3
    assert prior_gap(noise + 2, sure).item() == pytest.approx(4, abs=0.1)
    assert prior_gap(noise[:, [0, 0, 2, 3]], sure).item() == pytest.approx(0.5, abs=0.03)  # two numbers tell the same


def test_samples_of_the_prior_pay_for_not_being_hands(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    limits = measure_limits(sample_scenes(load_hand_model(), np.random.default_rng(1), 200).joints, np.ones(200))
    changes = YANG | {"encoders": NETS["encoders"] | {"joints": {"net": "mlp", "hidden": 8}}}
    row = row_of(tmp_path, strategy="teach", bones=0.5, **changes)
    model = model_of(row)
    without, with_ = (steps_of(row, given)[0].loss(Batch(model, seen, silent, 0.0))[0] for given in (None, limits))
    penalty = limits.penalty(model.decode("joints", torch.zeros(8, row.latent)))
    torch.testing.assert_close(with_ - without, 0.5 * penalty.mean())


def test_labels_are_used_where_they_are_and_reconstruction_everywhere(tmp_path: Path) -> None:
    pairs = ["joints_2d>joints", "joints_2d>joints_2d", "joints>joints"]
    decoder = {"net": "mlp", "hidden": 8}
    row = row_of(tmp_path, pairs=pairs, decoders={"joints": decoder, "joints_2d": decoder}, labelled=0.1)
    assert [step.pool for step in steps_of(row, None)] == ["labelled", "all", "labelled"]
    weak = row_of(tmp_path, strategy="cross", labelled=0.1, weak=True, **YANG)
    assert [step.pool for step in steps_of(weak, None)] == ["labelled", "all"]


def test_hands_without_a_pose_teach_through_their_cloud(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    row = row_of(tmp_path, strategy="align_poe", labelled=0.1, weak=True, **YANG)
    assert learning(model_of(row), steps_of(row, None)[1], seen) == {"q.joints_2d", "q.cloud", "p.cloud"}


def test_impossible_hands_cost_where_the_row_says_so(tmp_path: Path, seen: dict[str, Tensor]) -> None:
    scenes = sample_scenes(load_hand_model(), np.random.default_rng(1), 200)
    limits = measure_limits(scenes.joints, np.ones(200))
    row = row_of(tmp_path, bones=0.5)
    model = model_of(row)
    without, with_ = (steps_of(row, given)[0].loss(Batch(model, seen, silent, 0.0))[0] for given in (None, limits))
    predicted = model.decode("joints", model.encode("joints_2d", seen)[0])
    assert limits.penalty(predicted).mean() > 0
    torch.testing.assert_close(with_ - without, 0.5 * limits.penalty(predicted).mean())


def test_earth_movers_distance_is_that_of_the_best_assignment() -> None:
    cloud = torch.rand(3, 20, 3, generator=torch.manual_seed(0))
    shuffled = cloud[:, torch.randperm(20, generator=torch.manual_seed(1))]
    torch.testing.assert_close(earth_mover(cloud, shuffled), torch.zeros(3))
    torch.testing.assert_close(earth_mover(cloud, shuffled + torch.tensor([0.0, 3.0, 4.0])), torch.full((3,), 5.0))


def test_reconstructions_are_the_papers(seen: dict[str, Tensor]) -> None:
    ones = torch.ones(2, 21, 3)
    assert reconstruction("joints", ones, 0 * ones, True, 0).item() == 1
    assert reconstruction("joints", ones, 0 * ones, False, 0).item() == pytest.approx(3**0.5)
    picture = torch.tensor([[0.0, 2.0], [4.0, 6.0]]).repeat(1, 3, 4, 4)
    assert reconstruction("rgb", torch.full((1, 3, 2, 2), 2.0), picture, False, 0).item() == 1  # the truth's mean is 3
    heat = torch.ones(2, 21, 4, 4)
    assert reconstruction("heat", heat, 0 * heat, False, 0).item() == pytest.approx(21 * 4)
    near = torch.zeros(4, 16, 3)
    moved = near + torch.tensor([0.0, 0.0, 2.0])
    assert reconstruction("cloud", near, moved, True, 0).item() == pytest.approx(4, rel=1e-3)
    assert reconstruction("cloud", near, moved, True, 1).item() == pytest.approx(6, rel=1e-3)
