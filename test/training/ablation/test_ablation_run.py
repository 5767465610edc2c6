"""Rows of an ablation: what a file says is what is drawn, trained, measured and recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import yaml

from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame
from training.ablation import run
from training.ablation.command import EXPERIMENTS, NAMES
from training.ablation.run import SHIPPED, labelled_crops, measure, read_ablation, recorded, run_ablation

TINY: dict[str, Any] = {
    "kind": "ablation", "title": "Tiny", "source": "depth", "samples": 8, "batch": 4, "lr": 0.01, "against": "all",
    "scenes": {"facing": 1.0}, "rows": {SHIPPED: None, "all": None, "plain": {"occluders": False}},
}  # fmt: skip


class Flat(torch.nn.Module):
    """In place of the first delivery's model, which may not be in a shallow clone: the picture's mean to joints."""

    trained_on: ClassVar[list[float]] = []

    def __init__(self, source: str, tree: Path, seen: torch.Tensor):
        super().__init__()
        self.encoder = torch.nn.Linear(1, 63)
        self.decoder = torch.nn.Identity()
        torch.nn.init.zeros_(self.encoder.weight)
        torch.nn.init.zeros_(self.encoder.bias)

    def forward(self, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.training:
            self.trained_on.append(float(seen.double().sum()))
        joints = self.encoder(seen.float().flatten(1).mean(1, keepdim=True)).reshape(-1, 21, 3)
        return joints, joints[..., :2]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "FirstModel", Flat)
    Flat.trained_on.clear()
    monkeypatch.setattr(run, "first_tree", lambda folder: folder)
    monkeypatch.setitem(run.SIZE, "depth", 16)
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY, sort_keys=False))
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Three frames with labels, two of them of left hands, with depth where the first one's hand is."""
    joints = np.random.default_rng(0).normal([0, 0, 0.5], 0.03, (3, 21, 3))
    depth = np.zeros((64, 64), np.float32)
    depth[:, :32] = 0.5
    frames = [RgbdFrame(PinholeCamera(100, 100, 32, 32, 64, 64), np.zeros((64, 64, 3), np.uint8), depth)] * 3
    folder = tmp_path / "mine"
    write_folder(folder, ["a", "b", "c"], frames, joints_m=joints, side=["right", "left", "left"])
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_shipped_experiments_switch_off_one_part_a_row(name: str) -> None:
    ablation = read_ablation(EXPERIMENTS / f"{name}.yaml")
    whole = ablation.settings("all")
    assert whole.poses is not None and whole.mirrored == whole.empty == 0
    for row in ablation.rows:
        settings = ablation.settings(row)
        differ = [key for key, value in vars(settings).items() if value != getattr(whole, key)]
        assert len(differ) == row.startswith("no "), row
    assert {SHIPPED, "first generator", "no pose bank", "no occluders"} < set(ablation.rows)


def test_rows_are_trained_on_their_own_hands_and_not_done_again(tiny: Path, frames: Path, tmp_path: Path) -> None:
    record = tmp_path / "results" / "tiny.jsonl"
    run_ablation(tiny, (), 1, [frames], tmp_path, record)
    lines = recorded(record)
    assert [(line["row"], line["samples"]) for line in lines] == [(SHIPPED, 0), ("all", 8), ("plain", 8)]
    found = [line["sets"]["mine"]["relative_mm"] for line in lines]
    assert all(len(errors) == 3 for errors in found) and found[0] != found[1]
    of_all, of_plain = Flat.trained_on[:2], Flat.trained_on[2:]
    assert len(of_plain) == 2 and not set(of_all) & set(of_plain)
    run_ablation(tiny, ("all",), 1, [frames], tmp_path, record)
    assert recorded(record) == lines
    run_ablation(tiny, ("all",), 2, [frames], tmp_path, record)
    assert recorded(record)[-1]["seed"] == 2 and not set(Flat.trained_on[4:]) & set(of_all)
    record.unlink()
    run_ablation(tiny, ("all",), 1, [frames], tmp_path, record)
    assert recorded(record)[0]["sets"] == lines[1]["sets"] and Flat.trained_on[6:] == of_all
    with pytest.raises(HandPoseError, match="has no row 'none'; it has as shipped, all, plain"):
        run_ablation(tiny, ("none",), 1, [], tmp_path, record)


def test_left_hands_are_measured_as_right_ones(frames: Path) -> None:
    """Crops of a picture whose left half is nearer: the left hands' show it on the right, with their joints."""
    crops = labelled_crops(frames, 64)
    left_half, right_half = (half.mean((1, 2)) for half in np.split(crops["depth"], 2, axis=2))
    assert left_half[0] < right_half[0] and (left_half[1:] > right_half[1:]).all()

    errors = measure(lambda shown: torch.from_numpy(shown["joints"]), crops)
    assert errors == {"relative_mm": [0.0] * 3, "aligned_mm": [0.0] * 3}


def test_settings_decide_what_counts_as_done(tiny: Path) -> None:
    before = read_ablation(tiny)
    tiny.write_text(yaml.safe_dump(TINY | {"lr": 0.02, "title": "Other"}))
    after = read_ablation(tiny)
    assert before.fingerprint("all") != after.fingerprint("all") != after.fingerprint("plain")
    tiny.write_text(yaml.safe_dump(TINY | {"title": "Other"}))
    assert read_ablation(tiny).fingerprint("all") == before.fingerprint("all")


@pytest.mark.parametrize("text", ["[]", "kind: ablation", "kind: ablation\nsauce: depth", "{", json.dumps({"a": 1})])
def test_what_is_no_ablation_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(HandPoseError, match=r"broken\.yaml is no ablation"):
        read_ablation(path)
