"""A study runs through, goes on where it was broken off, and does the same in several processes as in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from studies import write_study

from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame
from training.crossmodal import engine
from training.crossmodal.config import read_study
from training.crossmodal.data import Draws
from training.crossmodal.run import fingerprint, load_row, recorded, run_study

ROOT = Path(__file__).resolve().parents[3]


def only(folder: Path) -> Path:
    """The one folder of a run below `folder`."""
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


@pytest.fixture(autouse=True)
def without_real_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("training.crossmodal.run.REAL", tmp_path / "none")


def weights(study: Path, folder: Path, row: str) -> dict[str, torch.Tensor]:
    return load_row(read_study(study), row, 1, folder).state_dict()


def test_every_row_is_trained_recorded_and_not_done_again(study: Path, tmp_path: Path) -> None:
    folder, results = tmp_path / "runs" / "tiny", tmp_path / "results"
    run_study(study, folder, results=results)
    lines = recorded(results / "tiny.jsonl")
    assert [(line["row"], line["seed"], line["samples"]) for line in lines] == [("both", 1, 640), ("one", 1, 640)]
    for line in lines:
        assert set(line["test"]) == set(line["unseen"]) and 5 < line["test"]["mean_mm"] < 90
        assert len(line["test"]["pck"]) == len(line["test"]["pcf"]) == 21
        assert line["curve"][-1][0] == 640 and len(line["curve"]) == 20
        assert line["curve"][-1][1] < line["curve"][0][1]
    run_study(study, folder, results=results)
    assert recorded(results / "tiny.jsonl") == lines
    assert len(list(folder.glob("one-1-*/events.out.tfevents*"))) == 1
    with pytest.raises(HandPoseError, match="has no row 'two'; it has both, one"):
        run_study(study, folder, ["two"])
    with pytest.raises(HandPoseError, match="run the row 'one' with seed 5 first"):
        load_row(read_study(study), "one", 5, folder)


def test_other_settings_are_another_run(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "tiny"
    run_study(study, folder, ["one"])
    run_study(write_study(tmp_path, lr=0.001), folder, ["one"])
    first, second = recorded(folder / "tiny.jsonl")
    assert first["settings"] != second["settings"] and first["curve"][0] != second["curve"][0]


def test_a_row_goes_on_from_another(tmp_path: Path) -> None:
    decoders = {"joints": {"net": "mlp", "hidden": 16, "layers": 2}}
    later = {"strategy": "decode", "after": "first", "pairs": [], "auxiliary": ["heat"]}
    later["decoders"] = decoders | {"heat": {"net": "conv", "width": 2}}
    rows = {"first": {"pairs": ["joints_2d>joints"]}, "later": later}
    study, folder = write_study(tmp_path, rows=rows, decoders=decoders, claims=[]), tmp_path / "runs" / "tiny"
    with pytest.raises(HandPoseError, match="run the row 'first' with seed 1 first"):
        run_study(study, folder, ["later"])
    run_study(study, folder)
    first, second = recorded(folder / "tiny.jsonl")
    assert first["test"] == second["test"] and first["settings"] != second["settings"]
    before, after = (weights(study, folder, row) for row in rows)
    assert {name for name in after if name not in before} == {n for n in after if n.startswith("decoders.heat")}
    for name, values in before.items():
        torch.testing.assert_close(after[name], values, rtol=0, atol=0)
    other = read_study(
        write_study(tmp_path, rows=rows | {"first": {"pairs": ["joints>joints"]}}, decoders=decoders, claims=[])
    )
    assert fingerprint(other, other.rows["later"]) != second["settings"]


def test_other_hands_are_another_run(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "tiny"
    run_study(study, folder, ["one"])
    path = read_study(study).benchmark.folder(folder.parent) / "train_joints.npy"
    np.save(path, np.load(path)[::-1])
    with pytest.raises(HandPoseError, match="run the row 'one' with seed 1 first"):
        load_row(read_study(study), "one", 1, folder)
    run_study(study, folder, ["one"])
    first, second = recorded(folder / "tiny.jsonl")
    changed = {field for field, key in first["drawn"].items() if second["drawn"][field] != key}
    assert changed == {"joints"} and first["test"] != second["test"]


def test_what_is_new_to_measure_on_is_measured(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "tiny"
    run_study(study, folder, ["one"])
    (before,) = recorded(folder / "tiny.jsonl")
    joints = np.random.default_rng(0).normal([0, 0, 0.5], 0.03, (3, 21, 3))
    frames = [RgbdFrame(PinholeCamera(100, 100, 32, 32, 64, 64), np.zeros((64, 64, 3), np.uint8))] * 3
    write_folder(tmp_path / "mine", ["a", "b", "c"], frames, joints_m=joints, side=["left", "right", "left"])
    run_study(study, folder, ["one"], frames=[tmp_path / "mine"])
    (after,) = recorded(folder / "tiny.jsonl")
    assert after.pop("mine")["mean_mm"] > 0 and after == before


def test_a_run_that_was_killed_ends_as_though_it_never_was(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through, killed = tmp_path / "runs" / "through", tmp_path / "runs" / "killed"
    run_study(study, through, ["both"])
    update, count = engine.AveragedModel.update_parameters, 0

    def dies(self: object, model: object) -> None:
        nonlocal count
        count += 1
        if count > 23:
            raise KeyboardInterrupt
        update(self, model)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(engine.AveragedModel, "update_parameters", dies)
        with pytest.raises(KeyboardInterrupt):
            run_study(study, killed, ["both"])
    assert torch.load(only(killed) / "last.ckpt", weights_only=True)["step"] == 22
    assert not (killed / "tiny.jsonl").exists()
    run_study(study, killed, ["both"])
    for name, values in weights(study, through, "both").items():
        torch.testing.assert_close(weights(study, killed, "both")[name], values, rtol=0, atol=0)
    curves = [(only(folder) / "curve.jsonl").read_text() for folder in (through, killed)]
    assert curves[0] == curves[1] and curves[0].count("\n") == 20


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder = write_study(tmp_path), tmp_path / "runs" / "tiny"
    draw, count = Draws.noise, 0

    def breaks(self: Draws, rows: int, columns: int) -> torch.Tensor:
        nonlocal count
        count += 1
        return draw(self, rows, columns) * (float("nan") if count > 21 else 1)

    monkeypatch.setattr(Draws, "noise", breaks)
    with pytest.raises(HandPoseError, match="the loss is no number at step 22; lower 'lr'"):
        run_study(study, folder, ["one"])
    state = torch.load(only(folder) / "last.ckpt", weights_only=True)
    assert state["step"] == 20 and all(v.isfinite().all() for v in state["model"].values())


def test_two_processes_do_what_one_does(study: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "runs" / "one", tmp_path / "runs" / "two"
    run_study(study, one, ["both"])
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "training.cli", "run", str(study), "--out", str(two), "--rows", "both",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line["processes"] for line in recorded(two / "tiny.jsonl")] == [2]
    for name, values in weights(study, one, "both").items():
        torch.testing.assert_close(weights(study, two, "both")[name], values, rtol=1e-4, atol=1e-5)
    first, last = (json.loads((only(f) / "curve.jsonl").read_text().splitlines()[-1]) for f in (one, two))
    assert first["validation_mm"] == pytest.approx(last["validation_mm"], rel=1e-3)
