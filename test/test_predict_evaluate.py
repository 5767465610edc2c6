"""From a recording to predictions and to figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from bundles import make_test_bundle, rigid_hand

from hand_pose_ros import metrics
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.evaluate import evaluate, match_truth, nearest_hand, table
from hand_pose_ros.predict import Predictions, most_confident, predict
from hand_pose_ros.recordings import NamedFrame, TrueHand
from hand_pose_ros.skeleton import JOINT_NAMES
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> HandEstimator:
    return HandEstimator(make_test_bundle(tmp_path_factory.mktemp("bundle") / "test-hand"))


def blob_frame(name: str, seen: bool = True) -> NamedFrame:
    """A hand-sized box of depth half a metre away, or an empty picture."""
    depth_m = np.zeros((240, 320), np.float32)
    if seen:
        depth_m[80:170, 120:200] = 0.5
    return NamedFrame(name, RgbdFrame(CAMERA, np.full((240, 320, 3), 90, np.uint8), depth_m))


def made_predictions(count: int = 40, noise_m: float = 0.004) -> tuple[Predictions, dict[str, list[TrueHand]]]:
    """Predictions with Gaussian errors and the covariance that belongs to them."""
    generator = np.random.default_rng(0)
    truth_m = generator.normal((0.0, 0.0, 0.5), 0.05, size=(count, 21, 3))
    names = [str(index) for index in range(count)]
    predictions = Predictions(
        np.array(names),
        truth_m + generator.normal(scale=noise_m, size=truth_m.shape),
        np.broadcast_to(np.eye(3) * noise_m**2, (count, 21, 3, 3)).copy(),
        np.array(["right"] * count),
        np.full(count, 0.9),
        np.linspace(1.0, 2.0, count),
    )
    return predictions, {name: [TrueHand(joints, "right")] for name, joints in zip(names, truth_m, strict=True)}


def test_predictions_have_the_shapes_of_the_contract(estimator: HandEstimator, tmp_path: Path) -> None:
    told: list[int] = []
    frames = [blob_frame("a"), blob_frame("b", seen=False), blob_frame("c")]
    predictions = predict(estimator, frames, modalities="depth", progress=told.append)
    predictions.save(tmp_path / "deep" / "predictions.npz")
    with np.load(tmp_path / "deep" / "predictions.npz", allow_pickle=False) as saved:
        shapes = {key: saved[key].shape for key in saved}
        assert list(saved["frame"]) == ["a", "b", "c"]
        assert np.isfinite(saved["joints_m"][[0, 2]]).all() and np.isnan(saved["joints_m"][1]).all()
        assert list(saved["side"]) == ["right", "", "right"]
    assert shapes == {
        "frame": (3,), "joints_m": (3, 21, 3), "joint_cov_m2": (3, 21, 3, 3),
        "side": (3,), "confidence": (3,), "latency_ms": (3,),
    }  # fmt: skip
    assert told == [1, 2, 3] and (predictions.latency_ms > 0).all()
    assert list(predictions.found) == [True, False, True]


def test_the_estimate_is_where_the_hand_is(estimator: HandEstimator) -> None:
    frame = blob_frame("a")
    predictions = predict(estimator, [NamedFrame("a", frame.frame, np.array([120.0, 80.0, 80.0, 90.0]))])
    centre = predictions.joints_m[0] - rigid_hand()
    assert np.abs(centre.mean(axis=0) - (0.0, 0.008, 0.5)).max() < 0.03


def test_the_box_reaches_the_estimator(estimator: HandEstimator) -> None:
    frame = RgbdFrame(CAMERA, np.full((240, 320, 3), 90, np.uint8))
    left, right = (
        predict(estimator, [NamedFrame("a", frame, np.array([x, 80.0, 60.0, 60.0]))]).joints_m[0, :, 0].mean()
        for x in (20.0, 220.0)
    )
    assert left < 0 < right


def test_unusable_frames_are_named(estimator: HandEstimator) -> None:
    no_depth = NamedFrame("frame7", RgbdFrame(CAMERA, np.zeros((240, 320, 3), np.uint8)))
    with pytest.raises(HandPoseError, match="frame 'frame7'"):
        predict(estimator, [no_depth], modalities="depth")
    with pytest.raises(HandPoseError, match="no complete frame"):
        predict(estimator, [])


def test_most_confident_of_none_is_none() -> None:
    assert most_confident([]) is None


def test_predictions_that_cannot_be_saved_say_why(tmp_path: Path) -> None:
    predictions, _ = made_predictions(2)
    with pytest.raises(HandPoseError, match="cannot be written"):
        predictions.save(tmp_path)


def test_figures_of_known_noise() -> None:
    predictions, truth = made_predictions()
    result = evaluate(predictions, truth)
    # The mean length of a 3D Gaussian vector of standard deviation s is 2 s sqrt(2 / pi).
    expected_mm = 4.0 * 2 * np.sqrt(2 / np.pi)
    absolute = result.scores["absolute"]
    assert absolute.mean_mm == pytest.approx(expected_mm, rel=0.05)
    assert absolute.interval_mm[0] < absolute.mean_mm < absolute.interval_mm[1]
    assert result.scores["wrist-relative"].per_joint_mm["wrist"] == 0.0
    assert result.scores["aligned"].mean_mm < absolute.mean_mm
    assert result.coverage[0.9] == pytest.approx(0.9, abs=0.04)
    assert result.side_accuracy == 1.0 and result.latency_median_ms == pytest.approx(1.5)
    assert set(absolute.per_joint_mm) == set(JOINT_NAMES) and absolute.pcf_40mm == 1.0


def test_constant_offsets_are_told_apart_from_errors() -> None:
    predictions, truth = made_predictions(noise_m=0.001)
    frames = metrics.palm_frames(predictions.joints_m, list(predictions.side))
    for index, hands in enumerate(truth.values()):
        hands[0].joints_m[4] += frames[index] @ (0.02, 0.0, 0.0)
    result = evaluate(predictions, truth)
    assert result.offsets_mm["thumb_tip"] == pytest.approx([20.0, 0.0, 0.0], abs=1.0)
    assert result.scores["absolute"].per_joint_mm["thumb_tip"] == pytest.approx(20.0, abs=1.0)
    assert result.scores["absolute"].without_offsets_mm < 0.75 * result.scores["absolute"].mean_mm


def test_of_several_true_hands_the_nearest_counts() -> None:
    predictions, truth = made_predictions(3)
    far = TrueHand(truth["1"][0].joints_m + 0.3, "left")
    truth["1"].insert(0, far)
    joints_m, side = match_truth(predictions, truth)
    assert np.array_equal(joints_m[1], truth["1"][1].joints_m) and side[1] == "right"


def test_a_true_hand_without_labels_is_not_the_nearest() -> None:
    predictions, truth = made_predictions(1)
    (true,) = truth["0"]
    unlabelled = TrueHand(np.full((21, 3), np.nan), "left")
    assert nearest_hand(predictions.joints_m[0], [unlabelled, true]) is true
    assert nearest_hand(np.full((21, 3), np.nan), [unlabelled, true]) is unlabelled
    assert nearest_hand(predictions.joints_m[0], []) is None


def test_frames_without_hand_or_truth_are_counted_but_not_compared() -> None:
    predictions, truth = made_predictions(6)
    predictions.joints_m[0] = np.nan
    predictions.side[0] = ""
    del truth["1"]
    predictions.confidence[:] = [np.nan, 0.9, 0.5, 0.4, 0.1, 0.9]
    result = evaluate(predictions, truth)
    assert (result.frames, result.found, result.believed, result.compared) == (6, 5, 3, 4)
    assert "5 of 6 frames, 3 of them with a confidence of 0.5 or more" in table(result)


def test_tables_and_json_with_and_without_truth() -> None:
    predictions, truth = made_predictions()
    result = evaluate(predictions, truth)
    text = table(result)
    assert "40 of 40 frames" in text and "wrist-relative" in text and all(name in text for name in JOINT_NAMES)
    read = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert read["scores"]["absolute"]["mean_mm"] == pytest.approx(result.scores["absolute"].mean_mm)
    bare = evaluate(predictions, {})
    assert "no ground truth" in table(bare) and bare.as_dict()["scores"] is None


def test_both_conventions_of_mean_and_median_are_reported() -> None:
    predictions, truth = made_predictions(4)
    for index, hands in enumerate(truth.values()):
        hands[0].joints_m[:] = predictions.joints_m[index] + (0.01, 0.0, 0.0)
    truth["0"][0].joints_m[:, 0] += 0.03  # all joints of one frame are 40 mm off …
    for name in ("1", "2", "3"):
        truth[name][0].joints_m[8] = np.nan  # … and in the others one joint is not labelled
    absolute = evaluate(predictions, truth).scores["absolute"]
    assert absolute.mean_mm == pytest.approx((21 * 40 + 60 * 10) / 81)
    assert absolute.median_mm == pytest.approx(10.0)
    assert absolute.mean_of_means_mm == pytest.approx((20 * 17.5 + 40) / 21)
    assert absolute.mean_of_medians_mm == pytest.approx((20 * 10 + 40) / 21)


def test_a_joint_that_is_never_labelled_is_null_in_json() -> None:
    predictions, truth = made_predictions(5)
    for hands in truth.values():
        hands[0].joints_m[4] = np.nan
    result = evaluate(predictions, truth)
    assert result.as_dict()["scores"]["absolute"]["per_joint_mm"]["thumb_tip"] is None
    assert np.isfinite(result.scores["absolute"].without_offsets_mm)
