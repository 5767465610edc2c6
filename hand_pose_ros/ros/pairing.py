"""How well the pictures of two streams pair, judged from what was given up and what was used."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus

from hand_pose_ros.inputs.sync import Stream

#: Share of pictures that may go unused before it is worth a warning.
TOLERATED_DROPS = 0.05
#: Share of unpaired pictures in one stream from which on it is taken for the faster camera: 30 Hz beside 15 Hz has 0.5.
FASTER = 0.4
#: Pictures after which pairing is judged anew: one second at 30 Hz.
ENOUGH = 30


class Pairing:
    """Since activation. unpaired: pictures of each stream given up without a partner. nearest_miss_ns: how far the last
    of them was from the nearest candidate."""

    def __init__(self) -> None:
        self.unpaired: Mapping[Stream, int] = {}
        self.nearest_miss_ns: int | None = None
        self._unpaired_before: Mapping[Stream, int] = {}
        self._used_before = 0
        self._lost, self._used = 0, 0

    @property
    def lost_percent(self) -> float:
        """Of the pictures last judged."""
        return 100 * self._lost / max(self._lost + self._used, 1)

    def judge(self, used: int) -> None:
        """Judges anew once there are pictures enough; used: pairs since activation. What one stream alone cannot pair
        was lost by the other, unless it is so much that the other must be the slower camera."""
        new = [total - self._unpaired_before.get(stream, 0) for stream, total in self.unpaired.items()]
        lately, most = used - self._used_before, max(new, default=0)
        if lately + most >= ENOUGH:
            self._lost, self._used = most if most < FASTER * (most + lately) else min(new), lately
            self._unpaired_before, self._used_before = self.unpaired, used

    def complaint(self) -> tuple[bytes, str] | None:
        """Level and sentence, where too many found no partner."""
        if self._lost <= TOLERATED_DROPS * (self._lost + self._used):
            return None
        apart = "" if self.nearest_miss_ns is None else f" (the last by {self.nearest_miss_ns / 1e6:.1f} ms)"
        return DiagnosticStatus.WARN if self._used else DiagnosticStatus.ERROR, (
            f"{self.lost_percent / 100:.0%} of the pictures find no partner: stamps differ by more than "
            f"sync_tolerance{apart}, or messages are lost (see the DDS profile in config/)"
        )
