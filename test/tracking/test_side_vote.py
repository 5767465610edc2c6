from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_tracker import hand_at

from hand_pose_ros.tracking.side_vote import SideVote

HAND = hand_at()


def says(side, confidence):
    return replace(HAND, side=side, side_confidence=confidence)


def test_many_that_are_rather_sure_are_surer_together():
    vote = SideVote(says("left", 0.7))
    assert (vote.side, vote.confidence) == ("left", np.float64(vote.confidence)) and abs(vote.confidence - 0.7) < 1e-9
    for _ in range(20):
        vote.add(says("left", 0.7))
    assert vote.side == "left" and vote.confidence > 0.98


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["left", "right"]))
def test_left_and_right_are_treated_alike(first, second, side):
    other = {"left": "right", "right": "left"}
    votes = SideVote(says(side, first)), SideVote(says(other[side], first))
    for vote, name in zip(votes, (side, other[side]), strict=True):
        vote.add(says(name, second))
    assert abs(votes[0].confidence - votes[1].confidence) < 1e-9 and votes[0].confidence >= 0.5
    assert votes[0].side != votes[1].side or votes[0].confidence == 0.5


def test_doubt_about_its_side_speaks_for_the_other():
    vote = SideVote(says("right", 0.6))
    for _ in range(10):
        vote.add(says("right", 0.1))
    assert vote.side == "left"


def test_a_long_agreement_can_be_turned():
    vote = SideVote(says("right", 1.0))
    for _ in range(1000):
        vote.add(says("right", 1.0))
    assert vote.confidence < 1
    for _ in range(10):
        vote.add(says("left", 0.99))
    assert vote.side == "left"
