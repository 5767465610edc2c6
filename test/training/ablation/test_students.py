"""Ablations of training itself: rows differ in what they name, and are trained, measured and recorded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame
from training.ablation.command import EXPERIMENTS, NAMES, STUDENT_NAMES
from training.ablation.page import write_page
from training.ablation.run import recorded
from training.ablation.students import is_of_students, read_students, run_students
from training.stages import WEIGHTS, LatentSpace

TINY: dict[str, Any] = {
    "kind": "student_ablation", "title": "Tiny", "source": "depth", "samples": 8, "against": "all",
    "stage": {"batch": 4, "size": 32, "lr": 0.5},
    "rows": {"all": None, "no votes": {"weights": {"votes": 0}}, "slow": {"lr": 0.0}},
}  # fmt: skip


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY, sort_keys=False))
    return path


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A run's folder whose latent space is new."""
    torch.manual_seed(0)
    weights = {f"module.{name}": value for name, value in LatentSpace().state_dict().items()}
    torch.save({"average": weights}, tmp_path / "latent.ckpt")
    return tmp_path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Two labelled frames with depth."""
    joints = np.random.default_rng(0).normal([0, 0, 0.5], 0.03, (2, 21, 3))
    frame = RgbdFrame(
        PinholeCamera(100, 100, 32, 32, 64, 64), np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 0.5, np.float32)
    )
    write_folder(tmp_path / "mine", ["a", "b"], [frame, frame], joints_m=joints, side=["right", "left"])
    return tmp_path / "mine"


@pytest.mark.parametrize("name", STUDENT_NAMES)
def test_shipped_experiments_change_one_thing_a_row(name: str) -> None:
    path = EXPERIMENTS / f"{name}.yaml"
    ablation = read_students(path)
    assert is_of_students(path) and ablation.against in ablation.rows
    whole = ablation.settings(ablation.against)
    assert whole["weights"] == WEIGHTS
    for row in ablation.rows:
        settings = ablation.settings(row)
        differ = [key for key, value in settings.items() if value != whole[key]]
        assert len(differ) == (row != ablation.against), row
        assert sum(settings["weights"][term] != weight for term, weight in WEIGHTS.items()) <= 1


def test_experiments_of_the_generator_are_told_apart(tmp_path: Path) -> None:
    assert not any(is_of_students(EXPERIMENTS / f"{name}.yaml") for name in NAMES)
    assert not is_of_students(tmp_path / "none.yaml")


def test_rows_are_trained_measured_and_not_done_again(tiny: Path, space: Path, frames: Path, tmp_path: Path) -> None:
    record = tmp_path / "results" / "tiny.jsonl"
    run_students(tiny, (), 1, [frames], space, record)
    lines = recorded(record)
    assert [line["row"] for line in lines] == ["all", "no votes", "slow"]
    found = [line["sets"]["mine"]["relative_mm"] for line in lines]
    assert all(np.isfinite(errors).all() and len(errors) == 2 for errors in found)
    assert found[0] != found[1] != found[2]  # another loss, and steps of no length, end elsewhere
    run_students(tiny, ("slow", "all"), 1, [frames], space, record)
    assert recorded(record) == lines
    write_page([], [tiny], record.parent, tmp_path / "page.md")
    assert "### Tiny" in (tmp_path / "page.md").read_text()


def test_what_a_row_needs_is_asked_for(tiny: Path, space: Path, tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match="has no row 'none'; it has all, no votes, slow"):
        run_students(tiny, ("none",), 1, [], space, tmp_path / "x.jsonl")
    with pytest.raises(HandPoseError, match=r"latent\.ckpt does not exist"):
        run_students(tiny, ("all",), 1, [], tmp_path / "elsewhere", tmp_path / "x.jsonl")
    (tmp_path / "broken.yaml").write_text("kind: student_ablation\nsauce: depth")
    with pytest.raises(HandPoseError, match=r"broken\.yaml is no ablation"):
        read_students(tmp_path / "broken.yaml")
