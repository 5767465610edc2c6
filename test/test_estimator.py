"""The whole line from frame to hands, with a model of known behaviour: it puts a rigid hand where the points are."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import SIZE_M, make_test_bundle, rigid_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import CAMERA, arm, arm_frame, depth_of_balls
from scipy.spatial.transform import Rotation

from hand_pose_ros.camera import look_at, project, ray
from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
from hand_pose_ros.region import region_from_joints
from hand_pose_ros.types import HandEstimate, HandPoseError, HandRegion, PinholeCamera, RgbdFrame


class Models:
    """Estimators of test bundles, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, {}

    def __call__(
        self,
        encoders: Sequence[str] = ("rgb", "depth", "cloud"),
        options: EstimatorOptions | None = None,
        **bundle: float,
    ) -> HandEstimator:
        key = f"{'-'.join(encoders)} {options} {bundle}"
        if key not in self.made:
            path = make_test_bundle(self.folder / str(len(self.made)), encoders, **bundle)
            self.made[key] = HandEstimator(path, providers=["CPUExecutionProvider"], options=options)
        return self.made[key]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def scene() -> tuple[RgbdFrame, np.ndarray]:
    """An arm and the middle of its hand."""
    balls, middle = arm((0.05, 0.06, 0.6), (0.0, -1.0, 0.0))
    return arm_frame(balls), middle


def check(hand: HandEstimate) -> None:
    """What holds for every estimate."""
    assert hand.joints_m.shape == (21, 3) and hand.cloud_m.shape == (64, 3) and hand.joint_cov_m2.shape == (21, 3, 3)
    assert np.isfinite(hand.joints_m).all() and np.isfinite(hand.cloud_m).all()
    np.testing.assert_allclose(hand.joint_cov_m2, hand.joint_cov_m2.swapaxes(1, 2), atol=1e-15)
    assert (np.linalg.eigvalsh(hand.joint_cov_m2) > 0).all()
    np.testing.assert_allclose(hand.joints_px, project(hand.joints_m, CAMERA))
    assert 0 <= hand.confidence <= 1 and 0 <= hand.side_confidence <= 1
    assert hand.latent_mean.shape == hand.latent_var.shape == (8,)
    assert (hand.latent_var < 1.0 + 1e-9).all()


