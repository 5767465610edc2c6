"""The demo's film: smooth, and its ground truth where the pictures show the hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.frames_folder import open_folder, read_labels
from training.cli import main
from training.hands.model import Array
from training.hands.recording import Film, motion, record

FRAMES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "film"
    record(path, Film(FRAMES, seed=5))
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


@pytest.fixture(scope="module")
def depth_of_a_still_hand(tmp_path_factory: pytest.TempPathFactory) -> Array:
    """(T, H, W) metres of a recording, 0 for nothing."""
    path = tmp_path_factory.mktemp("still") / "film"
    assert main(["record", str(path), "--frames", "12", "--seed", "5", "--still", "0.5"]) == 0
    recording, labels = open_folder(path), read_labels(path)
    assert labels is not None and np.ptp(labels.joints_m, axis=0).max() < 1e-9
    depth = [recording.read(i).depth_m for i in range(12)]
    assert all(frame is not None for frame in depth)
    return np.stack(depth)  # type: ignore[arg-type]


def relief(depth: Array, around: int) -> Array:
    """How far apart (H, W) depths (T, H, W) lie within `around` pixels, as most frames have them."""
    most = np.nanmedian(np.where(depth > 0, depth, np.nan), axis=0).astype(np.float32)
    square = np.ones((2 * around + 1, 2 * around + 1), np.uint8)
    return np.asarray(cv2.dilate(most, square) - cv2.erode(most, square))


def test_holes_and_outlines_of_a_still_hand_flicker_from_frame_to_frame(depth_of_a_still_hand: Array) -> None:
    """As of a sensor whose noise is drawn anew with each frame, and at edges alone."""
    depth = depth_of_a_still_hand
    holes = depth == 0
    ever = holes.any(0)
    assert 500 < ever.sum() < 0.02 * ever.size and not holes[:, relief(depth, around=4) < 0.01].any()
    assert holes.all(0).sum() < 0.01 * ever.sum()  # none is stuck
    alike = [(holes[lag:] & holes[:-lag]).sum() / holes[lag:].sum() for lag in (1, 2, 5)]
    assert max(alike) < 0.5 and np.ptp(alike) < 0.05  # the last frame tells no more than any other
    outline = relief(depth, around=1) > 0.3  # between the hand and the wall
    ahead, both = depth[:, outline] < 1.0, ~(holes[1:] | holes[:-1])[:, outline]
    assert 0.03 < (ahead[1:] != ahead[:-1])[both].mean() < 0.5


def test_flat_surfaces_of_a_still_hand_stay(depth_of_a_still_hand: Array) -> None:
    depth = depth_of_a_still_hand
    flat = relief(depth, around=4) < 0.012
    for surface in (flat & (depth[0] > 1.2), flat & (depth[0] < 0.8)):
        seen = depth[:, surface]
        assert surface.sum() > 10_000 and seen.min() > 0
        assert 0 < seen.std(0).mean() < 0.001  # noise within a millimetre
        assert np.ptp(seen.mean(1)) < 0.0003  # in which no frame as a whole comes nearer


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
