"""Where the hand is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import CAMERA, arm, arm_frame, depth_of_balls

from hand_pose_ros.camera import project, ray
from hand_pose_ros.region import (
    find_regions,
    nearest_surface,
    region_from_box,
    region_from_joints,
    region_of_picture,
)
from hand_pose_ros.types import HandPoseError, HandRegion, PinholeCamera, RgbdFrame


def centre(region: HandRegion, camera: PinholeCamera = CAMERA) -> np.ndarray:
    assert region.distance_m is not None
    return ray(region.center_px, camera) * region.distance_m


def depth_frame(depth: np.ndarray) -> RgbdFrame:
    return RgbdFrame(CAMERA, depth_m=np.asarray(depth, dtype=np.float32))


@settings(max_examples=10, deadline=None)
@given(st.floats(0.0, 2 * np.pi), st.floats(0.4, 0.9))
def test_finds_the_hand_at_the_end_of_an_arm_from_any_side(angle: float, distance: float) -> None:
    # Long enough for the elbow's end to leave the picture in every direction.
    balls, middle = arm((0.0, 0.0, distance), (np.cos(angle), np.sin(angle), 0.0), forearm_m=0.9 * distance)
    (region,) = find_regions(arm_frame(balls))
    assert np.linalg.norm(centre(region) - middle) < 0.04


def test_floating_arm_has_its_hand_at_the_nearer_end() -> None:
    direction = np.array([0.9, 0.0, -0.43])
    balls, middle = arm((0.0, 0.0, 0.7), direction / np.linalg.norm(direction), forearm_m=0.22)
    (region,) = find_regions(arm_frame(balls))
    assert np.linalg.norm(centre(region) - middle) < 0.05


def test_blob_of_a_hand_without_arm_is_taken_whole() -> None:
    (region,) = find_regions(depth_frame(depth_of_balls([(0.1, -0.05, 0.6, 0.05)])))
    assert np.linalg.norm(centre(region) - (0.1, -0.05, 0.6)) < 0.03


def test_a_wall_behind_does_not_matter_and_the_nearest_comes_first() -> None:
    near, near_middle = arm((-0.15, 0.05, 0.5), (0.0, -1.0, 0.0))
    far, far_middle = arm((0.25, 0.05, 0.8), (0.0, -1.0, 0.0), forearm_m=0.5)
    depth = depth_of_balls(np.concatenate([near, far]))
    depth[depth == 0] = 1.6
    found = find_regions(depth_frame(depth), max_hands=4)
    assert len(found) == 2
    assert np.linalg.norm(centre(found[0]) - near_middle) < 0.05
    assert np.linalg.norm(centre(found[1]) - far_middle) < 0.05
    assert len(find_regions(depth_frame(depth), max_hands=1)) == 1


def test_heads_walls_and_noise_are_no_hands() -> None:
    head = depth_of_balls([(0.0, 0.0, 0.7, 0.11)])
    noise = np.zeros_like(head)
    noise[::40, ::40] = 0.5
    for depth in (head, np.full_like(head, 1.0), np.full_like(head, 5.0), noise, np.zeros_like(head), head * np.nan):
        assert find_regions(depth_frame(depth)) == []
    assert find_regions(RgbdFrame(CAMERA, rgb=np.zeros((480, 640, 3), np.uint8))) == []


def test_a_head_beside_the_hand_is_not_taken_for_it() -> None:
    balls, middle = arm((0.15, 0.1, 0.8), (0.0, -1.0, 0.0), forearm_m=0.5)
    depth = depth_of_balls(np.concatenate([balls, [(-0.2, 0.0, 0.7, 0.11)]]))
    (region,) = find_regions(depth_frame(depth), max_hands=4)
    assert np.linalg.norm(centre(region) - middle) < 0.05


def test_finds_every_hand_of_the_real_recording(shared_data: Path) -> None:
    labels = np.load(shared_data / "real_rgbd" / "labels.npz")
    errors = []
    for name, joints, intrinsics in zip(labels["frame"], labels["joints_m"], labels["camera"], strict=True):
        depth = cv2.imread(str(shared_data / "real_rgbd" / f"{name}_depth.png"), cv2.IMREAD_UNCHANGED)
        camera = PinholeCamera(*map(float, intrinsics), depth.shape[1], depth.shape[0])
        (region,) = find_regions(RgbdFrame(camera, depth_m=depth.astype(np.float32) / 1000), max_hands=4)
        errors.append(np.linalg.norm(centre(region, camera) - joints.mean(axis=0)))
    assert np.median(errors) < 0.025
    assert max(errors) < 0.045


@pytest.mark.parametrize("name", ["calibration_test", "calibration_apply_test"])
def test_finds_the_hand_beside_a_face_in_raw_depth(shared_data: Path, name: str) -> None:
    folder = shared_data / "real_rgbd_raw"
    depth = cv2.imread(str(folder / f"{name}_depth.png"), cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000
    labels = np.loadtxt(folder / f"{name}_joints2d.csv", delimiter=",")[:, :2] * (640, 480)
    camera = PinholeCamera(475.0, 475.0, 320.0, 240.0, 640, 480)  # about right: none is stated
    (region,) = find_regions(RgbdFrame(camera, depth_m=depth), max_hands=4)
    assert np.linalg.norm(labels.mean(axis=0) - region.center_px) < 90  # depth is shifted against colour


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(0.3, 2.0), st.integers(0, 2**32 - 1))
def test_region_from_joints_is_their_mean_and_contains_them(x: float, y: float, z: float, seed: int) -> None:
    joints = np.random.default_rng(seed).normal((x, y, z), 0.03, (21, 3))
    region = region_from_joints(joints, CAMERA)
    np.testing.assert_allclose(centre(region), joints.mean(axis=0), atol=1e-9)
    # the square about that middle holds all joints, however lopsided the hand, and the farthest is on its edge
    reach = np.abs(project(joints, CAMERA) - region.center_px).max()
    assert region.box_px == pytest.approx(2 * reach)


def test_what_is_not_in_front_of_the_camera_has_no_region() -> None:
    for joints in (np.full((21, 3), np.nan), np.full((21, 3), -1.0)):
        assert region_from_joints(joints, CAMERA) is None


def test_region_from_box_takes_the_nearest_surface() -> None:
    depth = np.full((480, 640), 2.0, np.float32)
    depth[200:260, 300:360] = 0.6
    region = region_from_box(depth_frame(depth), np.array([280, 180, 100, 100]))
    assert region.center_px == (330, 230)
    assert region.box_px == 100
    assert centre(region)[2] == pytest.approx(0.61)
    assert region_from_box(depth_frame(depth * 0), np.array([280, 180, 100, 100])).distance_m is None
    assert region_from_box(depth_frame(depth * np.nan), np.array([280, 180, 100, 100])).distance_m is None


def test_box_may_reach_over_the_edge() -> None:
    region = region_from_box(depth_frame(np.full((480, 640), 0.7)), np.array([-50, 400, 120, 200]))
    assert region.center_px == (10, 500)
    assert centre(region)[2] == pytest.approx(0.71)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((700, 10, 50, 50), "outside the picture of 640 x 480"),
        ((10, -80, 50, 50), "outside the picture of 640 x 480"),
        ((10, 10, 0, 50), "positive size"),
        ((10, 10, np.nan, 50), "positive size"),
        ((10, 10, 50), "x, y, width, height"),
    ],
)
def test_bad_boxes_are_refused(box: tuple, message: str) -> None:
    with pytest.raises(HandPoseError, match=message):
        region_from_box(depth_frame(np.ones((480, 640))), np.array(box))


def test_region_of_picture_covers_it() -> None:
    region = region_of_picture(CAMERA, box_scale=1.5)
    assert region.box_px * 1.5 == 640
    assert region.center_px == (319.5, 239.5)


def test_nearest_surface_ignores_what_was_not_measured() -> None:
    depth = np.zeros((40, 40))
    depth[:20] = 0.5
    depth[20:30] = 1.5
    depth[30:35] = np.nan
    assert nearest_surface(depth) == 0.5
    assert nearest_surface(np.zeros((10, 10))) is None