def count_runs(estimator: HandEstimator, crops: bool = False) -> Counter[str]:
    """How often each encoder of the estimator runs from now on, or how many crops it is shown."""
    runs: Counter[str] = Counter()

    def counting(key: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def counted(**inputs: np.ndarray) -> Any:
            runs[key] += len(inputs["x"]) if crops else 1
            return run(**inputs)

        return counted

    for key, network in estimator.encoders.items():
        network.run = counting(key, network.run)  # type: ignore[method-assign]
    return runs


def bones(joints: np.ndarray) -> np.ndarray:
    return np.linalg.norm(joints[:, None] - joints, axis=-1)


@pytest.mark.parametrize("modalities", ["rgbd", "depth"])
def test_a_hand_is_found_and_placed_by_its_depth(models: Models, scene: tuple, modalities: str) -> None:
    frame, middle = scene
    (hand,) = models().estimate(frame, modalities=modalities)
    check(hand)
    assert (hand.modalities, hand.side) == (modalities, "right")
    assert np.linalg.norm(hand.joints_m.mean(axis=0) - middle) < 0.06
    assert hand.confidence == pytest.approx(1 / (1 + np.exp(-4)))
    np.testing.assert_allclose(bones(hand.joints_m), bones(rigid_hand()), atol=1e-5)


def test_the_covariance_is_that_of_the_latent(models: Models, scene: tuple) -> None:
    """The decoder is linear, so the joints' covariance is known: variance of the latent times half a cube edge, plus
    the floor; with 16 samples of three latents chance correlations stay."""
    frame, middle = scene
    region = HandRegion(tuple(project(middle, CAMERA)), 150.0, float(np.linalg.norm(middle)))
    options = EstimatorOptions(samples=400)
    (hand,) = models(["cloud"], options).estimate(frame, regions=[region], modalities="depth")
    variance = hand.latent_var[0] * (SIZE_M / 2) ** 2
    np.testing.assert_allclose(hand.latent_var[:3], 1 / (1 + 1 / 0.05**2), rtol=1e-5)
    np.testing.assert_allclose(hand.joint_cov_m2, np.broadcast_to(np.eye(3), (21, 3, 3)) * (variance + 1e-6), atol=1e-5)


def test_the_manifest_weighs_experts(models: Models, scene: tuple, tmp_path: Path) -> None:
    frame, _ = scene
    path = make_test_bundle(tmp_path / "hand", latent_std=0.05)
    manifest = path / "manifest.yaml"
    manifest.write_text(manifest.read_text() + "weights: {rgbd: {cloud: 0.25}}\n")
    for modalities, weight in (("rgbd", 0.25), ("depth", 1.0)):
        (hand,) = HandEstimator(path).estimate(frame, modalities=modalities, side="right")
        # the cloud's own precision is 1 / 0.05²; what else looks says nothing but has a precision of 1 each
        others = 2 if modalities == "rgbd" else 1
        np.testing.assert_allclose(hand.latent_var[:3], 1 / (1 + others + weight / 0.05**2), rtol=1e-4)


def test_colour_that_weighs_nothing_is_looked_at_only_where_there_is_no_depth(scene: tuple, tmp_path: Path) -> None:
    frame, _ = scene
    path = make_test_bundle(tmp_path / "hand")
    manifest = path / "manifest.yaml"
    manifest.write_text(manifest.read_text() + "weights: {rgbd: {rgb: 0}}\n")
    estimator = HandEstimator(path)
    looked_at = count_runs(estimator)
    (both,), (depth,) = estimator.estimate(frame), estimator.estimate(frame, modalities="depth")
    assert both.modalities == "depth" and "rgb" not in looked_at
    np.testing.assert_array_equal(both.joints_m, depth.joints_m)
    assert estimator.estimate(replace(frame, depth_m=None))[0].modalities == "rgb"


def test_colour_alone_is_placed_by_the_size_of_the_hand(models: Models) -> None:
    """The model sees every hand from 0.5 m with a cube's angle; a crop twice as wide means it is half as far."""
    picture = RgbdFrame(CAMERA, rgb=np.full((480, 640, 3), 120, np.uint8))
    estimator = models(["rgb"])
    widths = []
    for box_px in (100, 200):
        (hand,) = estimator.estimate(picture, box=np.array([400, 100, box_px, box_px]))
        check(hand)
        assert hand.modalities == "rgb"
        expected = SIZE_M / (1.5 * box_px / 502.5)
        centre = np.linalg.norm(hand.joints_m.mean(axis=0))
        assert centre == pytest.approx(expected, rel=0.15)
        along = ray((400 + box_px / 2, 100 + box_px / 2), CAMERA)
        assert along @ hand.joints_m.mean(axis=0) / centre > 0.999
        # How far it is, is what colour knows least: about 8 % of the distance, and more than across.
        covariance = hand.joint_cov_m2[9]
        assert np.sqrt(along @ covariance @ along) / centre > 0.07
        widths.append(centre)
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.05)


