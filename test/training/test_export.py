"""Trained stages become a bundle that says what it is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml
from patches import scene
from torch import nn

from hand_pose_ros.bundle import load_bundle
from hand_pose_ros.frames_folder import open_folder, read_labels, write_folder
from training import export as exporting
from training.calibrate import WEIGHTS
from training.cli import main
from training.stages import LatentSpace, build_student

MODELS = Path(__file__).parents[2] / "models"
RECORDING = Path(__file__).resolve().parents[2] / "demo" / "recording"
CONFIG = {
    "seed": 1,
    "latent": {"batch": 16},
    "depth": {"batch": 4, "size": 32},
    "rgb": {"batch": 4, "size": 32, "skins": None, "backgrounds": None},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of networks that know nothing."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs")
    networks: dict[str, nn.Module] = {"latent": LatentSpace()}
    networks |= {stage: build_student(stage, 32) for stage in ("depth", "rgb")}
    for stage, network in networks.items():
        average = {f"module.{name}": values for name, values in network.state_dict().items()}
        torch.save({"average": average, "seconds": 12.3, "step": 5}, folder / f"{stage}.ckpt")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few frames of the demo's."""
    folder, labels = open_folder(RECORDING), read_labels(RECORDING)
    assert labels is not None and labels.side is not None
    some = range(0, len(folder), 15)
    path = tmp_path_factory.mktemp("sets") / "few"
    write_folder(
        path, [folder.names[k] for k in some], [folder.read(k) for k in some],
        joints_m=labels.joints_m[::15], side=list(labels.side[::15]),
    )  # fmt: skip
    return path


def test_a_bundle_comes_out_whole(runs: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "VALIDATION_BATCHES", 2)
    monkeypatch.setattr(exporting, "RANGE_PICTURES", 8)
    monkeypatch.setattr(exporting, "PLACES", 64)
    folder = tmp_path / "small"
    command = ["export", str(runs / "experiment.yaml"), "--runs", str(runs), "--bundle", str(folder), "--int8"]
    command += ["--version", "9.9", "--calibrate-on", str(recording), "--sheets", str(tmp_path / "sheets")]
    assert main(command) == 0
    bundle = load_bundle(folder)
    assert (bundle.name, bundle.version) == ("small", "9.9")
    assert bundle.expert_weight("rgbd", "rgb") in WEIGHTS
    card = bundle.card
    assert card["seconds"]["depth"] == 12 and card["samples"] == {"latent": 80, "depth": 20, "rgb": 20}
    assert max(card["export_parity_relative_error"].values()) < 1e-3
    assert all(0 <= moved < 20 for moved in card["encoders"]["joints_moved_mm"].values())
    for path in bundle.encoders.values():
        assert "QuantizeLinear" in {node.op_type for node in onnx.load(path).graph.node}
    assert set(card["presence"]) == {"rgb", "depth"} and card["presence"]["depth"]["places"] == 64
    held_out = card["accuracy"]["held_out"]
    assert (held_out["synthetic"]["hands"], held_out["few"]["hands"]) == (128, 4)
    assert set(held_out["few"]["depth"]["in_ellipsoid"]) == {"50%", "90%", "99%"}
    assert held_out["few"]["depth"]["aligned_mm"] > 5
    assert card["accuracy"]["unseen_hands"]["few"]["depth"]["found"] == "4 of 4"
    weak = card["weaknesses_mm"]["few"]["depth"]
    assert len(weak) > 1 and min(weak.values()) == weak["all"]
    assert (tmp_path / "sheets" / "few.jpg").stat().st_size > 10_000


def test_an_encoder_that_is_kept_is_the_same_but_for_its_presence_with_its_own_past(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "VALIDATION_BATCHES", 1)
    monkeypatch.setattr(exporting, "PLACES", 64)
    shipped = MODELS / "hand-l"
    kept = CONFIG | {"depth": {"keep": str(shipped / "encoder_depth.onnx"), "size": 64}}
    experiment = tmp_path / "kept.yaml"
    experiment.write_text(yaml.safe_dump(kept))
    manifest = exporting.export(experiment, runs, tmp_path / "kept", "kept", "1.0", scenes=[scene(True)])
    assert all(one["fitted_to"]["places_in_pictures"] > 0 for one in manifest["card"]["presence"].values())
    ours, theirs = (
        np.frombuffer((folder / "encoder_depth.onnx").read_bytes(), np.uint8) for folder in (tmp_path / "kept", shipped)
    )
    # 512 weights and a bias of four bytes each
    assert len(ours) == len(theirs) and 0 < (ours != theirs).sum() <= 4 * 513
    earlier = load_bundle(shipped).card
    for entry in ("seconds", "samples", "went_on_from"):
        assert manifest["card"][entry]["depth"] == earlier[entry]["depth"]
    assert manifest["card"]["samples"]["rgb"] == 20
    assert set(manifest["card"]["export_parity_relative_error"]) == {"encoder_rgb", "decoder_joints", "decoder_cloud"}
