"""The demo: the real node in a process of its own, fed over real DDS, and what is reported of it."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.cli import main
from hand_pose_ros.commands import demo
from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.recordings import bags
from hand_pose_ros.recordings.bag_recording import BagRecording
from hand_pose_ros.reports.live_run import read_live_run
from hand_pose_ros.types import PinholeCamera, RgbdFrame

pytestmark = pytest.mark.usefixtures("domain")

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)
#: No network takes these made-up pictures for hands.
BLOBS = ("--detector", "depth")


def make_folder(path: Path, *, labels: bool = True) -> Path:
    """Twelve frames of a hand-sized box of depth that moves to the right."""
    frames, joints = [], []
    for index in range(12):
        left = 40 + 14 * index
        depth_m, rgb = np.zeros((240, 320), np.float32), np.full((240, 320, 3), 70, np.uint8)
        depth_m[80:170, left : left + 80] = 0.5
        rgb[80:170, left : left + 80] = (220, 170, 140)
        frames.append(RgbdFrame(CAMERA, rgb, depth_m))
        joints.append(np.random.default_rng(0).normal(((left + 40 - 160) / 600, 0.0, 0.5), 0.03, size=(21, 3)))
    truth = {"joints_m": np.array(joints), "side": ["right"] * 12} if labels else {}
    write_folder(path, [f"{index:02}" for index in range(12)], frames, **truth)
    return path


def test_demo_of_a_folder(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "DURATION", 2.0)
    out = tmp_path / "out"
    begin_ns = time.time_ns()
    assert main(["demo", str(make_folder(tmp_path / "folder")), "--out", str(out), "--model", str(bundle), *BLOBS]) == 0
    figures = json.loads((out / "summary.json").read_text())
    # How many it has time for is the machine's business.
    assert figures["frames"] == 60 and figures["answered"] + figures["dropped"] == 60
    assert figures["hands"] > 0 and figures["latency_median_ms"] > 0.0 and figures["error_absolute_mm"] > 0.0
    page = (out / "report.html").read_text()
    assert "Error per joint" in page and "test-hand" in page and "CPUExecutionProvider" in page
    printed = capsys.readouterr().out
    assert "latency    median" in printed and str(out / "report.html") in printed

    recorded = bags.topics(out / "outputs")
    assert {"/hand_pose/hands", "/hand_pose/points", "/tf", "/diagnostics"} <= set(recorded)
    # The stamps are those of publishing, so that latency is real; the recorded input keeps its own.
    first = next(bags.read_messages(out / "outputs", ["/hand_pose/hands"]))
    stamp = bags.deserialize(first).header.stamp
    assert begin_ns < stamp.sec * 10**9 + stamp.nanosec < first.stamp_ns < time.time_ns()

    # Again into the same folder: what was there is replaced.
    assert main(["demo", str(tmp_path / "folder"), "--out", str(out), "--model", str(bundle), *BLOBS]) == 0


def test_demo_of_a_foreign_bag_without_ground_truth(tmp_path: Path, bundle: Path) -> None:
    folder = make_folder(tmp_path / "folder", labels=False)
    assert main(["record-folder", str(folder), str(tmp_path / "bag"), "--fps", "15"]) == 0
    names = {
        "/rgb/image_rect_color": "/cam/color/image_raw",
        "/depth_registered/image_rect": "/cam/aligned_depth_to_color/image_raw",
        "/rgb/camera_info": "/cam/color/camera_info",
    }
    with bags.BagWriter(tmp_path / "foreign", "sqlite3") as writer:
        for raw in bags.read_messages(tmp_path / "bag"):
            writer.write(names[raw.topic], raw.type_name, raw.stamp_ns, raw.cdr)
    out = tmp_path / "out"
    assert main(["demo", str(tmp_path / "foreign"), "--out", str(out), "--model", str(bundle), *BLOBS]) == 0
    figures = json.loads((out / "summary.json").read_text())
    assert figures["frames"] == 12 and figures["hands"] > 0 and figures["error_absolute_mm"] is None
    assert "Error per joint" not in (out / "report.html").read_text()
    assert not (out / "input").exists()


def test_a_demo_without_hands_fails(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "DURATION", 0.5)
    empty = RgbdFrame(CAMERA, None, np.zeros((240, 320), np.float32))
    write_folder(tmp_path / "empty", ["a", "b", "c"], [empty] * 3)
    out = tmp_path / "out"
    assert main(["demo", str(tmp_path / "empty"), "--out", str(out), "--model", str(bundle), *BLOBS]) == 2
    assert "published no hands" in capsys.readouterr().err
    assert (out / "report.html").is_file()


def test_answers_are_matched_to_their_frames_by_stamp(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "folder")
    assert main(["record-folder", str(folder), str(tmp_path / "bag")]) == 0
    offset = 5_000_000_000
    with bags.BagWriter(tmp_path / "outputs") as writer:
        for index, raw in enumerate(bags.read_messages(tmp_path / "bag", ["/ground_truth/hands"])):
            if index == 4:
                continue
            message = bags.deserialize(raw)
            message.header.stamp.sec += offset // 10**9
            if index == 6:
                message.hands = []
            writer.write("/hand_pose/hands", raw.type_name, raw.stamp_ns + offset + 7_000_000, message)
    run = read_live_run(tmp_path / "outputs", BagRecording(tmp_path / "bag"), offset)
    assert list(np.flatnonzero(~run.answered)) == [4] and run.dropped == 1
    assert list(np.flatnonzero(~run.predictions.found)) == [4, 6]
    assert np.nanmax(run.errors_mm()["absolute"]) < 1e-6
    assert np.nanmax(np.abs(run.predictions.latency_ms - 7.0)) < 1e-3
    assert run.time_s[-1] == pytest.approx(11 / 30)