def test_a_known_hand_length_scales_colour(models: Models) -> None:
    picture = RgbdFrame(CAMERA, rgb=np.full((480, 640, 3), 120, np.uint8))
    box = np.array([250, 150, 150, 150])
    (plain,) = models(["rgb"]).estimate(picture, box=box)
    (small,) = models(["rgb"], EstimatorOptions(hand_length_m=0.15)).estimate(picture, box=box)
    chain = [0, 9, 10, 11, 12]
    assert np.linalg.norm(np.diff(small.joints_m[chain], axis=0), axis=1).sum() == pytest.approx(0.15)
    share = 0.15 / np.linalg.norm(np.diff(rigid_hand()[chain], axis=0), axis=1).sum()
    np.testing.assert_allclose(small.joints_m, plain.joints_m * share, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(small.cloud_m, plain.cloud_m * share, rtol=1e-4, atol=1e-5)
    assert np.trace(small.joint_cov_m2[9]) < np.trace(plain.joint_cov_m2[9])


@settings(max_examples=10, deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(-0.2, 0.2))
def test_a_left_hand_is_the_mirror_image_of_a_right_one(models: Models, x: float, y: float) -> None:
    camera = PinholeCamera(500.0, 500.0, 319.5, 239.5, 640, 480)
    balls = np.array([[x * 0.6, y * 0.6, 0.6, 0.05], [x * 0.6 + 0.06, y * 0.6 + 0.02, 0.58, 0.02]])
    depth = depth_of_balls(balls, camera)
    region = HandRegion(tuple(project(balls[0, :3], camera)), 150.0, float(np.linalg.norm(balls[0, :3])))
    other = HandRegion((639 - region.center_px[0], region.center_px[1]), 150.0, region.distance_m)
    estimator = models(["cloud"])
    (right,) = estimator.estimate(RgbdFrame(camera, depth_m=depth), regions=[region], side="right")
    (left,) = estimator.estimate(RgbdFrame(camera, depth_m=depth[:, ::-1]), regions=[other], side="left")
    assert (right.side, left.side) == ("right", "left")
    flip = np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(left.joints_m * flip, right.joints_m, atol=0.006)  # other points are picked
    np.testing.assert_allclose(left.cloud_m * flip, right.cloud_m, atol=0.006)
    np.testing.assert_allclose(left.joint_cov_m2 * np.outer(flip, flip), right.joint_cov_m2, atol=1e-8)


def test_the_model_decides_the_side_unless_it_is_told(models: Models) -> None:
    """This model takes points on the right of the crop for a right hand's."""
    estimator = models(["cloud"], side_gain=20.0)
    depth = depth_of_balls([(0.05, 0.0, 0.6, 0.04)])
    frame = RgbdFrame(CAMERA, depth_m=depth)
    right_of, left_of = (
        HandRegion((CAMERA.cx, CAMERA.cy), 150.0, 0.6),
        HandRegion((CAMERA.cx + 84, CAMERA.cy), 150.0, 0.6),
    )
    hands = estimator.estimate(frame, regions=[right_of, left_of])
    assert [hand.side for hand in hands] == ["right", "left"]
    assert all(hand.side_confidence > 0.9 for hand in hands)
    # Either way the hand is where the points are.
    for hand in hands:
        np.testing.assert_allclose(hand.joints_m.mean(axis=0), (0.05, 0, 0.57), atol=0.02)
    told = estimator.estimate(frame, regions=[right_of, left_of], side=["left", "auto"])
    assert [hand.side for hand in told] == ["left", "left"]
    assert told[0].side_confidence < 0.1
    with pytest.raises(HandPoseError, match="1 sides were given for 2 regions"):
        estimator.estimate(frame, regions=[right_of, left_of], side=["left"])


def test_several_hands_in_one_batch_are_as_one_by_one(models: Models, scene: tuple) -> None:
    """Also where one of them has no depth and so needs other encoders."""
    frame, middle = scene
    region = HandRegion(tuple(project(middle, CAMERA)), 150.0, float(np.linalg.norm(middle)))
    regions = [region, replace(region, distance_m=1.2), replace(region, center_px=(300.0, 200.0))]
    together = models().estimate(frame, regions=regions)
    assert [hand.modalities for hand in together] == ["rgbd", "rgb", "rgbd"]
    for hand, one in zip(together, regions, strict=True):
        (alone,) = models().estimate(frame, regions=[one])
        check(hand)
        np.testing.assert_allclose(hand.joints_m, alone.joints_m, atol=1e-6)
        np.testing.assert_allclose(hand.joint_cov_m2, alone.joint_cov_m2, atol=1e-9)
        np.testing.assert_allclose(hand.latent_mean, alone.latent_mean, atol=1e-6)


def test_threads_change_nothing_but_the_time(scene: tuple, tmp_path: Path) -> None:
    frame, middle = scene
    region = HandRegion(tuple(project(middle, CAMERA)), 150.0, float(np.linalg.norm(middle)))
    regions = [region, replace(region, distance_m=1.2), replace(region, center_px=(300.0, 200.0))]
    path = make_test_bundle(tmp_path / "hand")
    alone, shared = (HandEstimator(path, threads=threads).estimate(frame, regions=regions) for threads in (1, 4))
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_allclose(one.joints_m, other.joints_m, atol=1e-6)
        assert (one.modalities, one.confidence) == (other.modalities, other.confidence)


def test_as_many_hands_are_looked_for_as_asked(models: Models) -> None:
    balls, middles = zip(*(arm((x, 0.08, z), (0.0, -1.0, 0.0)) for x, z in ((-0.15, 0.6), (0.15, 0.5))), strict=True)
    frame = arm_frame(np.concatenate(balls))
    for count in (1, 4):
        hands = models(options=EstimatorOptions(max_hands=count)).estimate(frame)
        assert len(hands) == min(count, 2)
        for hand, middle in zip(hands, middles[::-1], strict=False):  # the nearest first
            assert np.linalg.norm(hand.joints_m.mean(axis=0) - middle) < 0.06


def test_further_looks_are_from_a_turned_camera_and_averaged(models: Models, scene: tuple) -> None:
    frame, middle = scene
    region = HandRegion(tuple(project(middle, CAMERA)), 150.0, float(np.linalg.norm(middle)))
    once, thrice = (models(options=EstimatorOptions(looks=n)) for n in (1, 3))
    (first,), (mean,) = (model.estimate(frame, regions=[region], side="right") for model in (once, thrice))
    # the test bundle sees the same hand in every picture, which so turns with the camera about the middle of the cube
    about = ray(region.center_px, CAMERA)
    turns = [Rotation.from_rotvec(degrees * about, degrees=True) for degrees in (-30, 0, 30)]
    expected = np.mean([turn.apply(first.joints_m - first.joints_m.mean(axis=0)) for turn in turns], axis=0)
    np.testing.assert_allclose(mean.joints_m - mean.joints_m.mean(axis=0), expected, atol=1e-5)
    assert np.linalg.norm((mean.joints_m - first.joints_m).mean(axis=0)) < 0.02
    np.testing.assert_array_equal(mean.joint_cov_m2, first.joint_cov_m2)
    assert mean.cloud_m.shape == first.cloud_m.shape
    np.testing.assert_allclose(project(mean.joints_m, CAMERA), mean.joints_px)


def test_the_bundle_says_how_often_to_look(scene: tuple, tmp_path: Path) -> None:
    frame, _ = scene
    path = make_test_bundle(tmp_path / "hand")
    manifest = path / "manifest.yaml"
    manifest.write_text(manifest.read_text() + "looks: 2\n")
    for options, seen in ((EstimatorOptions(), 2), (EstimatorOptions(looks=1), 1)):
        estimator = HandEstimator(path, options=options)
        looked_at = count_runs(estimator)
        estimator.estimate(frame, box=np.array([250, 200, 150, 150]), side="right")
        assert set(looked_at.values()) == {seen}


@pytest.mark.parametrize(
    ("hands", "asked", "crops"), [(1, None, 3), (2, None, 6), (3, None, 6), (4, None, 8), (4, 3, 12)]
)
def test_many_hands_are_looked_at_less_often_unless_asked_for(
    scene: tuple, hands: int, asked: int | None, crops: int, tmp_path: Path
) -> None:
    frame, middle = scene
    path = make_test_bundle(tmp_path / "hand", ["depth"])
    manifest = path / "manifest.yaml"
    manifest.write_text(manifest.read_text() + "looks: 3\n")
    estimator = HandEstimator(path, options=EstimatorOptions(looks=asked))
    shown = count_runs(estimator, crops=True)
    region = HandRegion(tuple(project(middle, CAMERA)), 150.0, float(np.linalg.norm(middle)))
    assert len(estimator.estimate(frame, regions=[region] * hands, side="right")) == hands
    assert shown["depth"] == crops


def test_a_found_hand_is_centred_anew(models: Models, scene: tuple) -> None:
    frame, _ = scene
    once, again = (models(options=EstimatorOptions(refine_passes=n)) for n in (0, 1))
    (first,), (second,) = once.estimate(frame), again.estimate(frame)
    region = region_from_joints(first.joints_m, CAMERA)
    assert region is not None
    (by_hand,) = again.estimate(frame, regions=[region])
    np.testing.assert_allclose(second.joints_m, by_hand.joints_m, atol=1e-5)
    assert np.abs(second.latent_mean[:3]).max() < np.abs(first.latent_mean[:3]).max()


def test_a_centred_crop_that_shows_no_whole_hand_is_passed_over(
    models: Models, scene: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, _ = scene
    once, again = (models(options=EstimatorOptions(refine_passes=n)) for n in (0, 1))
    monkeypatch.setattr("hand_pose_ros.estimator.SMALLEST_HAND_M", 0.5)  # than which the test bundle's is smaller
    (first,), (second,) = (model.estimate(frame, side="right") for model in (once, again))
    np.testing.assert_array_equal(first.joints_m, second.joints_m)
    monkeypatch.undo()
    (centred,) = again.estimate(frame, side="right")
    assert np.abs(centred.joints_m - first.joints_m).max() > 1e-3


def test_colour_alone_that_frames_the_hand_is_left_as_it_is(models: Models, scene: tuple) -> None:
    frame, _ = scene
    once, again = (models(options=EstimatorOptions(refine_passes=n)) for n in (0, 1))
    (first,), (second,) = (model.estimate(frame, modalities="rgb") for model in (once, again))
    # the test bundle's hand fills two thirds of whatever crop it is shown
    np.testing.assert_array_equal(second.joints_m, first.joints_m)
    fresh = HandEstimator(models().bundle, options=EstimatorOptions(refine_passes=1))
    looked_at = count_runs(fresh)
    fresh.estimate(frame, modalities="rgb", side="right")
    assert looked_at == {"rgb": 1}  # a crop that is kept is not encoded again


def test_a_hand_put_behind_the_camera_is_no_hand_and_no_bad_input(models: Models, scene: tuple) -> None:
    frame, _ = scene
    assert models(hand_z_m=-0.8).estimate(frame) == []


def test_a_known_region_or_box_is_used(models: Models, scene: tuple) -> None:
    frame, middle = scene
    u, v = project(middle, CAMERA)
    (hand,) = models().estimate(frame, box=np.array([u - 70, v - 90, 140, 180]))
    assert hand.modalities == "rgbd"
    assert np.linalg.norm(hand.joints_m.mean(axis=0) - middle) < 0.06
    with pytest.raises(HandPoseError, match="outside the picture"):
        models().estimate(frame, box=np.array([900, 0, 10, 10]))


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_without_measured_depth_colour_is_used(models: Models, scene: tuple, nothing: float) -> None:
    frame, _ = scene
    blind = replace(frame, depth_m=np.full((480, 640), nothing, np.float32))
    for where in ({}, {"box": np.array([250, 100, 150, 150])}):
        (hand,) = models().estimate(blind, **where)
        check(hand)
        assert hand.modalities == "rgb"
        assert models().estimate(blind, modalities="depth", **where) == []
    assert models().estimate(replace(blind, rgb=None)) == []


def test_no_hand_in_the_depth_picture_gives_none(models: Models, scene: tuple) -> None:
    frame, _ = scene
    assert models().estimate(replace(frame, depth_m=np.full((480, 640), 1.2, np.float32))) == []
    assert models().estimate(frame, regions=[]) == []


def test_streams_and_encoders_that_are_not_there_are_done_without(models: Models, scene: tuple) -> None:
    frame, _ = scene
    (rgb,) = models().estimate(replace(frame, depth_m=None))
    (depth,) = models().estimate(replace(frame, rgb=None))
    assert (rgb.modalities, depth.modalities) == ("rgb", "depth")
    assert models(["rgb"]).estimate(frame)[0].modalities == "rgb"
    assert models(["cloud"]).estimate(frame)[0].modalities == "depth"
    assert models(["depth"]).estimate(frame)[0].modalities == "depth"
    assert models(["rgb", "cloud"]).estimate(frame)[0].modalities == "rgbd"
    with pytest.raises(HandPoseError, match=r"the frame has depth, 'rgb' was asked for .* nothing is left"):
        models().estimate(replace(frame, rgb=None), modalities="rgb")
    with pytest.raises(HandPoseError, match=r"the frame has colour, .*'test-hand' reads depth"):
        models(["cloud"]).estimate(replace(frame, depth_m=None))
    with pytest.raises(HandPoseError, match="unknown modalities 'sonar'"):
        models().estimate(frame, modalities="sonar")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth_m": np.ones((240, 320), np.float32)}, "depth picture is 320 x 240 pixels .* colour picture 640 x 480"),
        ({"depth_m": np.ones((240, 320), np.float32), "rgb": None}, "320 x 240 pixels .* camera calibration 640 x 480"),
        ({"depth_m": np.ones((480, 640), np.uint16)}, "depth picture is uint16"),
        ({"rgb": np.zeros((240, 320, 3), np.uint8)}, r"shape \(240, 320, 3\), it must be .*\(480, 640, 3\)"),
        ({"rgb": np.zeros((480, 640, 3), np.float32)}, "colour picture is float32"),
        ({"rgb": np.zeros((480, 640), np.uint8)}, r"shape \(480, 640\)"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(models: Models, scene: tuple, change: dict, message: str) -> None:
    with pytest.raises(HandPoseError, match=message):
        models().estimate(replace(scene[0], **change))


def test_a_bundle_whose_graphs_differ_from_its_manifest_is_refused(tmp_path: Path) -> None:
    folder = make_test_bundle(tmp_path / "hand")
    manifest = folder / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("latent_size: 8", "latent_size: 9"))
    with pytest.raises(HandPoseError, match=r"encoder_rgb.onnx must have an output 'mean' of shape \(N, 9\)"):
        HandEstimator(folder)


def test_nothing_depends_on_where_in_the_picture_the_hand_is(models: Models) -> None:
    """The crop frame's promise: turning hand and region about the camera turns the estimate."""
    balls = np.array([[0.0, 0.0, 0.6, 0.05], [0.06, 0.02, 0.58, 0.02]])
    turn = look_at(np.array([0.35, -0.2, np.sqrt(1 - 0.35**2 - 0.2**2)])).T
    estimates = []
    for rotation in (np.eye(3), turn):
        turned = np.column_stack([balls[:, :3] @ rotation.T, balls[:, 3]])
        frame = RgbdFrame(CAMERA, depth_m=depth_of_balls(turned))
        region = HandRegion(tuple(project(turned[0, :3], CAMERA)), 150.0, 0.6)
        estimates.append(models(["cloud"]).estimate(frame, regions=[region])[0])
    straight, aside = estimates
    np.testing.assert_allclose(aside.joints_m, straight.joints_m @ turn.T, atol=0.006)
    np.testing.assert_allclose(aside.joint_cov_m2, turn @ straight.joint_cov_m2 @ turn.T, atol=1e-8)
