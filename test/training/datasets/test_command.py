"""`hand-pose-train dataset`, and what it makes."""

from pathlib import Path

import numpy as np
import pytest
from dataset_layouts import RIGHT_HAND_M, SPOT, SPOT_MM, WRITERS, moved

from hand_pose_ros.frames_folder import open_folder, read_labels, read_rgb
from hand_pose_ros.types import HandPoseError
from training.cli import main
from training.datasets import open_dataset
from training.datasets.sample import HandSample
from training.datasets.show import box, draw_sample


def test_a_sheet_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WRITERS["ho3d"](tmp_path / "set")
    sheet = tmp_path / "sheet.png"
    assert main(["dataset", "ho3d", str(tmp_path / "set"), "--show", str(sheet)]) == 0
    assert "2 samples of ho3d, 2 with joints in space" in capsys.readouterr().out
    picture = read_rgb(sheet)
    orange = (np.abs(picture.astype(int) - (230, 159, 0)) < 20).all(axis=-1)
    assert orange.sum() > 100  # both thumbs


def test_frames_folders_hold_the_labels(tmp_path: Path) -> None:
    WRITERS["ho3d"](tmp_path / "set")
    out = tmp_path / "frames"
    assert main(["dataset", "ho3d", str(tmp_path / "set"), "--frames", str(out), "--every", "2", "--count", "1"]) == 0
    folder, labels = open_folder(out), read_labels(out)
    assert folder.names == ("ABF10_0000",) and list(labels.side) == ["right"]
    np.testing.assert_allclose(labels.joints_m[0], RIGHT_HAND_M, atol=1e-6)
    frame = folder.read(0)
    assert frame.depth_m[SPOT] == pytest.approx(SPOT_MM / 1000, abs=1e-3) and frame.camera.fx == 400.0
    x, y, w, h = folder.box(0)
    sample = next(open_dataset("ho3d", tmp_path / "set"))
    assert (sample.joints_px > (x, y)).all() and (sample.joints_px < (x + w, y + h)).all()


def test_every_takes_every_nth(tmp_path: Path) -> None:
    WRITERS["msra"](tmp_path / "set")
    out = tmp_path / "frames"
    assert main(["dataset", "msra", str(tmp_path / "set"), "--split", "P0", "--frames", str(out)]) == 0
    np.testing.assert_allclose(read_labels(out).joints_m[1], moved(RIGHT_HAND_M, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "extra", "message"),
    [
        ("onehand10k", ["--frames", "out"], "does not tell left from right"),
        ("coco_wholebody", ["--frames", "out"], "has no intrinsics"),
        ("msra", ["--split", "P9"], "no split 'P9'; there are P0"),
        ("msra", ["--count", "0"], "--count 0 and --every 1 must be 1 or more"),
    ],
)
def test_mistakes_are_one_sentence(
    name: str, extra: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    WRITERS[name](tmp_path / "set")
    extra = [str(tmp_path / "out") if argument == "out" else argument for argument in extra]
    assert main(["dataset", name, str(tmp_path / "set"), *extra]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_published_box_is_kept_and_others_have_a_margin() -> None:
    joints_px = np.full((21, 2), np.nan)
    joints_px[:2] = (10.0, 20.0), (30.0, 60.0)
    sample = HandSample("a", "left", joints_px=joints_px)
    np.testing.assert_allclose(box(sample), (4.0, 14.0, 32.0, 52.0))
    given = HandSample("a", "left", joints_px=joints_px, box_px=np.array([1.0, 2.0, 3.0, 4.0]))
    assert box(given).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match=r"gone\.jpg"):
        draw_sample(HandSample("a", "", rgb=tmp_path / "gone.jpg"))
