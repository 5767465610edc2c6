"""`hand-pose-train` as a user types it."""

import sys
from pathlib import Path

import pytest

from training import run as training_run
from training.cli import EXPERIMENT, main


def test_mistakes_are_one_sentence_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = tmp_path / "mine.yaml"
    experiment.write_text("seed: 1\nlatent: {minutes: 1, batch: 4, lr: 0.001}\ndepth: {size: 16}\n")
    for arguments, message in (
        (["run", str(tmp_path / "none.yaml")], "cannot read the experiment"),
        (["run", str(experiment), "--stages", "cloud"], "has no stage 'cloud'"),
        (["run", str(experiment), "--stages", "rgb"], "has no stage 'rgb'"),
    ):
        assert main([*arguments, "--out", str(tmp_path / "runs")]) == 2
        error = capsys.readouterr().err
        assert error.startswith("hand-pose-train: ") and message in error and error.count("\n") == 1


def test_without_the_training_packages_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # what an import of a package that is not there runs into
    assert main(["run"]) == 2
    assert capsys.readouterr().err == "hand-pose-train: torch is not installed; run `make setup-training`\n"


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([])
    assert exit_.value.code == 2 and "usage: hand-pose-train" in capsys.readouterr().err


def test_run_passes_on_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple] = []
    monkeypatch.setattr(training_run, "run", lambda *arguments: calls.append(arguments))
    out = str(tmp_path)
    assert main(["run", "--out", out]) == 0
    assert main(["run", "a.yaml", "--out", out, "--stages", "latent,rgb", "--workers", "2"]) == 0
    assert main(["run", "--out", out, "--device", "cuda", "--stop-after", "9"]) == 0
    assert calls == [
        (EXPERIMENT, tmp_path, ("latent", "depth", "rgb"), 1, "cpu", None),
        (Path("a.yaml"), tmp_path, ("latent", "rgb"), 2, "cpu", None),
        (EXPERIMENT, tmp_path, ("latent", "depth", "rgb"), 1, "cuda", 9.0),
    ]
