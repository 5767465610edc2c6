"""Experiments: what is missing is named, and a tiny one runs through."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from hand_pose_ros.backend import Network
from hand_pose_ros.types import HandPoseError
from training.cli import EXPERIMENT
from training.hands.samples import pose_batches
from training.pseudo.teacher import PATCH_PX, PseudoLabels, save_labels
from training.run import (
    STAGES,
    batch_maker,
    build_encoder,
    load_average,
    load_space,
    load_student,
    new_space,
    read_experiment,
    run,
)
from training.warm_start import start_from

TINY = {
    "seed": 3,
    "latent": {"minutes": 0.005, "batch": 16, "lr": 1e-3},
    "depth": {"minutes": 0.005, "batch": 4, "lr": 1e-3, "size": 16},
}


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


def test_a_tiny_experiment_runs_through_and_its_parts_load(experiment: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "tiny"
    run(experiment, folder, ("latent", "depth"), workers=0)
    space, student = load_space(folder), load_student(folder, "depth", TINY["depth"])
    assert not any(p.requires_grad for module in (space, student) for p in module.parameters())
    assert not space.training and not student.training
    state = torch.load(folder / "depth.ckpt", weights_only=True)
    assert state["step"] >= 1
    for name, values in student.state_dict().items():
        torch.testing.assert_close(values, state["average"][f"module.{name}"])
    run(experiment, folder, ("latent", "depth"), workers=0)  # finished stages are not trained again
    assert torch.load(folder / "depth.ckpt", weights_only=True)["step"] == state["step"]


def test_an_encoder_that_is_kept_is_not_trained(experiment: Path, tmp_path: Path) -> None:
    experiment.write_text(yaml.safe_dump(TINY | {"depth": {"keep": "encoder_depth.onnx", "size": 16}}))
    run(experiment, tmp_path / "runs", ("latent", "depth"), workers=0)
    assert {path.name for path in (tmp_path / "runs").glob("*.ckpt")} == {"latent.ckpt"}


def test_an_encoder_before_the_latent_space_is_told_to_wait(experiment: Path, tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match=r"latent\.ckpt does not exist: run the stage 'latent' first"):
        run(experiment, tmp_path / "runs", ("depth",), workers=0)
    with pytest.raises(HandPoseError, match="run the stage 'depth' first"):
        load_student(tmp_path, "depth", TINY["depth"])
    with pytest.raises(HandPoseError, match="run the stage 'x' first"):
        load_average(tmp_path / "x.ckpt", torch.nn.Linear(1, 1))


def test_a_stage_that_the_experiment_lacks_is_named_with_those_it_has(experiment: Path, tmp_path: Path) -> None:
    for stage in ("rgb", "seed", "cloud"):
        with pytest.raises(HandPoseError, match=rf"tiny\.yaml has no stage '{stage}'; it has latent, depth$"):
            run(experiment, tmp_path / "runs", (stage,), workers=0)


def test_a_setting_that_a_stage_lacks_is_named(experiment: Path, tmp_path: Path) -> None:
    experiment.write_text(yaml.safe_dump(TINY | {"latent": {"minutes": 1, "lr": 1e-3}}))
    with pytest.raises(HandPoseError, match=r"tiny\.yaml: the stage 'latent' lacks batch"):
        run(experiment, tmp_path / "runs", ("latent",), workers=0)


def test_no_stage_begins_before_the_one_before_it_is_done(experiment: Path, tmp_path: Path) -> None:
    experiment.write_text(yaml.safe_dump(TINY | {"latent": TINY["latent"] | {"minutes": 5}}))
    run(experiment, tmp_path / "runs", ("latent", "depth"), workers=0, stop_after=0.005)
    assert (tmp_path / "runs" / "latent.ckpt").exists() and not (tmp_path / "runs" / "depth.ckpt").exists()


def test_what_is_no_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match=r"cannot read the experiment .*none\.yaml: No such file"):
        read_experiment(tmp_path / "none.yaml")
    path = tmp_path / "other.yaml"
    for text in ("", "- latent\n", "latent: {minutes: 1}\n"):
        path.write_text(text)
        with pytest.raises(HandPoseError, match=r"other\.yaml is no experiment: it needs a 'seed'"):
            read_experiment(path)
    path.write_text("seed: [1\nlatent: }")
    with pytest.raises(HandPoseError, match=r"^\S+other\.yaml is no YAML: .*line 2[^\n]*$"):
        read_experiment(path)


def test_the_shipped_experiment_has_all_stages() -> None:
    config = read_experiment(EXPERIMENT)
    assert set(config) == {"seed", *STAGES}
    trained = [stage for stage in STAGES if not config[stage].get("keep")]
    assert trained[0] == "latent" and len(trained) > 1
    assert all(config[stage]["minutes"] > 0 and config[stage]["lr"] > 0 for stage in trained)
    assert all(config[stage]["size"] % 16 == 0 for stage in STAGES[1:])


def test_a_space_around_a_shipped_decoder_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "around.yaml"
    decoder = Path(__file__).parents[2] / "models" / "hand" / "decoder_joints.onnx"
    path.write_text(yaml.safe_dump(TINY | {"latent": TINY["latent"] | {"start_from": str(decoder)}}))
    run(path, tmp_path / "runs", ("latent",), workers=0)
    space, fresh = load_space(tmp_path / "runs"), new_space({})
    z = torch.randn(3, 64)
    shipped = Network(decoder).run(z=z.numpy())["joints"]
    torch.testing.assert_close(space.joints_decoder(z)[0], torch.from_numpy(shipped), atol=1e-5, rtol=1e-4)
    assert (fresh.joints_decoder(z)[0] - torch.from_numpy(shipped)).abs().max() > 1e-3


def test_labelled_real_hands_are_shown_beside_synthetic_ones(tmp_path: Path) -> None:
    path, poses = tmp_path / "labels.npz", next(pose_batches(1, 2))
    ahead = np.array([0.0, 0.0, 0.5], np.float32)
    pictures = np.zeros((2, PATCH_PX, PATCH_PX, 3), np.uint8)
    made = (pictures, pictures[..., 0], np.full(2, 0.4), poses.joints + ahead, poses.surface + ahead, np.zeros(2))
    save_labels(path, PseudoLabels(*made))
    settings = {"batch": 3, "size": 16, "facing": 0.5, "skins": None, "backgrounds": None}
    settings |= {"pseudo_labels": str(path), "pseudo_batch": 2}
    assert next(batch_maker("rgb", settings)(0)).rgb.shape == (5, 16, 16, 3)
    assert next(batch_maker("rgb", settings | {"pseudo_labels": None})(0)).rgb.shape == (3, 16, 16, 3)


@pytest.mark.parametrize("name", ["hand", "hand_l", "hand_gpu", "hand_night"])
def test_shipped_schedules_go_on_from_all_that_shipped_bundles_know(name: str) -> None:
    root = Path(__file__).parents[2]
    config = read_experiment(root / "training" / "experiments" / f"{name}.yaml")
    for stage, inputs in (("depth", [(1, 64, 64), ()]), ("rgb", [(3, 64, 64)])):
        if "keep" in config[stage]:
            assert (root / config[stage]["keep"]).exists()
            continue
        encoder = build_encoder(stage, config[stage] | {"size": 64}).encoder
        seen = [torch.rand(2, *shape) for shape in inputs]
        started = start_from(encoder, root / config[stage]["start_from"], *seen)
        layers = {name for name, layer in encoder.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))}
        assert not [name for name in layers - set(started) if not name.startswith("backbone.further.")]
