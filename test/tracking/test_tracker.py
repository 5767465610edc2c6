from dataclasses import replace

import numpy as np
import pytest
from bundles import rigid_hand

from hand_pose_ros.tracking import HandTracker, TrackerOptions
from hand_pose_ros.types import HandEstimate, HandPoseError, HandRegion, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)
PERIOD_NS = 33_000_000


def hand_at(x: float = 0.0, *, side="right", confidence: float = 0.9, side_confidence: float = 0.99) -> HandEstimate:
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


def run(script: Script, pictures: list[RgbdFrame], max_hands=1, predict_s=0.0, **options) -> list[list[int]]:
    tracker = HandTracker(script, max_hands, TrackerOptions(predict_s=predict_s))
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


def test_where_nothing_is_for_long_not_every_picture_is_searched():
    script = Script(*[[]] * 3, *[[hand_at()]] * 3)
    assert run(script, frames(12)) == [[]] * 9 + [[0]] * 3
    assert [regions is None for regions, _ in script.asked] == [True] * 4 + [False] * 2, "at 30 Hz one in three"


def test_a_hand_lost_just_now_is_looked_for_in_every_picture():
    script = Script([hand_at()], [], [], [], [], [], [], [hand_at()])
    tracker = HandTracker(script)
    for picture in frames(4):
        tracker.update(picture)
    assert len(script.asked) == 1 + 2 * 3, "where it should be, and everywhere"


def test_a_hand_that_comes_back_soon_is_the_same_one():
    pictures = frames(3)
    assert run(Script([hand_at()], [], [], [hand_at(0.05)]), pictures) == [[0], [], [0]]
    later = [*pictures[:2], replace(pictures[2], stamp_ns=10 * 10**9)]
    assert run(Script([hand_at()], [], [], [hand_at(0.3)]), later) == [[0], [], [0]]


def test_two_hands_keep_their_ids_in_any_order():
    script = Script([hand_at(-0.2), hand_at(0.2)], [hand_at(0.21), hand_at(-0.21)])
    tracker = HandTracker(script, max_hands=2)
    for picture in frames(2):
        hands = tracker.update(picture)
        assert [(hand.id, hand.estimate.joints_m.mean(axis=0)[0] > 0) for hand in hands] == [(0, False), (1, True)]
    assert len(script.asked) == 2, "all hands of a frame are one batch"


def test_further_hands_are_looked_for_now_and_then():
    left, right = hand_at(-0.2), hand_at(0.2)
    script = Script([left], *[[left]] * 7, [left, right], [left, right])
    tracker = HandTracker(script, max_hands=2)
    seen = [[hand.id for hand in tracker.update(frame)] for frame in frames(9)]
    assert seen == [[0]] * 7 + [[0, 1]] * 2
    assert [regions is None for regions, _ in script.asked] == [True, *[False] * 7, True, False]


def test_two_that_met_on_one_hand_become_one():
    script = Script([hand_at(-0.1), hand_at(0.1)], [hand_at(0.0), hand_at(0.01)])
    assert run(script, frames(2), max_hands=2) == [[0, 1], [0]]


def test_the_side_is_voted_over_the_track():
    """One picture that shows the other hand does not turn it round: it is asked again, told the side."""
    right, wrong = hand_at(), hand_at(side="left", side_confidence=0.9)
    script = Script([hand_at(side_confidence=0.9)], [wrong], [right], [right])
    tracker = HandTracker(script)
    sides = [tracker.update(picture)[0].estimate.side for picture in frames(3)]
    assert sides == ["right"] * 3
    assert [side for _, side in script.asked] == ["auto", ["auto"], ["right"], ["auto"]]


def test_a_vote_that_was_wrong_is_turned_by_many():
    left = hand_at(side="left", side_confidence=0.9)
    script = Script([hand_at(side_confidence=0.8)], *[[left]] * 40)
    tracker = HandTracker(script)
    hands = [tracker.update(picture)[0] for picture in frames(30)]
    assert hands[-1].estimate.side == "left" and hands[-1].estimate.side_confidence > 0.95
    assert script.asked[-1][1] == ["left"], "what is sure is no longer looked at both ways"


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


def test_a_hand_that_is_missed_for_a_moment_is_predicted():
    moving = [[hand_at(0.01 * step)] for step in range(6)]
    script = Script(*moving, *[[]] * 20, [hand_at(0.1)])
    tracker = HandTracker(script, options=TrackerOptions(predict_s=0.1))
    seen = [tracker.update(picture) for picture in frames(10)]
    counts = [len(hands) for hands in seen]
    assert counts == [1] * 9 + [0], "it is reported for 0.1 s after it was last seen"
    last, first_missed, second_missed = (hands[0] for hands in seen[5:8])
    assert last.unseen_s == 0 and first_missed.unseen_s == pytest.approx(0.033)
    places = [hand.estimate.joints_m.mean(axis=0)[0] for hand in (last, first_missed, second_missed)]
    assert places[0] < places[1] < places[2], "it moves on"
    spread = [np.trace(hand.estimate.joint_cov_m2[8]) for hand in (last, first_missed, second_missed)]
    assert spread[0] < spread[1] < spread[2], "and is less and less sure"


