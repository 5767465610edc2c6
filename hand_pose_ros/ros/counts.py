"""What became of every picture since the node was activated.

Each picture that was published is received, late, lost on the way or overtaken in the queue; each pair is answered, has
its Fate, or is in work (two at most). A picture that is used alone counts as a pair.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

#: Why a pair has no answer: a newer one came before its turn, it could not be used, or it came before the calibration.
Fate = Literal["superseded", "unusable", "without calibration"]
#: No camera is faster than this, nanoseconds a picture.
FASTEST_NS = 1_000_000


@dataclass
class TopicCounts:
    """Of one input topic. kind: its message type. last_ns: when its newest message came, steady time. lost: by the
    middleware's count; skipped: by the gaps in the publisher's numbers, which the lost ones are among."""

    kind: str
    count: int = 0
    out_of_turn: int = 0
    last_ns: int | None = None
    lost: int = 0
    skipped: int = 0
    last_number: int | None = None

    def received(self, now_ns: int, new: bool, number: int | None) -> None:
        """new: False for a picture that came late or again. number: its publisher's, where the middleware tells."""
        if number is not None:
            skipped = number - (self.last_number or number) - 1
            # A larger step, or one back, is another publisher's number.
            if 0 < skipped <= (now_ns - (self.last_ns or now_ns)) / FASTEST_NS:
                self.skipped += skipped
            self.last_number = number
        if new:
            self.count, self.last_ns = self.count + 1, now_ns
        else:
            self.out_of_turn += 1

    def values(self, topic: str) -> dict[str, str]:
        """Of a topic of pictures, what did not go its way."""
        return {
            f"{topic} late or repeated": str(self.out_of_turn),
            f"{topic} lost on the way": str(self.lost),
            f"{topic} overtaken in the queue": str(max(self.skipped - self.lost, 0)),
        }


@dataclass
class PairCounts:
    """Of the pairs, all and by what became of them."""

    paired: int = 0
    answered: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)

    @property
    def used(self) -> int:
        """Those that could be estimated, whether or not there was time for it."""
        return self.answered + self.fates["superseded"]

    def values(self) -> dict[str, str]:
        values = {"pairs": str(self.paired), "pairs answered": str(self.answered)}
        return values | {f"pairs {fate}": str(self.fates[fate]) for fate in get_args(Fate)}
