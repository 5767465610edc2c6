"""`hand-pose-train label`: files and sentences."""

from pathlib import Path

import pytest
from real_hands import write_photos, write_sign

from training.cli import main
from training.detector.cutouts import is_held_out as is_held_out_person
from training.detector.photos import is_held_out as is_held_out_film

MODEL = str(Path(__file__).parents[3] / "models" / "hand")


def test_without_pictures_or_a_file_to_write_it_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["label", str(tmp_path / "labels.npz")]) == 2
    assert "name --photos, --signs or both" in capsys.readouterr().err
    assert main(["label", "--signs", str(tmp_path), "--model", MODEL]) == 2
    assert "name a file to write labels to, or ask for --score" in capsys.readouterr().err


def test_every_hand_that_is_learnt_from_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films = [f"train_{n}_pic1.jpg" for n in range(8)]
    write_photos(tmp_path, dict.fromkeys(films, "2-hand"))
    out = tmp_path / "labels.npz"
    assert main(["label", str(out), "--photos", str(tmp_path), "--model", MODEL]) == 0
    counts = [int(part.split()[0]) for part in capsys.readouterr().out.split(": ")[1].split(", ")]
    assert sum(counts) == sum(not is_held_out_film(name) for name in films) > 0
    assert out.exists()


def test_a_score_is_of_what_is_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = range(1000, 3000, 100)
    for number in numbers:
        write_sign(tmp_path, "5", number)
    assert main(["label", "--score", "--signs", str(tmp_path), "--model", MODEL]) == 0
    printed = capsys.readouterr().out
    held_out = sum(is_held_out_person(f"IMG_{n}.JPG") for n in numbers)
    assert f"{held_out} hands, side right" in printed and "fingers as the class says" in printed
