"""The competition is given its due: what stands around MediaPipe is exact, and the table says what was measured."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path += [
    str(Path(__file__).resolve().parents[1] / "tools"),
    str(Path(__file__).resolve().parents[1] / "tools/baseline"),
]

from bench_baseline import Row, plot, table
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


def test_the_table_and_the_plot_show_every_row() -> None:
    rows = [
        Row("real", "hand, rgbd", 12, 12, 10.0, 9.0, 6.5, 5.0, 8.0),
        Row("real", "MediaPipe", 12, 11, 12, 12, 9, 20, 30),
    ]
    lines = table(rows).splitlines()
    assert lines[2] == "| real | hand, rgbd | 12 of 12 | 10.0 | 9.0 | 6.5 | 5.0 | 8.0 |" and len(lines) == 4
    circles = list(ElementTree.fromstring(plot(rows)).iter("{http://www.w3.org/2000/svg}circle"))
    assert [circle.get("fill") == "none" for circle in circles] == [False, True]
    assert float(circles[0].get("cx", 0)) < float(circles[1].get("cx", 0))
    assert float(circles[0].get("cy", 0)) > float(circles[1].get("cy", 0))  # less error is lower
