"""Which hand it is, left or right, by the word of many pictures instead of one."""

from __future__ import annotations

import math

from hand_pose_ros.types import HandEstimate, Side

#: Neighbouring pictures show nearly the same, so each counts as this part of an independent one.
WEIGHT = 0.25
#: Nobody is believed beyond this in one picture, nor all of them together, so that a wrong vote can be turned.
MOST_OF_ONE, MOST_OF_ALL = 4.0, 6.0


class SideVote:
    """The log odds that a hand is a right one: each picture adds its own, as Bayes' rule has it."""

    def __init__(self, first: HandEstimate) -> None:
        """The first picture counts in full: it is all there is."""
        self._log_odds = _log_odds(first)

    def add(self, estimate: HandEstimate) -> None:
        """One more picture of the same hand."""
        total = self._log_odds + WEIGHT * _log_odds(estimate)
        self._log_odds = min(max(total, -MOST_OF_ALL), MOST_OF_ALL)

    @property
    def side(self) -> Side:
        return "right" if self._log_odds >= 0 else "left"

    @property
    def confidence(self) -> float:
        """That it is this side: 0.5 to 1."""
        return 1 / (1 + math.exp(-abs(self._log_odds)))


def _log_odds(estimate: HandEstimate) -> float:
    """That this picture shows a right hand."""
    of_its_side = min(max(estimate.side_confidence, 1e-9), 1 - 1e-9)
    odds = min(max(math.log(of_its_side / (1 - of_its_side)), -MOST_OF_ONE), MOST_OF_ONE)
    return odds if estimate.side == "right" else -odds
