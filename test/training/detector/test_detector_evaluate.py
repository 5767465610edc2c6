"""What a hand model says of hands, and of what finders take for some."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from detectors import make_test_detector

from hand_pose_ros.detector import HandDetector
from hand_pose_ros.region import region_from_box
from training.detector.evaluate import evaluate_model, row_of_model
from training.detector.photos import Scene

RED, PURPLE = (255, 0, 0), (255, 0, 60)


class Believer:
    """Believes in whatever is red without any blue in it; takes hands in the picture's left half for left ones. By
    itself it sees one hand, at the first two rows of red pixels."""

    def estimate(self, frame, *, box=None, regions=None, modalities):
        if box is None and regions is None:
            rows, columns = np.nonzero((frame.rgb == RED).all(axis=2))
            seen = np.stack([columns, rows], axis=1).astype(float)
            return [SimpleNamespace(confidence=0.9, joints_px=seen[:128])] if len(seen) else []
        region = regions[0] if regions else region_from_box(frame, box)
        u, v = (round(value) for value in region.center_px)
        red, _, blue = frame.rgb[min(v, frame.camera.height - 1), min(u, frame.camera.width - 1)]
        if not red:
            return []
        return [
            SimpleNamespace(confidence=0.1 if blue else 0.9, side="left" if u < frame.camera.width / 2 else "right")
        ]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> HandDetector:
    return HandDetector(make_test_detector(tmp_path_factory.mktemp("models") / "detector"))


def scene(*patches: tuple[int, int, tuple[int, int, int]], hands: tuple[int, ...]) -> Scene:
    """Black, with patches of 64 x 64 pixels around points, of which some are hands, all of them right ones."""
    rgb = np.zeros((480, 640, 3), np.uint8)
    boxes = np.array([[x - 32, y - 32, x + 32, y + 32] for x, y, _ in patches], float).reshape(-1, 4)
    for x, y, colour in patches:
        rgb[y - 32 : y + 32, x - 32 : x + 32] = colour
    return Scene(rgb, None, boxes[list(hands)], np.ones(len(hands)))


def test_hands_and_what_is_none_are_counted_apart(detector: HandDetector) -> None:
    hands = scene((96, 176, RED), (480, 304, RED), (288, 304, PURPLE), hands=(0, 1, 2))
    things = scene((96, 176, RED), (480, 304, PURPLE), hands=())
    said = evaluate_model(Believer(), detector, [hands, things], "rgb")
    assert said.hands_believed == pytest.approx(2 / 3)
    # what is found in the hands' own boxes is no thing; that in which nothing is believed counts all the same
    assert said.places == 2 and said.places_believed == 0.5
    assert said.side == pytest.approx((math.nan, 1 / 3, math.nan, math.nan), nan_ok=True)
    # of three hands one, and in the picture without hands another
    assert said.found == pytest.approx(1 / 3) and said.false == 1 and said.empty_right == 0
    row = row_of_model(said)
    assert row["side"]["from_0.1_of_the_width"] == 0.333 and row["side"]["from_0_of_the_width"] is None
    assert (row["places"], row["places_believed"], row["found"]) == (2, 0.5, 0.333)


def test_nothing_there_is_not_a_number(detector: HandDetector) -> None:
    said = evaluate_model(Believer(), detector, [], "rgb")
    assert said.places == 0 and math.isnan(said.hands_believed) and math.isnan(said.places_believed)
