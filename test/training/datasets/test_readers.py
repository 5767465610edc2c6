"""Every reader on a tiny data set in its official layout."""

from pathlib import Path

import numpy as np
import pytest
from dataset_layouts import DEPTH_MM, LEFT_HAND_M, RIGHT_HAND_M, SPOT, SPOT_MM, WRITERS, moved, pixels

from hand_pose_ros.camera import project
from hand_pose_ros.types import HandPoseError
from training.datasets import NAMES, open_dataset, splits
from training.datasets.stb import DEPTH_FROM_COLOUR, DEPTH_FROM_COLOUR_MM


def test_there_is_a_layout_for_every_reader() -> None:
    assert set(WRITERS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_known_hand_is_read_back(name: str, tmp_path: Path) -> None:
    tiny = WRITERS[name](tmp_path)
    samples = list(open_dataset(name, tmp_path, tiny.split))
    if name == "stb":  # frame by frame, camera by camera
        samples.sort(key=lambda sample: (sample.name.partition("_")[0], "right" in sample.name, sample.name))
    assert [sample.side for sample in samples] == tiny.sides
    assert len({sample.name for sample in samples}) == len(samples)
    for sample, hand_m in zip(samples, tiny.hands_m, strict=True):
        np.testing.assert_allclose(sample.joints_m, hand_m, atol=2e-6)
        assert "/" not in sample.name
        assert (sample.valid == np.isfinite(hand_m).all(axis=1)).all()
        if sample.camera is not None:
            np.testing.assert_allclose(sample.joints_px, project(sample.joints_m, sample.camera), atol=1e-2)
    for sample, hand_px in zip(samples, tiny.hands_px, strict=False):
        np.testing.assert_allclose(sample.joints_px, hand_px, atol=1e-6)
        assert sample.camera is None and (sample.valid_px == np.isfinite(hand_px).all(axis=1)).all()
    if tiny.palm_m is not None:
        np.testing.assert_allclose(samples[0].palm_m, tiny.palm_m, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_read_in_metres(name: str, tmp_path: Path) -> None:
    tiny = WRITERS[name](tmp_path)
    for sample in open_dataset(name, tmp_path, tiny.split):
        rgb, depth_m = sample.pictures()
        assert rgb is not None or depth_m is not None
        assert (depth_m is not None) == tiny.depth
        if depth_m is not None:
            assert depth_m[SPOT] == pytest.approx(SPOT_MM / 1000, abs=1e-4)
            assert depth_m[30, 30] == pytest.approx(DEPTH_MM / 1000, abs=1e-4)
        if sample.camera is not None:
            frame = sample.frame()
            seen = frame.rgb if frame.rgb is not None else frame.depth_m
            assert seen.shape[:2] == (frame.camera.height, frame.camera.width) or name in ("interhand",)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match=f"^{name}: "):
        list(open_dataset(name, tmp_path))
    with pytest.raises(HandPoseError, match="no such folder"):
        open_dataset(name, tmp_path / "none")
    with pytest.raises(HandPoseError, match=r"no split 'x'; there are \w"):
        open_dataset(name, tmp_path, "x")


@pytest.mark.parametrize("name", NAMES)
def test_labels_that_are_cut_off_are_an_error_of_one_sentence(name: str, tmp_path: Path) -> None:
    tiny = WRITERS[name](tmp_path)
    labels = [
        path for path in tmp_path.rglob("*") if path.suffix in (".json", ".txt", ".pickle", ".pkl", ".mat", ".npz")
    ]
    for path in labels:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 2 // 3].rstrip(b"\n0123456789."))
    with pytest.raises(HandPoseError, match=f"^{name}: "):
        list(open_dataset(name, tmp_path, tiny.split))


def test_unknown_sets_are_refused() -> None:
    with pytest.raises(HandPoseError, match="'mano' is no data set that can be read; there are assemblyhands"):
        splits("mano")


def test_rhd_tells_which_joints_are_hidden(tmp_path: Path) -> None:
    WRITERS["rhd"](tmp_path)
    first, second = open_dataset("rhd", tmp_path)
    assert first.visible.all() and list(np.flatnonzero(~second.visible)) == [8]


def test_freihand_repeats_its_labels_for_every_background(tmp_path: Path) -> None:
    WRITERS["freihand"](tmp_path)
    for name in ("xyz", "K"):
        (tmp_path / f"training_{name}.json").write_text((tmp_path / f"evaluation_{name}.json").read_text())
    place = tmp_path / "training" / "rgb"
    place.mkdir(parents=True)
    for number in range(8):
        (place / f"{number:08d}.jpg").write_bytes((tmp_path / "evaluation" / "rgb" / "00000000.jpg").read_bytes())
    samples = list(open_dataset("freihand", tmp_path, "training"))
    assert len(samples) == 8
    np.testing.assert_allclose(samples[5].joints_m, moved(RIGHT_HAND_M, 1))


def test_ho3d_evaluation_takes_the_published_joints(tmp_path: Path) -> None:
    WRITERS["ho3d"](tmp_path)
    (tmp_path / "train").rename(tmp_path / "evaluation")
    (tmp_path / "train.txt").rename(tmp_path / "evaluation.txt")
    (tmp_path / "evaluation.txt").write_text("ABF10/0001\n")
    with pytest.raises(HandPoseError, match=r"evaluation_xyz\.json: missing; download the ground truth"):
        list(open_dataset("ho3d", tmp_path, "evaluation"))
    order = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20]
    joints = LEFT_HAND_M[order] * (1, -1, -1)
    (tmp_path / "evaluation_xyz.json").write_text(str([joints.tolist()]))
    (sample,) = open_dataset("ho3d", tmp_path, "evaluation")
    np.testing.assert_allclose(sample.joints_m, LEFT_HAND_M)


