from pathlib import Path

import numpy as np
import pytest
from detectors import BOX, make_test_detector

from hand_pose_ros.detector import HandDetector
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(600.0, 600.0, 319.5, 239.5, 640, 480)
SCALE = 8.0


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> HandDetector:
    return HandDetector(make_test_detector(tmp_path_factory.mktemp("models") / "detector"))


def picture(*patches) -> np.ndarray:
    """Black, with patches (x, y, colour) of 64 x 64 pixels around these points."""
    rgb = np.zeros((480, 640, 3), np.uint8)
    for x, y, colour in patches:
        rgb[y - 32 : y + 32, x - 32 : x + 32] = colour
    return rgb


def test_hands_are_where_the_picture_has_them(detector: HandDetector) -> None:
    # cells of the network are 64 pixels here, and begin 16 pixels above the picture
    rgb = picture((96, 176, (255, 255, 0)), (480, 304, (255, 0, 0)))
    hands = sorted(detector.detect(RgbdFrame(CAMERA, rgb)), key=lambda hand: hand.box[0])
    assert len(hands) == 2
    middles = [hand.box[:2] + hand.box[2:] / 2 for hand in hands]
    assert np.abs(np.array(middles) - [[96, 176], [480, 304]]).max() < 40
    assert hands[1].box[2:] == pytest.approx(np.array(BOX) * SCALE, abs=1)
    assert all(0.5 < hand.confidence <= 1 for hand in hands)


def test_depth_alone_is_enough(detector: HandDetector) -> None:
    depth_m = np.full((480, 640), 1.5, np.float32)
    depth_m[240:304, 384:448] = 0.2
    hands = detector.detect(RgbdFrame(CAMERA, depth_m=depth_m))
    assert len(hands) == 1
    assert np.abs(hands[0].box[:2] + hands[0].box[2:] / 2 - [416, 272]).max() < 40


def test_boxes_end_where_the_picture_does(detector: HandDetector) -> None:
    (hand,) = detector.detect(RgbdFrame(CAMERA, picture((32, 80, (255, 0, 0)))))
    x, y, width, height = hand.box
    assert x == 0 and y >= 0 and x + width <= 640 and y + height <= 480


def test_a_hand_that_fills_the_picture_is_one_hand(tmp_path: Path) -> None:
    """The first look finds boxes of at most 384 pixels all over it, the second look one around them all."""
    detector = HandDetector(make_test_detector(tmp_path / "detector", box=(48, 48)))
    rgb = np.zeros((480, 640, 3), np.uint8)
    rgb[64:448, 128:512] = (255, 0, 0)
    (hand,) = detector.detect(RgbdFrame(CAMERA, rgb))
    assert hand.box[2] > 400 and hand.box[3] > 400


def test_nothing_there_is_no_hand(detector: HandDetector) -> None:
    assert detector.detect(RgbdFrame(CAMERA, picture())) == []
    assert len(detector.detect(RgbdFrame(CAMERA, picture()), most=2, least=1e-12)) == 2


def test_a_frame_without_pictures_is_told(detector: HandDetector) -> None:
    with pytest.raises(HandPoseError, match="neither colour nor depth"):
        detector.detect(RgbdFrame(CAMERA))
