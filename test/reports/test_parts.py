"""What parts of the estimator are worth on a recording."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundles import make_test_bundle

from hand_pose_ros.bundle import load_bundle
from hand_pose_ros.cli import main
from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.recordings import open_recording
from hand_pose_ros.region import find_regions
from hand_pose_ros.reports.parts import AS_IT_IS, CHANGES, Row, change, has, table, without_parts
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_test_bundle(tmp_path_factory.mktemp("models") / "test-hand")


def write_recording(path: Path, *, truth: bool = True, depth: bool = True) -> Path:
    """A hand-sized box of depth in three of four frames, with random joints in it."""
    generator = np.random.default_rng(0)
    frames = []
    for index in range(4):
        depth_m = np.zeros((240, 320), np.float32)
        if index != 1:
            depth_m[80:170, 100 + 10 * index : 180 + 10 * index] = 0.5
        colour = generator.integers(255, size=(240, 320, 3), dtype=np.uint8)
        frames.append(RgbdFrame(CAMERA, colour, depth_m if depth else None))
    joints_m = generator.normal((0.0, 0.0, 0.51), 0.03, size=(4, 21, 3)) if truth else None
    write_folder(path, list("abcd"), frames, joints_m=joints_m, side=["right"] * 4 if truth else None)
    return path


def test_every_part_and_every_further_bundle_is_a_row(model: Path, tmp_path: Path) -> None:
    recording = open_recording(write_recording(tmp_path / "film"))
    bundle = replace(load_bundle(model), looks=3)
    rows = list(without_parts(list(recording.frames()), recording.truth(), [bundle, bundle], "depth", find_regions))
    assert [row.name for row in rows] == [*CHANGES, f"model {bundle.name}"]
    as_it_is, again = rows[0], rows[-1]
    assert as_it_is.found == 0.75 and np.isnan(as_it_is.errors_mm["absolute"]).tolist() == [False, True, False, False]
    np.testing.assert_array_equal(as_it_is.errors_mm["aligned"], again.errors_mm["aligned"])
    looks = {row.name: row.errors_mm["absolute"] for row in rows}
    assert not np.array_equal(looks["one look"], looks[AS_IT_IS], equal_nan=True)


def test_the_table_has_errors_first_and_differences_below() -> None:
    error = np.array([10.0, 20.0, np.nan, 30.0])
    views = ("absolute", "wrist-relative", "aligned")
    first = Row("as it is", 0.75, dict.fromkeys(views, error), 4.0)
    worse = Row("one look", 1.0, dict.fromkeys(views, error + 2.0), 2.0)
    lines = table([first, worse]).splitlines()
    assert lines[2] == "| as it is | 75% | 20.0 | 20.0 | 20.0 | 4.0 |"
    assert lines[3].startswith("| one look | 100% | **+2.0 (+2.0 to +2.0)** |")


def test_a_change_counts_frames_that_both_have() -> None:
    assert change(np.array([1.0, np.nan, 3.0])).mean == 2.0
    assert str(change(np.array([-1.0, 1.0, -1.0, 1.0]))).startswith("+0.0 (-")


def test_a_recording_without_truth_is_refused_and_what_it_lacks_is_left_out(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colour = write_recording(tmp_path / "colour", depth=False)
    frames = list(open_recording(colour).frames())
    assert has(frames, "rgb") and not has(frames, "depth") and not has(frames, "rgbd")
    with pytest.raises(HandPoseError, match="no complete frame"):
        has([], "rgb")
    assert main(["ablate", str(colour), "--model", str(model)]) == 0
    printed = capsys.readouterr().out
    assert "colour, rgb" in printed and "colour, depth" not in printed and "| one look |" in printed
    assert main(["ablate", str(write_recording(tmp_path / "bare", truth=False)), "--model", str(model)]) == 2
    assert "no ground truth" in capsys.readouterr().err
