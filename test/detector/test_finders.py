from pathlib import Path

import numpy as np
from bundles import make_test_bundle
from detectors import make_test_detector

from hand_pose_ros.detector import HandDetector
from hand_pose_ros.detector.finders import GivenBoxes, learned
from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
from hand_pose_ros.types import PinholeCamera, RgbdFrame

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
