from pathlib import Path

import numpy as np
from bundles import make_test_bundle
from detectors import make_test_detector

from hand_pose_ros.detector import HandDetector
from hand_pose_ros.detector.finders import GivenBoxes, automatic, learned
from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
from hand_pose_ros.types import HandRegion, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(600.0, 600.0, 319.5, 239.5, 640, 480)
BOX = np.array([100.0, 100.0, 80.0, 60.0])


def test_the_estimator_looks_where_the_detector_says(tmp_path: Path) -> None:
    rgb, depth_m = np.zeros((480, 640, 3), np.uint8), np.full((480, 640), 2.5, np.float32)
    rgb[240:304, 384:448] = (255, 0, 0)
    depth_m[240:304, 384:448] = 0.6
    detector = HandDetector(make_test_detector(tmp_path / "detector"))
    estimator = HandEstimator(
        make_test_bundle(tmp_path / "hand"), options=EstimatorOptions(max_hands=2, finder=learned(detector))
    )
    for frame in (RgbdFrame(CAMERA, rgb, depth_m), RgbdFrame(CAMERA, rgb)):
        (hand,) = estimator.estimate(frame)
        assert np.abs(hand.joints_px.mean(axis=0) - [416, 272]).max() < 45
    assert estimator.estimate(RgbdFrame(CAMERA, np.zeros_like(rgb))) == []


def test_automatically_the_network_looks_and_blobs_are_for_depth_alone_in_which_it_sees_nothing(tmp_path: Path) -> None:
    rgb, depth_m = np.zeros((480, 640, 3), np.uint8), np.full((480, 640), 2.5, np.float32)
    rgb[240:304, 384:448] = (255, 0, 0)
    depth_m[240:304, 384:448] = 0.6
    find = automatic(HandDetector(make_test_detector(tmp_path / "detector")), 1.25)
    near_m = np.where(depth_m < 1, np.float32(0.1), depth_m)  # where blobs are not looked for
    for frame in (RgbdFrame(CAMERA, rgb), RgbdFrame(CAMERA, rgb, depth_m), RgbdFrame(CAMERA, depth_m=near_m)):
        (region,) = find(frame, 4)
        assert np.abs(np.array(region.center_px) - [416, 272]).max() < 30
    depth_m = np.full((480, 640), 2.5, np.float32)
    depth_m[180:280, 60:150] = 0.6
    (blob,) = find(RgbdFrame(CAMERA, depth_m=depth_m), 4)
    assert np.abs(np.array(blob.center_px) - [105, 230]).max() < 30 and blob.distance_m is not None


def test_a_colour_picture_that_a_hand_fills_half_of_is_taken_whole(tmp_path: Path) -> None:
    small = PinholeCamera(80.0, 80.0, 39.5, 29.5, 80, 60)
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[20:40, 30:50] = (255, 0, 0)
    near = HandDetector(make_test_detector(tmp_path / "near", box=(150, 150)))
    far = HandDetector(make_test_detector(tmp_path / "far"))
    assert [(r.center_px, r.box_px) for r in automatic(near, 1.25)(RgbdFrame(small, rgb), 1)] == [((39.5, 29.5), 64)]
    (region,) = automatic(far, 1.25)(RgbdFrame(small, rgb), 1)
    assert region.box_px < 40


def test_of_several_places_those_count_that_show_a_hand(tmp_path: Path) -> None:
    """The test model is as sure of all: of equals the finder's order decides, and no more hands come than wanted."""
    boxes = [HandRegion((100.0 + 80 * k, 200.0), 60.0) for k in range(4)]
    bundle = make_test_bundle(tmp_path / "hand")
    options = EstimatorOptions(max_hands=2, finder=lambda frame, most: boxes[:most], refine_passes=0)
    hands = HandEstimator(bundle, options=options).estimate(RgbdFrame(CAMERA, np.zeros((480, 640, 3), np.uint8)))
    assert len(hands) == 2
    across = [hand.joints_px.mean(axis=0)[0] for hand in hands]
    assert np.abs(np.array(across) - [100, 180]).max() < 40


def test_boxes_of_the_newest_picture_count_the_surest_first() -> None:
    boxes = GivenBoxes(oldest_s=0.2)
    frame = RgbdFrame(CAMERA, stamp_ns=10**9)
    assert boxes(frame, 4) == []
    boxes.add(10**9 - 10**8, BOX + np.array([300, 0, 0, 0]))
    boxes.add(10**9, BOX, 0.4)
    boxes.add(10**9, BOX + np.array([200, 0, 0, 0]), 0.9)
    assert [region.center_px[0] for region in boxes(frame, 4)] == [340, 140]
    assert len(boxes(frame, 1)) == 1
    boxes.clear(10**9)
    assert boxes(frame, 4) == []


def test_boxes_too_old_or_beside_the_picture_are_no_hands() -> None:
    boxes = GivenBoxes(oldest_s=0.2)
    boxes.add(10**9, BOX)
    assert boxes(RgbdFrame(CAMERA, stamp_ns=2 * 10**9), 4) == []
    boxes.add(2 * 10**9, BOX + np.array([5000, 0, 0, 0]))
    boxes.add(2 * 10**9, np.array([10.0, 10.0, 0.0, 5.0]))
    boxes.add(2 * 10**9, np.full(4, np.nan))
    assert boxes(RgbdFrame(CAMERA, stamp_ns=2 * 10**9), 4) == []
