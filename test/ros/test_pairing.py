"""Pairing is judged from what two streams gave up and what was used, a second of pictures at a time."""

import pytest

pytest.importorskip("diagnostic_msgs", reason="ROS messages are not installed")
from diagnostic_msgs.msg import DiagnosticStatus

from hand_pose_ros.ros.pairing import ENOUGH, Pairing


def judged(rgb: int, depth: int, used: int, miss_ns: int | None = None) -> Pairing:
    pairing = Pairing()
    pairing.unpaired, pairing.nearest_miss_ns = {"rgb": rgb, "depth": depth}, miss_ns
    pairing.judge(used)
    return pairing


def test_nothing_is_said_before_there_are_pictures_enough() -> None:
    assert judged(ENOUGH - 1, 0, 0).complaint() is None


def test_pictures_without_a_partner_are_complained_of() -> None:
    level, sentence = judged(10, 0, 90, 12_000_000).complaint() or (b"", "")
    assert level == DiagnosticStatus.WARN
    assert "10% of the pictures find no partner" in sentence and "(the last by 12.0 ms)" in sentence
    assert judged(2, 0, 98).complaint() is None


def test_nothing_that_pairs_is_an_error() -> None:
    assert (judged(50, 50, 0).complaint() or (b"",))[0] == DiagnosticStatus.ERROR


def test_a_faster_camera_is_no_loss() -> None:
    """Colour at 30 Hz beside depth at 15 Hz: every other colour picture has no partner, and no depth picture lacks."""
    pairing = judged(50, 0, 50)
    assert pairing.complaint() is None and pairing.lost_percent == 0


def test_what_is_over_is_forgotten() -> None:
    pairing = judged(10, 0, 90)
    pairing.judge(90 + ENOUGH)  # all of these paired
    assert pairing.complaint() is None and pairing.lost_percent == 0
