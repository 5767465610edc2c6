"""The demo's film: smooth, and its ground truth where the pictures show the hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.frames_folder import open_folder, read_labels
from training.cli import main
from training.hands.recording import motion, record

FRAMES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "film"
    record(path, FRAMES, seed=5)
    return path


def test_joints_lie_behind_the_depth_that_shows_them(folder: Path) -> None:
    recording, labels = open_folder(folder), read_labels(folder)
    assert labels is not None and list(labels.side) == ["right"] * FRAMES
    for i in range(FRAMES):
        frame = recording.read(i)
        assert frame.rgb is not None and frame.depth_m is not None
        assert frame.rgb.shape == (480, 640, 3) and frame.depth_m.shape == (480, 640)
        pixels = np.rint(project(labels.joints_m[i], frame.camera)).astype(int)
        seen = frame.depth_m[pixels[:, 1], pixels[:, 0]]
        behind = labels.joints_m[i, :, 2] - seen
        # a joint is under the skin or hidden by other fingers, never before what the camera sees of the hand
        on_hand = (seen > 0) & (seen < 1.0)
        assert on_hand.mean() > 0.7
        assert behind[on_hand].min() > -0.012
        assert np.median(behind[on_hand]) < 0.03


def test_the_hand_keeps_its_size_while_it_moves(folder: Path) -> None:
    labels = read_labels(folder)
    assert labels is not None
    palm = np.linalg.norm(labels.joints_m[:, 9] - labels.joints_m[:, 0], axis=1)
    np.testing.assert_allclose(palm, palm[0], rtol=1e-3)


def test_a_hand_that_keeps_still_is_where_the_motion_was_at_that_moment() -> None:
    moving, still = list(motion(5)), list(motion(3, still_at=0.5))
    for frame in still:
        for angles, wanted in zip(frame, moving[2], strict=True):
            np.testing.assert_allclose(angles, wanted, atol=1e-9)


def test_motion_is_smooth_and_ends_where_it_began() -> None:
    frames = list(motion(60))
    places = np.array([place for *_, place in frames])
    turns = np.array([turn for _, _, turn, _ in frames])
    flexion = np.array([angles for angles, *_ in frames])
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 0.02  # 0.6 m/s at 30 Hz
    assert np.abs(np.diff(flexion, axis=0)).max() < 25
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)
    np.testing.assert_allclose(places[0], places[-1], atol=1e-9)
    np.testing.assert_allclose(flexion[0], flexion[-1], atol=1e-9)


def test_with_gestures_the_fingers_wander_and_the_hand_moves_as_before(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["record", str(tmp_path / "film"), "--frames", str(FRAMES), "--seed", "5", "--gestures"]
    assert main(arguments) == 0
    usual, wandering = (read_labels(path) for path in (folder, tmp_path / "film"))
    assert usual is not None and wandering is not None
    np.testing.assert_allclose(wandering.joints_m.mean(1), usual.joints_m.mean(1), atol=1e-6)
    palm, tips = [0, 5, 9, 13, 17], [4, 8, 12, 16, 20]

    def own(joints: np.ndarray) -> np.ndarray:
        """Distances between palm and tips: a pose, wherever the hand is."""
        return np.linalg.norm(joints[:, tips, None] - joints[:, None, palm], axis=-1)

    assert np.abs(own(wandering.joints_m) - own(usual.joints_m)).max() > 0.01
    assert np.abs(np.diff(own(wandering.joints_m), axis=0)).max() > 0.01
    assert main([*arguments, "--still", "0.5"]) == 2
    assert "give one of them" in capsys.readouterr().err