def test_assemblyhands_leaves_out_hands_outside_the_picture_and_turns_boxes(tmp_path: Path) -> None:
    WRITERS["assemblyhands"](tmp_path)
    samples = list(open_dataset("assemblyhands", tmp_path))
    assert len(samples) == 3 and samples[0].box_px.tolist() == [5.0, 6.0, 20.0, 40.0]


def test_dexycb_splits_go_by_places_and_say_what_is_missing(tmp_path: Path) -> None:
    WRITERS["dexycb"](tmp_path)
    with pytest.raises(HandPoseError, match="has 1 sequences, but the split 's0_val' goes by their places"):
        list(open_dataset("dexycb", tmp_path, "s0_val"))
    subject = tmp_path / "20200709-subject-01"
    for number in range(99):
        (subject / f"20210101_{number:06d}").mkdir()
    # The one sequence with frames is the subject's first: in s0 the first for training, and not among every fifth.
    for camera in range(1, 8):
        (subject / "20200709_141754" / f"9{camera}").mkdir()
        (tmp_path / "calibration" / "intrinsics" / f"9{camera}_640x480.yml").write_text(
            "color: {fx: 1.0, fy: 1.0, ppx: 1.0, ppy: 1.0}"
        )
    assert "141754" in next(open_dataset("dexycb", tmp_path, "s0_train")).name
    with pytest.raises(HandPoseError, match=r"20210101_000003/meta.yml: missing"):
        next(open_dataset("dexycb", tmp_path, "s0_val"))
    assert list(open_dataset("dexycb", tmp_path, "s1_test")) == []


def test_stb_turns_labels_into_the_colour_cameras_frame(tmp_path: Path) -> None:
    WRITERS["stb"](tmp_path)
    colour = next(open_dataset("stb", tmp_path, "test_sk"))
    depth = next(open_dataset("stb", tmp_path, "test_depth"))
    back = colour.joints_m @ DEPTH_FROM_COLOUR.T + DEPTH_FROM_COLOUR_MM / 1000
    np.testing.assert_allclose(back, depth.joints_m, atol=1e-9)
    assert colour.depth is None and depth.rgb is None and depth.camera.fx == 475.62768
    assert depth.pictures()[1][SPOT] == pytest.approx(SPOT_MM / 1000, abs=1e-4)


def test_panoptic_dome_hands_have_no_side(tmp_path: Path) -> None:
    WRITERS["panoptic"](tmp_path)
    (sample,) = open_dataset("panoptic", tmp_path, "dome")
    assert sample.side == "" and np.isnan(sample.joints_px[6]).all()
    np.testing.assert_allclose(sample.joints_px[7], pixels(RIGHT_HAND_M)[7])


def test_msra_refuses_depth_that_does_not_fit_its_header(tmp_path: Path) -> None:
    WRITERS["msra"](tmp_path)
    path = tmp_path / "P0" / "1" / "000000_depth.bin"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(HandPoseError, match="do not fit its header"):
        next(open_dataset("msra", tmp_path, "P0")).pictures()
