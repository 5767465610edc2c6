"""How a model does on real hands of which no joint is known, by what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.estimator import HandEstimator
from training.pseudo.sources import RealHand
from training.pseudo.teacher import fingers_fit, frame_of


@dataclass(frozen=True)
class Score:
    """Of so many hands: how many have a known side and are seen with it, and how many have all of their fingers as
    their class says."""

    hands: int
    sided: int
    side_right: int
    fingers_right: int

    def __str__(self) -> str:
        parts = [f"{self.hands} hands"]
        if self.sided:
            parts.append(f"side right {self.side_right / self.sided:.1%}")
        if self.hands:
            parts.append(f"fingers as the class says {self.fingers_right / self.hands:.1%}")
        return ", ".join(parts)


def score(hands: Iterable[RealHand], estimator: HandEstimator) -> Score:
    """One estimate a hand, in colour, from its box, the side left to the model."""
    rows = []
    for hand in hands:
        found = estimator.estimate(frame_of(hand), box=hand.box)
        fits = bool(found) and fingers_fit(found[0].joints_m, hand.stretched)
        rows.append((hand.side is not None, bool(found) and found[0].side == hand.side, fits))
    sided, side_right, fingers = np.array(rows, bool).reshape(-1, 3).sum(0).tolist()
    return Score(len(rows), sided, side_right, fingers)
