"""Frames of the test sets: labels where the pictures show the hand, left hands left, the same seed the same frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.frames_folder import open_folder, read_labels
from hand_pose_ros.types import HandPoseError
from training.cli import main
from training.test_sets import film
from training.test_sets.film import photograph, stage, write_test_set
from training.test_sets.rig import Rig

COUNT = 3


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, blocks: Rig) -> dict[str, Path]:
    """The same frames with clean depth, with a sensor's, and once more."""
    folder = tmp_path_factory.mktemp("sets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(film.RIGS, "webxr", lambda assets: blocks)
        write_test_set("webxr", folder / "clean", COUNT, 4, Path(), clean=True)
        write_test_set("webxr", folder / "noisy", COUNT, 4, Path())
    return {path.name: path for path in folder.iterdir()}


def test_joints_lie_in_the_hand_that_the_depth_shows(sets: dict[str, Path]) -> None:
    folder, labels = open_folder(sets["clean"]), read_labels(sets["clean"])
    assert labels is not None
    near = 0
    for index in range(COUNT):
        frame = folder.read(index)
        assert frame.depth_m is not None and frame.depth_m.shape == (480, 640)
        pixels = np.rint(project(labels.joints_m[index], frame.camera)).astype(int)
        inside = ((pixels >= 0) & (pixels < [640, 480])).all(1)
        seen = frame.depth_m[pixels[inside, 1], pixels[inside, 0]]
        behind = labels.joints_m[index, inside, 2] - seen
        # joints that are seen at all are less than a palm's thickness under what is seen before them
        near += ((behind > -0.004) & (behind < 0.03)).sum()
        assert (behind > -0.03).mean() > 0.9
        box = folder.box(index)
        assert box is not None
        assert ((pixels > box[:2] - 0.2 * box[2:]) & (pixels < box[:2] + 1.2 * box[2:]))[inside].mean() > 0.95
    assert near > 0.5 * 21 * COUNT


def test_clean_and_noisy_sets_show_the_same(sets: dict[str, Path]) -> None:
    clean, noisy = open_folder(sets["clean"]), open_folder(sets["noisy"])
    np.testing.assert_array_equal(clean.cameras, noisy.cameras)
    for index in range(COUNT):
        one, other = clean.read(index), noisy.read(index)
        assert one.depth_m is not None and other.depth_m is not None
        np.testing.assert_array_equal(one.rgb, other.rgb)
        both = (one.depth_m > 0) & (other.depth_m > 0) & (one.depth_m < 1.5)
        error = np.abs(one.depth_m - other.depth_m)[both]
        assert 0.0002 < np.median(error) < 0.02
        assert (other.depth_m == 0).mean() > (one.depth_m == 0).mean()


def test_frames_depend_on_seed_and_index_alone(blocks: Rig) -> None:
    one, other, third = (stage(blocks, np.random.default_rng([7, index])) for index in (1, 1, 2))
    np.testing.assert_array_equal(one.joints, other.joints)
    assert not np.allclose(one.joints, third.joints)
    pictures = [photograph(blocks, scene, 7, 1, clean=False) for scene in (one, other)]
    np.testing.assert_array_equal(pictures[0].rgb, pictures[1].rgb)
    np.testing.assert_array_equal(pictures[0].depth_m, pictures[1].depth_m)


def test_left_hands_are_mirror_images_of_right_ones(blocks: Rig) -> None:
    scenes = [stage(blocks, np.random.default_rng(seed)) for seed in range(20)]
    assert {scene.side for scene in scenes} == {"left", "right"}
    for scene in scenes:
        thumb, index, middle, little = (scene.joints[j] - scene.joints[0] for j in (1, 5, 9, 17))
        # out of the back of a right hand; its palm's side is where the thumb's base is
        back = np.cross(middle, index - little) * (1 if scene.side == "right" else -1)
        assert thumb @ back < 0


def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for arguments, message in (
        (["libhand", "--out", str(tmp_path / "a"), "--assets", str(tmp_path)], "needs LibHand's libhand_arm.npz"),
        (["webxr", "--out", str(tmp_path / "a"), "--assets", str(tmp_path)], "right.glb: cannot be read"),
        (["webxr", "--out", str(tmp_path / "full"), "--assets", str(tmp_path)], "is not an empty folder"),
        (["webxr", "--out", str(tmp_path / "a"), "--count", "0", "--assets", str(tmp_path)], "at least one"),
    ):
        assert main(["test-set", *arguments]) == 2
        assert message in capsys.readouterr().err
    (tmp_path / "right.glb").write_bytes(b"glTF, or is it")
    with pytest.raises(HandPoseError, match="not the WebXR generic hand"):
        write_test_set("webxr", tmp_path / "b", 1, 0, tmp_path)
