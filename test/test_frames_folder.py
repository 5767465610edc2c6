"""Frames folders: what is written is read back, and every defect is named."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.frames_folder import depth_to_mm, open_folder, read_labels, write_folder
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(100.0, 101.0, 16.0, 12.0, 32, 24)


def frames(count: int = 3) -> list[RgbdFrame]:
    generator = np.random.default_rng(0)
    return [
        RgbdFrame(
            CAMERA,
            generator.integers(0, 256, (24, 32, 3), np.uint8),
            generator.integers(0, 3000, (24, 32)).astype(np.float32) / 1000,
        )
        for _ in range(count)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    joints = np.random.default_rng(1).normal(size=(3, 21, 3)).astype(np.float32)
    boxes = np.array([[1, 2, 3, 4], [np.nan] * 4, [5, 6, 7, 8]], np.float32)
    path = tmp_path / "folder"
    sides = ["left", "right", "right"]
    write_folder(path, ["a", "b", "c"], frames(), joints_m=joints, side=sides, boxes=boxes, picture="png")
    return path


def rewrite(folder: Path, **changes: object) -> None:
    """Replaces arrays of labels.npz; None leaves one out."""
    arrays = {**np.load(folder / "labels.npz"), **changes}
    np.savez(folder / "labels.npz", **{key: value for key, value in arrays.items() if value is not None})


def test_round_trip(folder: Path) -> None:
    opened = open_folder(folder)
    assert opened.names == ("a", "b", "c") and len(opened) == 3
    for index, frame in enumerate(frames()):
        read = opened.read(index)
        assert read.camera == CAMERA
        assert np.array_equal(read.rgb, frame.rgb) and np.array_equal(read.depth_m, frame.depth_m)
    assert list(opened.box(0)) == [1, 2, 3, 4] and opened.box(1) is None
    labels = read_labels(folder)
    assert np.array_equal(labels.joints_m, np.random.default_rng(1).normal(size=(3, 21, 3)).astype(np.float32))
    assert list(labels.side) == ["left", "right", "right"]


def test_jpeg_is_close_and_the_stored_types_are_those_of_the_contract(tmp_path: Path) -> None:
    grey = np.full((24, 32, 3), 90, np.uint8)
    write_folder(tmp_path, ["x"], [RgbdFrame(CAMERA, grey, np.full((24, 32), 0.4567, np.float32))])
    assert np.abs(open_folder(tmp_path).read(0).rgb.astype(int) - 90).max() <= 2
    stored = cv2.imread(str(tmp_path / "x_depth.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16 and (stored == 457).all()
    assert read_labels(tmp_path) is None


def test_one_kind_of_picture_is_enough(folder: Path) -> None:
    (folder / "a_depth.png").unlink()
    (folder / "b_rgb.png").unlink()
    opened = open_folder(folder)
    assert opened.read(0).depth_m is None and opened.read(0).rgb is not None
    assert opened.read(1).rgb is None and opened.read(1).camera.width == 32


def test_depth_that_16_bits_cannot_hold_becomes_nothing_measured() -> None:
    assert list(depth_to_mm(np.array([0.5, np.nan, np.inf, -1.0, 70.0, 65.535]))) == [500, 0, 0, 0, 0, 65535]


def test_ground_truth_never_reaches_estimation(folder: Path) -> None:
    rewrite(folder, joints_m=np.zeros(2), side=np.zeros(5))
    assert len(open_folder(folder)) == 3
    with pytest.raises(HandPoseError, match=r"'joints_m' must be numbers of shape \(3, 21, 3\)"):
        read_labels(folder)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"camera": None}, "needs the arrays 'frame'"),
        ({"camera": np.zeros((3, 4))}, "calibrate"),
        ({"camera": np.full((3, 4), np.nan)}, "calibrate"),
        ({"camera": np.ones((2, 4))}, r"'camera' must be numbers of shape \(3, 4\)"),
        ({"box": np.ones((3, 5))}, r"'box' must be numbers of shape \(3, 4\)"),
        ({"frame": np.array([1, 2, 3])}, "'frame' must be a list of names"),
        ({"frame": np.array([], np.str_)}, "'frame' must be a list of names"),
        ({"frame": np.array(["a", None, "b"], object)}, "not a readable npz"),
    ],
)
def test_wrong_labels_are_named(folder: Path, changes: dict[str, object], complaint: str) -> None:
    rewrite(folder, **changes)
    with pytest.raises(HandPoseError, match=complaint) as caught:
        open_folder(folder)
    assert str(folder) in str(caught.value)


def test_wrong_sides_are_named(folder: Path) -> None:
    rewrite(folder, side=np.array(["left"]))
    with pytest.raises(HandPoseError, match="'side' must be 3 times"):
        read_labels(folder)


def test_folders_that_are_none(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(HandPoseError, match="no such folder"):
        open_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(HandPoseError, match="no pictures"):
        open_folder(tmp_path / "empty")
    (folder / "labels.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(HandPoseError, match="not a readable npz"):
        open_folder(folder)
    (folder / "labels.npz").unlink()
    with pytest.raises(HandPoseError, match=r"labels.npz: missing"):
        open_folder(folder)


def test_pictures_that_cannot_be_used(folder: Path) -> None:
    opened = open_folder(folder)
    (folder / "a_rgb.png").write_bytes((folder / "a_rgb.png").read_bytes()[:40])
    with pytest.raises(HandPoseError, match=r"a_rgb\.png: not a readable picture"):
        opened.read(0)
    cv2.imwrite(str(folder / "b_depth.png"), np.zeros((10, 10), np.uint16))
    with pytest.raises(HandPoseError, match="depth is 10x10 but colour is 32x24"):
        opened.read(1)
    cv2.imwrite(str(folder / "b_depth.png"), np.zeros((24, 32), np.uint8))
    with pytest.raises(HandPoseError, match="16-bit"):
        opened.read(1)
    (folder / "c_rgb.png").unlink()
    (folder / "c_depth.png").unlink()
    with pytest.raises(HandPoseError, match=r"frame 'c' of labels\.npz has no picture"):
        opened.read(2)


def test_real_folders_open(shared_data: Path) -> None:
    folder = open_folder(shared_data / "real_rgbd")
    frame = folder.read(0)
    labels = read_labels(shared_data / "real_rgbd")
    assert len(folder) == len(labels.joints_m) == 12
    assert frame.depth_m.shape == (480, 640) and 0.3 < np.median(frame.depth_m[frame.depth_m > 0]) < 0.8
