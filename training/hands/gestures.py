"""Named hand poses: counting, pointing, signs, pinches and the common grasps, as angles of `turns.py`.

Grasps are named after Feix et al.: The GRASP Taxonomy of Human Grasp Types (2016). What fingers touch, and what they
must not pass through, is left to contacts: `pose_gestures` settles gestures on a hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.hands.capsules import Capsules
from training.hands.contacts import settle
from training.hands.model import Array, HandModel

#: Flexion of one finger at its three joints.
STRAIGHT = (-2, 3, 1)
CLOSED = (84, 100, 62)
RELAXED = (28, 32, 18)
HALF = (45, 55, 32)
HOOK = (5, 88, 55)
FLAT_BENT = (62, 6, 3)
#: Thumbs: base flexion, abduction and twist, flexion of the other two joints.
BESIDE = (25, 26, 0, 0, -5)
OUT = (-8, 22, 0, -5, -5)
UP = (-18, 20, 0, -12, -14)
OVER = (30, -20, 20, 22, 40)
ACROSS = (40, 4, 24, 38, 45)
OPPOSED = (24, -14, 18, 14, 18)
TOGETHER = (-13, -3, 7, 10)
APART = (10, 1, -8, -14)
EASY = (0, 0, 0, -3)


@dataclass(frozen=True)
class Gesture:
    """fingers: flexion of index, middle, ring and little finger at their three joints; thumb: its five angles; spread
    of the four; pinch: the finger (1 to 4) whose pad the thumb touches, 0 for none."""

    fingers: tuple[tuple[int, int, int], ...]
    thumb: tuple[int, ...]
    spread: tuple[int, ...] = EASY
    pinch: int = 0

    def pose(self) -> Array:
        """The 21 angles in degrees."""
        return np.array([a for finger in self.fingers for a in finger] + [*self.spread, *self.thumb], dtype=float)


S, C = STRAIGHT, CLOSED
GESTURES = {
    "fist": Gesture((C, C, C, C), OVER),
    "one": Gesture((S, C, C, C), OVER),
    "two": Gesture((S, S, C, C), OVER, (12, -6, 0, 0)),
    "three": Gesture((S, S, S, C), OVER, (10, 1, -8, 0)),
    "four": Gesture((S, S, S, S), ACROSS, APART),
    "five": Gesture((S, S, S, S), OUT, APART),
    "flat": Gesture((S, S, S, S), BESIDE, TOGETHER),
    "stop": Gesture(((-14, 2, 0),) * 4, BESIDE, TOGETHER),
    "salute": Gesture((FLAT_BENT,) * 4, BESIDE, TOGETHER),
    "relaxed": Gesture((RELAXED, (33, 38, 22), (36, 42, 25), (36, 40, 24)), (8, 4, 5, 8, 12)),
    "point": Gesture((S, C, C, C), BESIDE),
    "thumbs_up": Gesture((C, C, C, C), UP),
    "gun": Gesture((S, C, C, C), UP),
    "three_with_thumb": Gesture((S, S, C, C), UP, (12, -6, 0, 0)),
    "call": Gesture((C, C, C, S), UP, (0, 0, 0, -16)),
    "horns": Gesture((S, C, C, S), OVER, (4, 0, 0, -10)),
    "love": Gesture((S, C, C, S), OUT, (4, 0, 0, -10)),
    "little": Gesture((C, C, C, S), OVER),
    "claw": Gesture(((5, 55, 35),) * 4, (5, 5, 5, 25, 40), APART),
    "crossed": Gesture((S, (10, 6, 2), C, C), OVER, (-10, 6, 0, 0)),
    "ok": Gesture(((42, 55, 30), (12, 10, 5), (6, 8, 4), (0, 6, 3)), OPPOSED, APART, 1),
    "pinch": Gesture(((48, 40, 22), (52, 55, 32), (58, 64, 38), (62, 66, 40)), OPPOSED, pinch=1),
    "pinch_middle": Gesture((S, (50, 48, 28), (20, 20, 10), (12, 15, 8)), (27, -15, 20, 20, 22), pinch=2),
    "pinch_ring": Gesture((S, (8, 10, 5), (55, 55, 32), (30, 30, 16)), (32, -17, 24, 26, 28), pinch=3),
    "pinch_little": Gesture((S, S, (35, 32, 18), (58, 58, 34)), (38, -18, 28, 34, 34), pinch=4),
    "tripod": Gesture(
        ((48, 44, 24), (52, 48, 28), (62, 70, 42), (66, 72, 44)), (26, -15, 18, 18, 22), (-8, 6, 4, 3), 1
    ),
    "lateral": Gesture(((58, 68, 35), (66, 74, 42), (70, 78, 45), (72, 78, 46)), (32, 8, 10, 12, 18)),
    "power": Gesture(((38, 62, 36), (42, 64, 38), (46, 66, 38), (50, 64, 36)), (20, -16, 12, 15, 25)),
    "sphere": Gesture(((25, 42, 25), (26, 44, 26), (26, 42, 25), (24, 40, 24)), (8, -16, 12, 15, 22), APART),
    "disk": Gesture(((14, 52, 34), (14, 54, 35), (14, 52, 34), (12, 50, 32)), (0, 0, 8, 18, 30), APART),
    "hook": Gesture((HOOK,) * 4, BESIDE, TOGETHER),
    "platform": Gesture(((-8, 12, 6),) * 4, (2, 16, 0, 5, 8)),
    "extension": Gesture(((60, 10, 6),) * 4, (24, -18, 16, 8, 6), TOGETHER),
    "half_closed": Gesture((HALF,) * 4, (20, -4, 12, 15, 20)),
}


def pose_gestures(model: HandModel, capsules: Capsules, names: list[str]) -> Array:
    """Settled poses (B, 21) of gestures on as many hands."""
    chosen = [GESTURES[name] for name in names]
    poses, _ = settle(model, capsules, np.stack([g.pose() for g in chosen]), np.array([g.pinch for g in chosen]))
    return poses


def draw_gestures(rng: np.random.Generator, batch: int) -> tuple[Array, Array]:
    """Poses (B, 21) of gestures and between any two of them, a little beside, and the finger (B,) pinched or 0."""
    all_poses = np.stack([gesture.pose() for gesture in GESTURES.values()])
    pinches = np.array([gesture.pinch for gesture in GESTURES.values()])
    first, second = rng.integers(len(all_poses), size=(2, batch))
    share = np.where(rng.random(batch) < 0.5, 0.0, rng.random(batch))
    poses = all_poses[first] + share[:, None] * (all_poses[second] - all_poses[first])
    return poses + rng.normal(0, 4, poses.shape), np.where(share == 0, pinches[first], 0)
