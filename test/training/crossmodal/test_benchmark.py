"""The benchmark: the same hands in every modality, and none in two splits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.types import HandPoseError
from training.crossmodal.benchmark import FIELDS, SEEN_RATIO, UNSEEN_RATIO, Benchmark, drawn, finger_ratio, load_split
from training.hands.model import Array
from training.hands.scene import CROP_SIZE_M

SMALL = Benchmark(24, 4, 6, 5, 32, None, None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def train(root: Path) -> dict[str, Array]:
    return load_split(SMALL, "train", FIELDS, root)


def test_arrays_are_as_told(train: dict[str, Array]) -> None:
    shapes = {name: values.shape for name, values in train.items()}
    assert shapes == {
        "joints": (24, 21, 3), "joints_2d": (24, 21, 2), "right": (24,), "cloud": (24, 1024, 3), "depth": (24, 32, 32),
        "rgb": (24, 32, 32, 3), "mask": (24, 32, 32),
    }  # fmt: skip
    assert 4 < train["right"].sum() < 20
    assert train["rgb"].dtype == np.uint8 and train["rgb"].std() > 10


def test_all_modalities_show_the_same_hand(train: dict[str, Array]) -> None:
    cloud, joints = train["cloud"].astype(float), train["joints"].astype(float)

    def gap(other: Array) -> float:
        return float(np.median(np.linalg.norm(cloud[:, :, None] - other[:, None], axis=-1).min(2)))

    assert gap(joints) < 0.025  # points are on the skin about the joints
    assert gap(joints) < 0.75 * gap(np.roll(joints, 1, 0))
    # where the camera measured something at the middle knuckle, it is about as far away, unless a thing is in the way
    pixel = ((train["joints_2d"][:, 9] + 1) * 16 - 0.5).round().astype(int).clip(0, 31)
    seen = train["depth"][np.arange(24), pixel[:, 1], pixel[:, 0]].astype(float)
    error = np.abs(seen * CROP_SIZE_M / 2 - joints[:, 9, 2])[seen < 1]
    assert len(error) > 8 and np.median(error) < 0.04


def test_the_mask_is_where_the_hand_is(train: dict[str, Array]) -> None:
    mask = train["mask"]
    pixel = ((train["joints_2d"][:, 9] + 1) * 16 - 0.5).round().astype(int).clip(0, 31)
    assert mask.dtype == bool and 0.05 < mask.mean() < 0.5
    assert mask[np.arange(24), pixel[:, 1], pixel[:, 0]].mean() > 2 * mask.mean()


def test_left_hands_are_mirrored(train: dict[str, Array]) -> None:
    joints = train["joints"].astype(float)
    across = np.cross(joints[:, 5] - joints[:, 0], joints[:, 17] - joints[:, 0])
    thumb = ((joints[:, 2] - joints[:, 0]) * across).sum(1)  # above or below the palm
    right = train["right"] > 0.5
    assert np.sign(np.median(thumb[right])) != np.sign(np.median(thumb[~right]))


def test_unseen_hands_have_longer_fingers_than_any_other(root: Path) -> None:
    ratios = {s: finger_ratio(load_split(SMALL, s, ("joints",), root)["joints"]) for s in ("train", "test", "unseen")}
    assert max(ratios["train"].max(), ratios["test"].max()) < SEEN_RATIO < UNSEEN_RATIO < ratios["unseen"].min()


def test_what_was_made_is_kept_and_can_be_made_again(root: Path, train: dict[str, Array], tmp_path: Path) -> None:
    files = sorted(path.name for path in SMALL.folder(root).glob("train_*"))
    assert files == sorted(f"train_{field}.npy" for field in FIELDS)
    again = load_split(SMALL, "train", ("joints_2d", "cloud", "depth"), tmp_path)  # in another order, elsewhere
    for name, values in again.items():
        np.testing.assert_array_equal(values, train[name])
    assert SMALL.folder(root) != replace(SMALL, train=25).folder(root)
    assert replace(SMALL, skins="a/skins").folder(root) == replace(SMALL, skins="b/skins").folder(root)


def test_what_was_drawn_has_a_name_of_its_own(tmp_path: Path) -> None:
    names = drawn(SMALL, ("joints", "right"), tmp_path)
    assert names == drawn(SMALL, ("joints", "right"), tmp_path) and names["joints"] != names["right"]
    path = SMALL.folder(tmp_path) / "unseen_joints.npy"
    joints = np.load(path)
    joints[0, 0, 0] += 1e-6
    np.save(path, joints)
    again = drawn(SMALL, ("joints", "right"), tmp_path)
    assert again["joints"] != names["joints"] and again["right"] == names["right"]


def test_missing_skins_are_named(tmp_path: Path) -> None:
    missing = replace(SMALL, skins=str(tmp_path / "none"))
    with pytest.raises(HandPoseError, match=r"skins '.*none' are no folder; write null"):
        load_split(missing, "test", ("rgb",), tmp_path)
