"""The competition is given its due: what stands around MediaPipe is exact, and the table says what was measured."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest
from bundles import make_test_bundle
from scenes import arm, arm_frame

from hand_pose_ros.benchmark.compare import Row
from hand_pose_ros.benchmark.report import budgets, plot, table
from hand_pose_ros.cli import main
from hand_pose_ros.frames_folder import write_folder

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools/baseline"))
from mediapipe_hands import lift, place

CAMERA = np.array([600.0, 610.0, 320.0, 240.0])


def project(points: np.ndarray) -> np.ndarray:
    return points[:, :2] / points[:, 2:] * CAMERA[:2] + CAMERA[2:]


def test_landmarks_lifted_lie_on_what_the_camera_measured() -> None:
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-0.1, 0.1, (21, 2)), np.full(21, 0.5)])
    depth_m = np.full((480, 640), 0.5)
    np.testing.assert_allclose(lift(project(points), depth_m, CAMERA, 0.0), points, atol=1e-9)
    deeper = lift(project(points), depth_m, CAMERA, 0.008)
    np.testing.assert_allclose(np.linalg.norm(deeper - points, axis=1), 0.008)
    np.testing.assert_allclose(project(deeper), project(points), atol=1e-6)


def test_a_landmark_in_a_hole_takes_the_nearest_depth_and_far_from_any_the_hands() -> None:
    depth_m = np.zeros((480, 640))
    depth_m[:, :330] = 0.5
    flat = np.full((21, 2), 300.0)
    flat[1] = 332, 300  # three pixels beside the last measured column
    flat[2] = 600, 300
    lifted = lift(flat, depth_m, CAMERA, 0.0)
    assert lifted[[0, 1, 2], 2] == pytest.approx([0.5, 0.5, 0.5])


def test_world_landmarks_are_placed_where_the_camera_sees_them() -> None:
    rng = np.random.default_rng(1)
    world = rng.uniform(-0.08, 0.08, (21, 3))
    turn = cv2.Rodrigues(np.array([0.3, -0.5, 0.2]))[0]
    true = world @ turn.T + [0.05, -0.02, 0.6]
    np.testing.assert_allclose(place(world, project(true), CAMERA), true, atol=1e-4)


ROWS = [
    Row("real", "hand 1, rgbd, following, 1 thread", 12, 12, 10.0, 9.0, 6.5, 5.0, 12.0, 4.0),
    Row("real", "hand 1, rgbd, following 4 hands, 1 thread", 12, 12, 10.0, 9.0, 6.5, 15.0, 28.0, 9.0),
    Row("real", "MediaPipe full, lift + 8 mm, following", 12, 11, 12.0, 12.0, 9.0, 20.0, 30.0, 19.0),
    Row("film", "hand 1, rgbd, looking, 1 thread", 3, 0, None, None, None, 5.0, 8.0, 4.0),
]


def test_the_table_and_the_plot_show_what_was_measured() -> None:
    lines = table(ROWS).splitlines()
    assert lines[4] == (
        "| real | MediaPipe full, lift + 8 mm, following | 11 of 12 | 12.0 | 12.0 | 9.0 | 20.0 | 30.0 | 19.0 |"
    )
    assert len(lines) == 6 and "| – | – | – |" in lines[5]
    circles = list(ElementTree.fromstring(plot(ROWS)).iter("{http://www.w3.org/2000/svg}circle"))
    assert [circle.get("fill") == "none" for circle in circles] == [False, True]
    assert float(circles[0].get("cx", 0)) < float(circles[1].get("cx", 0))
    assert float(circles[0].get("cy", 0)) > float(circles[1].get("cy", 0))  # less error is lower


def test_budgets_are_held_against_one_hand_and_several() -> None:
    (line,) = budgets(ROWS).splitlines()
    assert line.startswith("real, hand 1, rgbd, following, 1 thread: median 5.0 of 6 ms, kept; p99 12.0 of 10 ms, not")
    assert "4 hands on processors 2.2 of 2.5 times one, kept" in line


def test_any_bundle_is_timed_looking_and_following_with_what_it_sees(tmp_path: Path, capsys) -> None:
    balls, _ = arm((0.05, 0.06, 0.6), (0.0, -1.0, 0.0))
    truth = np.random.default_rng(0).normal((0.05, 0.0, 0.6), 0.04, (2, 21, 3))
    write_folder(tmp_path / "film", ["a", "b"], [arm_frame(balls)] * 2, joints_m=truth)
    bundle = make_test_bundle(tmp_path / "bundle", ("depth", "cloud"))
    json_file, picture = tmp_path / "rows.json", tmp_path / "plot.svg"
    command = ["bench-model", str(tmp_path / "film"), "--model", str(bundle), "--rounds", "2", "--threads", "1"]
    assert main([*command, "--json", str(json_file), "--plot", str(picture)]) == 0
    assert "test-hand 0.0.1, depth, following, 1 thread" in capsys.readouterr().out
    rows = json.loads(json_file.read_text())["rows"]
    names = [f"test-hand 0.0.1, depth, {way}, 1 thread" for way in ("looking", "following", "following 4 hands")]
    assert [row["name"] for row in rows] == names
    for row in rows:
        assert (row["frames"], row["found"]) == (2, 2)
        assert row["cpu_ms"] > 0 and 0 < row["median_ms"] <= row["p99_ms"]
        assert row["aligned_mm"] is not None
    ElementTree.fromstring(picture.read_text())


def test_a_missing_bundle_is_named(tmp_path: Path, capsys) -> None:
    assert main(["bench-model", "--model", str(tmp_path / "nothing")]) == 2
    assert "no model bundle" in capsys.readouterr().err
