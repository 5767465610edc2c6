"""Labels by a model: they lie where the hand is, and what contradicts itself or the picture's class is left out."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.recordings import open_recording
from hand_pose_ros.types import HandPoseError
from training.pseudo.sheet import draw_labels
from training.pseudo.sources import RealHand
from training.pseudo.teacher import PATCH_PX, camera_of, finger_reach, label, load_labels, save_labels

ROOT = Path(__file__).parents[3]
ANY = np.array([[a, b, c, d] for a in (0, 1) for b in (0, 1) for c in (0, 1) for d in (0, 1)], bool)


@pytest.fixture(scope="module")
def estimator() -> HandEstimator:
    return HandEstimator(ROOT / "models" / "hand")


@pytest.fixture(scope="module")
def hands() -> list[RealHand]:
    """Frames of the demo's recording, with true boxes."""
    recording = open_recording(ROOT / "demo" / "recording")
    truth, made = recording.truth(), []
    for seen in islice(recording.frames(), 0, None, 60):
        pixels = project(truth[seen.name][0].joints_m, seen.frame.camera)
        low, high = pixels.min(0), pixels.max(0)
        assert seen.frame.rgb is not None
        made.append(RealHand(seen.name, seen.frame.rgb, None, np.concatenate([low, high - low]), "right", ANY))
    return made


def test_labels_lie_on_the_hand(estimator: HandEstimator, hands: list[RealHand]) -> None:
    labels, tally = label(hands, estimator)
    assert tally["kept"] == len(labels.rgb) == sum(tally.values()) - tally["looks differ"] > 0
    assert labels.rgb.shape[1:] == (PATCH_PX, PATCH_PX, 3) and labels.surface.shape[1:] == (256, 3)
    for k, joints in enumerate(labels.joints):
        pixels = project(joints, camera_of(labels, k))
        # framed with room on all sides, the hand's middle in the middle
        assert (pixels > 0).all() and (pixels < PATCH_PX).all()
        np.testing.assert_allclose(pixels.mean(0), PATCH_PX / 2, atol=0.1 * PATCH_PX)
    assert draw_labels(labels, 3).shape[2] == 3


def test_fingers_that_cannot_be_are_left_out(estimator: HandEstimator, hands: list[RealHand]) -> None:
    kept = label(hands, estimator)[1]["kept"]
    none = [replace(hand, stretched=np.zeros((0, 4), bool)) for hand in hands]
    labels, tally = label(none, estimator)
    assert tally["other fingers"] == kept and len(labels.rgb) == 0


def test_left_hands_are_kept_as_right_ones(estimator: HandEstimator, hands: list[RealHand]) -> None:
    width = hands[0].rgb.shape[1]
    mirrored = []
    for hand in hands:
        x, y, w, h = hand.box
        rgb = np.ascontiguousarray(hand.rgb[:, ::-1])
        mirrored.append(replace(hand, rgb=rgb, box=np.array([width - 1 - x - w, y, w, h]), side="left"))
    as_left, as_right = label(mirrored, estimator)[0], label(hands, estimator)[0]
    assert len(as_left.rgb) == len(as_right.rgb)
    # looks are drawn about another place, so estimates differ by what they differ among themselves; x the wrong way
    # round would be centimetres
    differences = (one.joints - one.joints[:, :1] for one in (as_left, as_right))
    assert np.linalg.norm(np.subtract(*differences), axis=-1).mean() < 0.01


def test_a_stretched_finger_reaches_its_length_and_a_bent_one_does_not() -> None:
    straight = np.array([[0.0, 0, 0], [0, 4, 0], [0, 7, 0], [0, 9, 0]])
    bent = np.array([[0.0, 0, 0], [0, 4, 0], [3, 4, 0], [3, 2, 0]])
    assert finger_reach(straight) == pytest.approx(1.0)
    assert finger_reach(bent) < 0.5


def test_labels_are_stored_and_what_is_none_is_named(
    estimator: HandEstimator, hands: list[RealHand], tmp_path: Path
) -> None:
    labels, _ = label(hands, estimator)
    save_labels(tmp_path / "labels.npz", labels)
    for name, values in vars(load_labels(tmp_path / "labels.npz")).items():
        np.testing.assert_array_equal(values, getattr(labels, name))
    (tmp_path / "other.npz").write_bytes(b"no zip")
    for name in ("other.npz", "missing.npz"):
        with pytest.raises(HandPoseError, match="make them with `hand-pose-train label`"):
            load_labels(tmp_path / name)
    save_labels(tmp_path / "empty.npz", label([], estimator)[0])
    with pytest.raises(HandPoseError, match="no labelled hands"):
        load_labels(tmp_path / "empty.npz")