def test_of_two_hands_that_vanish_each_gets_its_own_number_back():
    left, right = hand_at(-0.1, side="left"), hand_at(0.0)
    script = Script([left, right], [], [], [hand_at(-0.095), hand_at(-0.005, side="left")])
    assert run(script, frames(3), max_hands=2) == [[0, 1], [], [0, 1]]
    tracker = HandTracker(Script([left, right], [], [], [hand_at(-0.095), hand_at(-0.005, side="left")]), max_hands=2)
    hands = [tracker.update(picture) for picture in frames(3)][-1]
    assert [hand.estimate.side for hand in hands] == ["left", "right"]


def test_without_the_filter_joints_are_the_models_own():
    answers = [[hand_at(0.0005 * (-1) ** step)] for step in range(10)]
    for filtered in (False, True):
        tracker = HandTracker(Script(*answers), options=TrackerOptions(filtered=filtered))
        shown = [tracker.update(picture)[0].estimate.joints_m[0, 0] for picture in frames(10)]
        own = [answer[0].joints_m[0, 0] for answer in answers]
        assert bool(np.ptp(shown[5:]) < 0.8 * np.ptp(own)) == filtered
        assert np.allclose(shown, own) == (not filtered)


def seen_by_colour(hand: HandEstimate, times_farther: float) -> HandEstimate:
    """The same hand in the picture, thought to be larger and so much farther away."""
    return replace(hand, joints_m=times_farther * hand.joints_m, modalities="rgb")


def test_colour_alone_tells_hands_apart_in_the_picture_not_by_their_distance():
    answers = [[seen_by_colour(hand_at(0.1), times)] for times in (1.0, 1.4, 1.4, 1.5)]
    assert run(Script(*answers), frames(4)) == [[0]] * 4
    measured = [[replace(answer[0], modalities="rgbd")] for answer in answers]
    script = Script(measured[0], measured[1], measured[1])
    assert run(script, frames(2)) == [[0], [1]], "where depth was measured such a jump is another hand"
    beside = Script(answers[0], [seen_by_colour(hand_at(0.3), 1.0)], [seen_by_colour(hand_at(0.3), 1.0)])
    assert run(beside, frames(2)) == [[0], [1]]


def test_a_hand_many_times_larger_in_the_picture_is_another_one():
    far = [seen_by_colour(hand_at(), 4.0)]
    assert run(Script([seen_by_colour(hand_at(), 1.0)], far, far), frames(2)) == [[0], [1]]


def test_a_search_in_colour_finds_a_followed_hand_again_and_not_a_second_one():
    first = seen_by_colour(hand_at(0.1), 1.0)
    again, other = seen_by_colour(hand_at(0.11), 1.4), seen_by_colour(hand_at(-0.15), 1.4)
    script = Script([first], *[[first]] * 7, [again, other], [first, other])
    tracker = HandTracker(script, max_hands=2)
    seen = [[hand.id for hand in tracker.update(frame)] for frame in frames(9)]
    assert seen == [[0]] * 7 + [[0, 1]] * 2


def test_the_box_around_a_followed_hand_does_not_shrink_with_its_joints():
    """As in pictures of a fist, in which a model finds its joints ever nearer together."""
    fists = []
    for step in range(4):
        hand = seen_by_colour(hand_at(), 1.0)
        middle = hand.joints_m.mean(axis=0)
        fists.append([replace(hand, joints_m=middle + 0.5**step * (hand.joints_m - middle))])
    script = Script(*fists)
    run(script, frames(4))
    boxes = [regions[0].box_px for regions, _ in script.asked[1:]]
    assert min(boxes) > 0.19 * CAMERA.fx / 0.5


def test_a_hand_that_turns_out_to_be_the_other_one_is_looked_for_where_it_is():
    """Its joints change places, which is no movement to be expected to go on."""
    right = hand_at(side_confidence=0.6)
    joints = right.joints_m.copy()
    joints[:, 0] = 2 * joints[:, 0].mean() - joints[:, 0]
    left = replace(right, joints_m=joints, side="left", side_confidence=0.99)
    script = Script([right], [left], [left])
    tracker = HandTracker(script)
    hands = [tracker.update(picture)[0] for picture in frames(3)]
    assert [hand.estimate.side for hand in hands] == ["right", "left", "left"] and {hand.id for hand in hands} == {0}
    boxes = [regions[0].box_px for regions, _ in script.asked[1:]]
    assert boxes[1] == pytest.approx(boxes[0], rel=0.05)
    assert np.allclose(hands[1].estimate.joints_m, joints)
