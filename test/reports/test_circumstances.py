"""What is told of a hand from its true joints."""

import numpy as np
import pytest

from hand_pose_ros.reports.circumstances import (
    curl_deg,
    group_by_circumstance,
    hand_length_m,
    hidden_joints,
    pointing_deg,
    self_hidden,
    viewpoint_deg,
)
from hand_pose_ros.skeleton import FINGERS
from hand_pose_ros.types import PinholeCamera

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)


def flat_hand() -> np.ndarray:
    """A right hand seen from its back, fingers up, half a metre away: index to the left of little."""
    joints = np.zeros((21, 3))
    for number, joint_numbers in enumerate(FINGERS.values()):
        x = 0.02 * (number - 2)
        for step, joint in enumerate(joint_numbers):
            joints[joint] = (x, -0.09 - 0.03 * step, 0.0)
    return joints + np.array([0.0, 0.05, 0.5])


def turned(joints: np.ndarray, axis: int, degrees: float) -> np.ndarray:
    """About the middle knuckle, which stays before the camera."""
    angle, centre = np.radians(degrees), joints[9]
    a, b = [other for other in range(3) if other != axis]
    rotation = np.eye(3)
    rotation[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
    return (joints - centre) @ rotation.T + centre


@pytest.mark.parametrize(("degrees", "expected"), [(0, 0), (90, 90), (180, 180), (-90, 90)])
def test_viewpoint(degrees: float, expected: float) -> None:
    hand = turned(flat_hand(), 1, degrees)
    assert viewpoint_deg(hand[None], ["right"])[0] == pytest.approx(expected, abs=6)
    assert viewpoint_deg(hand[None] * (-1, 1, 1), ["left"])[0] == pytest.approx(expected, abs=6)


def test_pointing() -> None:
    assert pointing_deg(flat_hand()[None])[0] == pytest.approx(90, abs=6)
    towards, away = (turned(flat_hand(), 0, angle) for angle in (90, -90))
    towards, away = sorted((towards, away), key=lambda hand: hand[9, 2] - hand[0, 2])
    assert pointing_deg(towards[None])[0] < 10 and pointing_deg(away[None])[0] > 170


def test_curl_and_length() -> None:
    hand = flat_hand()
    np.testing.assert_allclose(curl_deg(hand[None])[0], 0, atol=30)
    bent = hand.copy()
    bent[8] = bent[7] + (0.0, 0.03, 0.0)  # the index finger's tip points back
    assert curl_deg(bent[None])[0, 0] > 140
    assert hand_length_m(hand[None])[0] == pytest.approx(0.18)


def test_a_joint_behind_a_bone_is_hidden_and_one_before_it_is_not() -> None:
    hand = flat_hand()
    assert not self_hidden(hand).any()
    behind = hand.copy()
    behind[4] = behind[10] * 1.1  # the thumb's tip goes behind the middle finger, seen from the camera
    assert list(np.flatnonzero(self_hidden(behind))) == [4]
    before = hand.copy()
    before[4] = before[10] * 0.9
    assert 4 not in np.flatnonzero(self_hidden(before)) and self_hidden(before)[10]


def test_measured_depth_has_the_last_word() -> None:
    hand = flat_hand()
    hand[4] = hand[10] * 1.1
    skin = np.full((240, 320), 0.49, np.float32)
    hidden = hidden_joints(hand, CAMERA, skin)
    assert hidden[4] and hidden.sum() == 1
    assert hidden_joints(hand, CAMERA, np.full((240, 320), 0.4, np.float32)).all()  # an object before it all
    assert list(np.flatnonzero(hidden_joints(hand, CAMERA, np.zeros((240, 320), np.float32)))) == [
        4
    ]  # nothing measured


def test_groups() -> None:
    hands = np.array([turned(flat_hand(), 1, angle) * scale for angle, scale in ((0, 1), (20, 1.5), (90, 2), (170, 3))])
    hidden = np.zeros((4, 21), bool)
    hidden[2, :5] = True
    groups = group_by_circumstance(hands, ["right"] * 4, hidden, np.array([True, True, False, True]))
    assert list(groups["the camera sees"]) == ["the back", "the edge", "the palm"]
    assert [int(mask.any(axis=1).sum()) for mask in groups["the camera sees"].values()] == [2, 1, 1]
    assert groups["joint"]["hidden"].sum() == 5 and groups["joint"]["seen"].sum() == 79
    assert groups["side"]["mistaken"].any(axis=1).tolist() == [False, False, True, False]
    assert sum(mask.any(axis=1).sum() for mask in groups["distance"].values()) == 4
    # All the same pose: a circumstance that did not vary explains nothing.
    assert "pose" not in groups


def test_hands_with_missing_joints_belong_to_no_group_of_what_is_unknown() -> None:
    hands = np.array([flat_hand(), turned(flat_hand(), 1, 90), flat_hand()])
    hands[2, 5] = np.nan
    groups = group_by_circumstance(hands, ["right"] * 3, np.zeros((3, 21), bool), np.ones(3, bool))
    assert not any(mask[2].any() for mask in groups["the camera sees"].values())
