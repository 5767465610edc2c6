"""Which side a hand is, decided by all looks at it together."""

import numpy as np
import pytest

from hand_pose_ros.encode import Encoded, vote_on_sides
from hand_pose_ros.types import HandCrop


def looks(*logits: float, start: int = 0) -> Encoded:
    """One crop for each logit, a positive one of a right hand as it is, a negative one of a left hand mirrored."""
    numbers = np.arange(start, start + len(logits), dtype=float)
    crops = [HandCrop(np.eye(3), 0.2, 0.26, logit < 0) for logit in logits]
    return Encoded(crops, numbers[:, None], numbers[:, None] + 1, np.abs(logits), np.zeros(len(logits)))


@pytest.mark.parametrize(
    ("first", "further", "mirrored", "logit", "whose", "kept"),
    [
        (1.0, (2.0, 3.0), False, 2.0, 0, [0, 1]),  # all agree
        (3.0, (-1.0, 1.0), False, 1.0, 0, [1]),  # one look is outvoted
        (1.0, (-3.0, -4.0), True, 2.0, 10, [1]),  # the first is: another takes its place
        (-1.0, (-0.5, 3.0), False, 0.5, 11, []),  # by one that is surer than both others
    ],
)
def test_looks_vote_with_their_logits(first, further, mirrored, logit, whose, kept) -> None:
    hand, again = looks(first), looks(*further, start=10)
    assert vote_on_sides(hand, again, [0, 0], [True]) == kept
    assert hand.crops[0].mirrored is mirrored
    assert hand.side_logit[0] == pytest.approx(logit)
    assert hand.mean[0] == whose and hand.variance[0] == whose + 1


def test_a_side_that_was_told_is_not_voted_on() -> None:
    hands, again = looks(1.0, -1.0), looks(-5.0, 5.0, start=10)
    assert vote_on_sides(hands, again, [0, 1], [False, False]) == [0, 1]
    np.testing.assert_array_equal(hands.side_logit, [1.0, 1.0])
    assert [crop.mirrored for crop in hands.crops] == [False, True]


def test_hands_vote_apart() -> None:
    hands, again = looks(1.0, 1.0, -2.0), looks(-3.0, 1.0, -1.0, start=10)
    assert vote_on_sides(hands, again, [0, 1, 2], [True, True, True]) == [1, 2]
    assert [crop.mirrored for crop in hands.crops] == [True, False, True]
    picked = again.pick([1, 2])
    assert len(picked.crops) == 2 and picked.mean[:, 0].tolist() == [11.0, 12.0]


def test_a_hand_that_no_further_look_shows_stays_as_it_is() -> None:
    hands, again = looks(1.0, 2.0), looks(4.0, start=10)
    assert vote_on_sides(hands, again, [1], [True, True]) == [0]
    np.testing.assert_allclose(hands.side_logit, [1.0, 3.0])
