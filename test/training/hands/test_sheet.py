"""Contact sheets and the benchmark, as the command line runs them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.cli import main
from training.hands.bench import BATCH
from training.hands.recording import Film, record
from training.hands.sheet import COLUMNS, show_depth, show_parts


def test_a_sheet_has_all_samples_and_the_real_ones_below(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "film", Film(2, seed=3))
    target = tmp_path / "sheets" / "sheet.png"
    assert main(["sheet", str(target), "--count", "22", "--size", "24", "--real", str(tmp_path / "film")]) == 0
    assert "22 samples" in capsys.readouterr().out
    sheet = cv2.imread(str(target))
    assert sheet is not None and sheet.shape == (3 * 48 + 4, COLUMNS * 24, 3)
    assert (sheet[48:96, 2 * 24 :] == 0).all() and sheet[48:72, : 2 * 24].std() > 5  # two in the second row
    assert (sheet[96:100] == 255).all()
    real = sheet[100:].reshape(2, 24, COLUMNS, 24, 3)
    assert real[0, :, 0].std() > 5 and (real[1, :, 0] > 0).any() and (real[:, :, 2:] == 0).all()


def test_labels_can_be_drawn(tmp_path: Path) -> None:
    pictures = []
    for extra in ([], ["--labels"]):
        path = tmp_path / f"{len(extra)}.png"
        assert main(["sheet", str(path), "--count", "2", "--size", "32", *extra]) == 0
        pictures.append(cv2.imread(str(path)))
    assert (pictures[0] != pictures[1]).any(-1)[:32, :64].mean() > 0.02


def test_wrong_places_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sheet", str(tmp_path / "a.png"), "--count", "1", "--size", "16", "--skins", str(tmp_path)]) == 2
    assert "no skin textures" in capsys.readouterr().err
    assert main(["sheet", str(tmp_path / "a.png"), "--count", "1", "--size", "16", "--real", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_depth_is_black_where_nothing_is_and_parts_differ() -> None:
    depth = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
    shown = show_depth(depth)
    assert (shown[3, 3] == 0).all() and len(np.unique(shown.reshape(-1, 3), axis=0)) == 16
    parts = show_parts(np.arange(25, dtype=np.uint8).reshape(5, 5))
    assert (parts[0, 0] == 0).all() and len(np.unique(parts.reshape(-1, 3), axis=0)) > 20


def test_the_benchmark_counts_whole_batches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench-hands", "--samples", "1", "--size", "24", "--workers", "1"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["samples"] == BATCH and result["per_second"] > 0
    assert 0 < result["rss_mb_start"] <= result["rss_mb_end"] + 50
