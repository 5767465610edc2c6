"""Pairs colour and depth pictures by stamp, and falls back to one of them when the other stops.

message_filters is not on PyPI and cannot fall back to a single stream, so this small class does both, without any
ROS type: it sees stamps and opaque items, and needs no clock, so it behaves the same live, in a replayed bag and
under simulated time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

Item = TypeVar("Item")
Stream = Literal["rgb", "depth"]

#: Pictures of one stream that wait for their partner; at 30 Hz the other stream may lag by a tenth of a second.
QUEUE = 4
#: A stamp that is older than the newest by less than this came late, out of order; by more, time went backwards.
LATE_NS = 250_000_000


@dataclass(frozen=True)
class Pair(Generic[Item]):
    """What was seen at one instant: both pictures, or the one that is there. The stamp is the colour picture's."""

    stamp_ns: int
    rgb: Item | None
    depth: Item | None


@dataclass
class _Side(Generic[Item]):
    waiting: deque[tuple[int, Item]] = field(default_factory=deque)
    last_ns: int | None = None
    #: The first picture since the other stream was last heard: its silence, told by this stream's stamps alone.
    alone_since_ns: int | None = None
    unpaired: int = 0
    out_of_turn: int = 0


class Synchronizer(Generic[Item]):
    """Feed it every picture with `add`; it returns a Pair as soon as one is complete.

    Pictures pair when their stamps differ by at most `tolerance_ns` (0: exactly equal); the tolerance must be under
    half the frame period for the partner to be unambiguous. A pair makes everything older obsolete. With `fallback`,
    a stream that was silent while the other advanced by more than `timeout_ns` is not waited for any longer. Where
    `streams` is only one, every picture is complete at once.
    A picture that repeats the newest stamp or comes late is out of turn and left out: what follows hands through time
    would see it stand still or go back. A stamp that goes backwards farther than LATE_NS (a looped bag, a restarted
    simulation, a camera's clock that was set) empties that stream's queue.
    """

    def __init__(
        self,
        tolerance_ns: int,
        timeout_ns: int,
        fallback: bool = True,
        streams: Sequence[Stream] = ("rgb", "depth"),
    ) -> None:
        self.tolerance_ns = tolerance_ns
        self.timeout_ns = timeout_ns
        self.fallback = fallback
        self._one_stream = len(streams) == 1
        self.pairs = 0
        #: How far the newest picture that found no partner was from the nearest candidate.
        self.nearest_miss_ns: int | None = None
        self._sides: dict[Stream, _Side[Item]] = {"rgb": _Side(), "depth": _Side()}

    def reset(self) -> None:
        """Forgets all pictures and stamps, as when the clock was set; the counts stay."""
        for side in self._sides.values():
            side.unpaired += len(side.waiting)
            side.waiting.clear()
            side.last_ns = side.alone_since_ns = None

    @property
    def unpaired(self) -> dict[Stream, int]:
        """Pictures of each stream given up without a partner; those used alone are not among them."""
        return {name: side.unpaired for name, side in self._sides.items()}

    @property
    def out_of_turn(self) -> dict[Stream, int]:
        """Pictures of each stream left out because they came late or repeated the newest stamp."""
        return {name: side.out_of_turn for name, side in self._sides.items()}

    def is_new(self, stream: Stream, stamp_ns: int) -> bool:
        """Whether a picture of this stamp would be in its turn."""
        last_ns = self._sides[stream].last_ns
        return last_ns is None or not 0 <= last_ns - stamp_ns < LATE_NS

    def add(self, stream: Stream, stamp_ns: int, item: Item) -> Pair[Item] | None:
        """Takes one picture; returns what it completes, if anything."""
        mine, other = self._sides[stream], self._sides["depth" if stream == "rgb" else "rgb"]
        if not self.is_new(stream, stamp_ns):
            mine.out_of_turn += 1
            return None
        if mine.last_ns is not None and stamp_ns < mine.last_ns:
            mine.unpaired += len(mine.waiting)
            mine.waiting.clear()
            mine.alone_since_ns = None
        mine.last_ns = stamp_ns
        if self._one_stream:
            return _alone(stream, stamp_ns, item)
        other.alone_since_ns = None
        if mine.alone_since_ns is None:
            mine.alone_since_ns = stamp_ns

        match = min(other.waiting, key=lambda entry: abs(entry[0] - stamp_ns), default=None)
        if match is not None and abs(match[0] - stamp_ns) <= self.tolerance_ns:
            self._discard(mine, stamp_ns)
            self._discard(other, match[0], paired=True)
            self.pairs += 1
            if stream == "rgb":
                return Pair(stamp_ns, item, match[1])
            return Pair(match[0], match[1], item)
        if match is not None:
            self.nearest_miss_ns = abs(match[0] - stamp_ns)
        if self.fallback and stamp_ns - mine.alone_since_ns > self.timeout_ns:
            self._discard(mine, stamp_ns)
            return _alone(stream, stamp_ns, item)
        mine.waiting.append((stamp_ns, item))
        if len(mine.waiting) > QUEUE:
            mine.waiting.popleft()
            mine.unpaired += 1
        return None

    @staticmethod
    def _discard(side: _Side[Item], until_ns: int, paired: bool = False) -> None:
        """Forgets a stream's pictures up to a stamp; `paired` says that the last of them found its partner."""
        dropped = -int(paired)
        while side.waiting and side.waiting[0][0] <= until_ns:
            side.waiting.popleft()
            dropped += 1
        side.unpaired += dropped


def _alone(stream: Stream, stamp_ns: int, item: Item) -> Pair[Item]:
    return Pair(stamp_ns, item, None) if stream == "rgb" else Pair(stamp_ns, None, item)
