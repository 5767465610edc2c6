from dataclasses import replace

import numpy as np
import pytest
from bundles import rigid_hand

from hand_pose_ros.tracking import HandTracker
from hand_pose_ros.types import HandEstimate, HandPoseError, HandRegion, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)
PERIOD_NS = 33_000_000


def hand_at(x: float = 0.0, *, side="right", confidence: float = 0.9, side_confidence: float = 0.95) -> HandEstimate:
    joints = rigid_hand() + np.array([x, 0.0, 0.5])
    return HandEstimate(
        joints_m=joints,
        joint_cov_m2=np.tile(np.eye(3) * 1e-5, (21, 1, 1)),
        joints_px=np.zeros((21, 2)),
        cloud_m=joints,
        side=side,
        side_confidence=side_confidence,
        confidence=confidence,
        modalities="rgbd",
        latent_mean=np.zeros(8),
        latent_var=np.ones(8),
    )


class Script:
    """An estimator that answers what it is told to, and remembers what it was asked."""

    def __init__(self, *answers: list[HandEstimate] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[list[HandRegion] | None, object]] = []

    def estimate(self, frame, *, regions=None, side="auto", modalities="rgbd"):
        self.asked.append((regions, side))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def frames(count: int, start_ns: int = PERIOD_NS) -> list[RgbdFrame]:
    return [RgbdFrame(CAMERA, stamp_ns=start_ns + index * PERIOD_NS) for index in range(count)]


def run(script: Script, pictures: list[RgbdFrame], **options) -> list[list[int]]:
    tracker = HandTracker(script)
    return [[hand.id for hand in tracker.update(picture, **options)] for picture in pictures]


def test_looks_where_the_hand_was_and_keeps_id_and_side():
    script = Script([hand_at(0.0, side="left")], [hand_at(0.01, side="left")])
    assert run(script, frames(2)) == [[0], [0]]
    assert script.asked[0] == (None, "auto")
    (region,), sides = script.asked[1]
    assert region.distance_m == pytest.approx(0.5, abs=0.01)
    assert sides == ["left"]


def test_a_lost_hand_is_searched_in_the_same_frame():
    script = Script([hand_at()], [hand_at(confidence=0.1)], [hand_at(0.3)])
    assert run(script, frames(2), min_confidence=0.5) == [[0], [1]]
    assert script.asked[2][0] is None


def test_nothing_there_is_no_hand():
    assert run(Script([], [], []), frames(3)) == [[], [], []]


def test_a_hand_that_comes_back_soon_is_the_same_one():
    pictures = frames(3)
    assert run(Script([hand_at()], [], [], [hand_at(0.05)]), pictures) == [[0], [], [0]]
    later = [*pictures[:2], replace(pictures[2], stamp_ns=10 * 10**9)]
    assert run(Script([hand_at()], [], [], [hand_at(0.3)]), later) == [[0], [], [0]]


def test_two_hands_keep_their_ids_in_any_order():
    script = Script([hand_at(-0.2), hand_at(0.2)], [hand_at(0.21), hand_at(-0.21)])
    assert run(script, frames(2)) == [[0, 1], [1, 0]]


def test_further_hands_are_looked_for_now_and_then():
    left, right = hand_at(-0.2), hand_at(0.2)
    script = Script([left], *[[left]] * 7, [left, right], [left, right])
    tracker = HandTracker(script, max_hands=2)
    seen = [[hand.id for hand in tracker.update(frame)] for frame in frames(9)]
    assert seen == [[0]] * 7 + [[0, 1]] * 2
    assert [regions is None for regions, _ in script.asked] == [True, *[False] * 7, True, False]


def test_two_that_met_on_one_hand_become_one():
    script = Script([hand_at(-0.2), hand_at(0.2)], [hand_at(0.0), hand_at(0.01)])
    assert [len(ids) for ids in run(script, frames(2))] == [2, 1]


def test_a_side_that_is_no_longer_believed_is_asked_for_anew():
    doubtful = hand_at(side="left", side_confidence=0.1)
    script = Script([hand_at(side="left")], *[[doubtful]] * 4, [hand_at(side="right")], [hand_at()])
    run(script, frames(7))
    asked = [side for _, side in script.asked]
    assert asked[1] == ["left"] and ["auto"] in asked
    assert asked[-1] == ["right"]


def test_a_side_the_user_gave_stays():
    script = Script([hand_at(side="left")], [hand_at(side="left")])
    run(script, frames(2), side="left")
    assert [side for _, side in script.asked] == ["left", ["left"]]


def test_time_going_backwards_forgets():
    script = Script([hand_at()], [hand_at(0.4)])
    assert run(script, [frames(1, 10**10)[0], frames(1)[0]]) == [[0], [0]]
    assert script.asked[1][0] is None


def test_after_a_pause_it_looks_everywhere():
    script = Script([hand_at()], [hand_at(0.4)])
    assert run(script, [frames(1)[0], frames(1, 10**10)[0]]) == [[0], [0]]
    assert script.asked[1][0] is None


def test_bad_input_leads_to_a_search_not_to_a_dead_tracker():
    tracker = HandTracker(Script([hand_at()], HandPoseError("bad"), [hand_at()]))
    first, second, third = frames(3)
    tracker.update(first)
    with pytest.raises(HandPoseError):
        tracker.update(second)
    assert [hand.id for hand in tracker.update(third)] == [0]
