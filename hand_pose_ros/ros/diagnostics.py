"""What the node tells on /diagnostics: fed by the node, judged here, without a node or a clock.

Times are nanoseconds of any steady clock, so that a paused simulation does not hide a silent camera.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE

#: Share of pictures that may go unused before it is worth a warning.
TOLERATED_DROPS = 0.05
#: Pictures over which latency percentiles are taken: ten seconds at 30 Hz.
LATENCY_WINDOW = 300


@dataclass
class _Input:
    count: int = 0
    last_ns: int | None = None


@dataclass
class _Tally:
    """What happened since the last report."""

    unpaired: int = 0
    superseded: int = 0
    estimated: int = 0
    hands: int = 0
    bad_input: str = ""
    qos: str = ""


class Diagnostics:
    """Collects events from any thread; `report` turns them into the three statuses inputs, estimates and model.

    The tallies start anew with each report, latencies go over the last LATENCY_WINDOW pictures.
    """

    def __init__(self, node_name: str) -> None:
        self._name = node_name
        self._lock = Lock()
        self._state, self._failure = "unconfigured", ""
        self._model: dict[str, str] = {}
        self._wanted_provider = ""
        self._hardware = ""
        self._fallback, self.timeout_ns = False, 0
        self._inputs: dict[str, _Input] = {}
        self._caution = ""
        self._unpaired_total = 0
        self._last_estimate_ns: int | None = None
        self._since_ns = 0
        self._latency: deque[tuple[int, int]] = deque(maxlen=LATENCY_WINDOW)
        self._tally = _Tally()

    def configured(self, model: Mapping[str, str], wanted_provider: str) -> None:
        """model: what to show of the model, `provider` among it: the one that runs."""
        with self._lock:
            self._state, self._failure = "inactive", ""
            self._model, self._wanted_provider = dict(model), wanted_provider

    def activated(self, topics: list[str], fallback: bool, timeout_ns: int, now_ns: int) -> None:
        """topics: the images, then the camera info; fallback: that one of two images is enough."""
        with self._lock:
            self._state = "active"
            self._inputs = {topic: _Input() for topic in topics}
            self._caution = ""
            self._fallback, self.timeout_ns = fallback, timeout_ns
            self._unpaired_total, self._last_estimate_ns = 0, now_ns
            self._since_ns = now_ns
            self._latency.clear()
            self._tally = _Tally()

    def deactivated(self) -> None:
        with self._lock:
            self._state = "inactive"

    def unconfigured(self, failure: str = "") -> None:
        """failure: why configuring failed, if it did."""
        with self._lock:
            self._state, self._failure, self._model = "unconfigured", failure, {}

    def received(self, topic: str, now_ns: int) -> None:
        with self._lock:
            seen = self._inputs[topic]
            seen.count, seen.last_ns = seen.count + 1, now_ns

    def unpaired(self, total: int) -> None:
        """total: pictures given up without a partner since activation."""
        with self._lock:
            self._tally.unpaired += total - self._unpaired_total
            self._unpaired_total = total

    def superseded(self) -> None:
        """A pair was replaced by a newer one before its turn came."""
        with self._lock:
            self._tally.superseded += 1

    def bad_input(self, sentence: str) -> None:
        with self._lock:
            self._tally.bad_input = sentence

    def caution(self, sentence: str) -> None:
        """What is doubtful about usable input, until it is said anew; '' for nothing."""
        with self._lock:
            self._caution = sentence

    def qos_mismatch(self, topic: str, policy: str) -> None:
        with self._lock:
            self._tally.qos = f"{topic}: QoS policy {policy} of the other side is incompatible; change it there"

    def estimated(self, frame_id: str, hands: int, stamp_to_publish_ns: int, work_ns: int, now_ns: int) -> None:
        """One picture is done; stamp_to_publish_ns by the node's clock, work_ns from having the picture."""
        with self._lock:
            self._hardware = frame_id
            self._tally.estimated += 1
            self._tally.hands += hands
            self._last_estimate_ns = now_ns
            self._latency.append((stamp_to_publish_ns, work_ns))

    def report(self, stamp: Time, publishers: Mapping[str, int], now_ns: int) -> DiagnosticArray:
        """publishers: how many there are now of each input topic."""
        with self._lock:
            statuses = [self._inputs_status(publishers, now_ns), self._estimates_status(now_ns), self._model_status()]
            self._tally, self._since_ns = _Tally(), now_ns
        return DiagnosticArray(header=Header(stamp=stamp), status=statuses)

    def _inputs_status(self, publishers: Mapping[str, int], now_ns: int) -> DiagnosticStatus:
        values = {"bad input": self._tally.bad_input, "pictures without a partner": str(self._unpaired_total)}
        for topic, seen in self._inputs.items():
            values[f"{topic} received"] = str(seen.count)
            values[f"{topic} publishers"] = str(publishers.get(topic, 0))
        level, message = self._judge_inputs(publishers, now_ns)
        return self._status("inputs", level, message, values)

    def _judge_inputs(self, publishers: Mapping[str, int], now_ns: int) -> tuple[bytes, str]:
        if self._state != "active":
            return OK, self._state
        problems = [self._silence(topic, publishers.get(topic, 0), now_ns) for topic in self._inputs]
        *images, info = problems
        if info and self._inputs[list(self._inputs)[-1]].last_ns is not None:
            info = None  # intrinsics hold until they are replaced
        if info or all(images) or (any(images) and not self._fallback):
            return next(problem for problem in (*images, info) if problem)
        if self._tally.bad_input:
            return ERROR, self._tally.bad_input
        if self._tally.qos:
            return ERROR, self._tally.qos
        if any(images):
            _, silent = next(problem for problem in images if problem)
            return WARN, f"going on without one stream: {silent}"
        used = self._tally.estimated + self._tally.superseded
        lost = self._tally.unpaired / 2
        if lost > TOLERATED_DROPS * (lost + used):
            return WARN, (
                f"{lost / (lost + used):.0%} of the pictures find no partner: stamps differ by more than "
                "sync_tolerance, or messages are lost (see the DDS profile in config/)"
            )
        return (WARN, self._caution) if self._caution else (OK, "receiving")

    def _silence(self, topic: str, publishers: int, now_ns: int) -> tuple[bytes, str] | None:
        last = self._inputs[topic].last_ns
        remedy = "check its QoS and the network" if publishers else "nobody publishes it: start the camera or remap it"
        if last is None:
            return ERROR, f"nothing received on {topic}; {remedy}"
        if now_ns - last > self.timeout_ns:
            return STALE, f"{topic} silent for {(now_ns - last) / 1e9:.1f} s; {remedy}"
        return None

    def _estimates_status(self, now_ns: int) -> DiagnosticStatus:
        tally, seconds = self._tally, max(now_ns - self._since_ns, 1) / 1e9
        values = {
            "pictures per second": f"{tally.estimated / seconds:.1f}",
            "hands per picture": f"{tally.hands / max(tally.estimated, 1):.2f}",
            "pictures superseded": str(tally.superseded),
        }
        if self._latency:
            for name, column in zip(("stamp to publish", "work"), np.array(self._latency).T / 1e6, strict=True):
                for percentile in (50, 99):
                    values[f"{name} p{percentile} (ms)"] = f"{np.percentile(column, percentile):.1f}"
        if self._state != "active":
            return self._status("estimates", OK, self._state, values)
        silent_ns = now_ns - (self._last_estimate_ns or now_ns)
        if silent_ns > max(self.timeout_ns, 1_000_000_000):
            return self._status("estimates", STALE, f"no picture estimated for {silent_ns / 1e9:.1f} s", values)
        if tally.superseded > TOLERATED_DROPS * (tally.superseded + tally.estimated):
            message = f"{tally.superseded} pictures superseded: they arrive faster than they are estimated"
            return self._status("estimates", WARN, message, values)
        return self._status("estimates", OK, "estimating", values)

    def _model_status(self) -> DiagnosticStatus:
        if not self._model:
            level = ERROR if self._failure else OK
            return self._status("model", level, self._failure or "not loaded", {})
        running = self._model["provider"]
        if running != self._wanted_provider:
            message = f"runs on {running} because {self._wanted_provider} could not be started"
            return self._status("model", WARN, message, self._model)
        return self._status("model", OK, f"runs on {running}", self._model)

    def _status(self, part: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=level,
            name=f"{self._name}: {part}",
            message=message,
            hardware_id=self._hardware,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
