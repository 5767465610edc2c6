"""What the node tells on /diagnostics: fed by the node, judged here, without a node or a clock.

Times are nanoseconds of any steady clock, so that a paused simulation does not hide a silent camera.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from hand_pose_ros.inputs.sync import Stream
from hand_pose_ros.ros.counts import Fate, PairCounts, TopicCounts
from hand_pose_ros.ros.pairing import TOLERATED_DROPS, Pairing

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE

#: Pictures over which latency percentiles are taken: ten seconds at 30 Hz.
LATENCY_WINDOW = 300


@dataclass
class _Tally:
    """What happened since the last report."""

    received: dict[str, int] = field(default_factory=dict)
    out_of_turn: dict[str, int] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    superseded: int = 0
    estimated: int = 0
    hands: int = 0
    bad_input: str = ""


class Diagnostics:
    """Collects events from any thread; `report` turns them into the three statuses inputs, estimates and model.

    The tallies start anew with each report, the counts with each activation; latencies go over the last LATENCY_WINDOW
    pictures.
    """

    def __init__(self, node_name: str) -> None:
        self._name = node_name
        self._lock = Lock()
        self._state, self._failure = "unconfigured", ""
        self._model: dict[str, str] = {}
        self._passed_over: dict[str, str] = {}
        self._warn = False
        self.model_replaced = False
        self._hardware = ""
        self._fallback, self.timeout_ns = False, 0
        self._inputs: dict[str, TopicCounts] = {}
        self._images: list[str] = []
        self._qos: dict[str, str] = {}
        self._new_qos = ""
        self._pairing, self._pairs = Pairing(), PairCounts()
        self._seen_by = ""
        self._last_estimate_ns: int | None = None
        self._since_ns = 0
        self._latency: deque[tuple[int, int]] = deque(maxlen=LATENCY_WINDOW)
        self._tally = _Tally()

    def configured(self, model: Mapping[str, str], passed_over: Mapping[str, str], warn: bool) -> None:
        """model: what to show of the model, `provider` among it: the one that runs. passed_over: the providers that
        come before it, and why they do not run; warn: that somebody wanted them."""
        with self._lock:
            self._state, self._failure = "inactive", ""
            self._model, self._passed_over, self._warn = dict(model), dict(passed_over), warn
            self.model_replaced = False

    def activated(self, kinds: Mapping[str, str], images: int, fallback: bool, timeout_ns: int, now_ns: int) -> None:
        """kinds: the types of the input topics by name, those of the images first, then the camera infos'. images: how
        many are images. fallback: that one of two images is enough."""
        with self._lock:
            self._state = "active"
            self._inputs = {topic: TopicCounts(kind) for topic, kind in kinds.items()}
            self._images = list(kinds)[:images]
            self._fallback, self.timeout_ns = fallback, timeout_ns
            self._pairing, self._pairs = Pairing(), PairCounts()
            self._seen_by, self._last_estimate_ns, self._since_ns = "", now_ns, now_ns
            self._latency.clear()
            self._tally = _Tally()

    def deactivated(self) -> None:
        with self._lock:
            self._state = "inactive"

    def unconfigured(self, failure: str = "") -> None:
        """failure: why configuring failed, if it did."""
        with self._lock:
            self._state, self._failure, self._model = "unconfigured", failure, {}

    def received(self, topic: str, now_ns: int, *, new: bool = True, number: int | None = None) -> None:
        """new: False for a picture that came late or again. number: its publisher's, where the middleware
        tells."""
        with self._lock:
            counts = self._tally.received if new else self._tally.out_of_turn
            counts[topic] = counts.get(topic, 0) + 1
            self._inputs[topic].received(now_ns, new, number)

    def unpaired(self, totals: Mapping[Stream, int], nearest_miss_ns: int | None = None) -> None:
        """totals: pictures of each stream given up without a partner since activation; nearest_miss_ns: how far the
        last of them was from the nearest candidate."""
        with self._lock:
            self._pairing.unpaired, self._pairing.nearest_miss_ns = dict(totals), nearest_miss_ns

    def lost(self, topic: str, count: int) -> None:
        """So many more pictures were lost on the way, says the middleware."""
        with self._lock:
            self._inputs[topic].lost += count
            self._tally.lost[topic] += count

    def paired(self) -> None:
        """A pair is complete."""
        with self._lock:
            self._pairs.paired += 1

    def dropped(self, fate: Fate) -> None:
        """A pair will have no answer."""
        with self._lock:
            self._pairs.fates[fate] += 1
            self._tally.superseded += fate == "superseded"

    def bad_input(self, sentence: str) -> None:
        with self._lock:
            self._tally.bad_input = sentence

    def qos_mismatch(self, topic: str, policy: str) -> None:
        """Of a subscription to an input, or of somebody's to an output. It is told in one report and listed ever after:
        that the other side went away is never heard."""
        with self._lock:
            self._qos[topic] = f"{topic}: QoS policy {policy} of the other side is incompatible; change it there"
            self._new_qos = self._qos[topic]

    def estimated(
        self, frame_id: str, seen_by: str, hands: int, stamp_to_publish_ns: int, work_ns: int, now_ns: int
    ) -> None:
        """One picture is done; seen_by: the streams it came from; stamp_to_publish_ns by the node's clock, work_ns from
        having the picture."""
        with self._lock:
            self._hardware, self._seen_by = frame_id, seen_by
            self._tally.estimated += 1
            self._pairs.answered += 1
            self._tally.hands += hands
            self._last_estimate_ns = now_ns
            self._latency.append((stamp_to_publish_ns, work_ns))

    def mode(self, now_ns: int) -> tuple[object, ...]:
        """What should be told at once when it changes: the lifecycle state, which streams are there, which are used."""
        with self._lock:
            silent = [t for t in self._images if self._state == "active" and self._is_silent(t, now_ns)]
            return self._state, self._failure, self._seen_by, *silent

    def report(self, stamp: Time, publishers: Mapping[str, Sequence[str]], now_ns: int) -> DiagnosticArray:
        """publishers: the types that are published now on each input topic, one for each publisher."""
        with self._lock:
            self._pairing.judge(self._pairs.used)
            statuses = [self._inputs_status(publishers, now_ns), self._estimates_status(now_ns), self._model_status()]
            self._tally, self._since_ns = _Tally(), now_ns
        return DiagnosticArray(header=Header(stamp=stamp), status=statuses)

    def _inputs_status(self, publishers: Mapping[str, Sequence[str]], now_ns: int) -> DiagnosticStatus:
        values = {
            "bad input": self._tally.bad_input,
            "QoS mismatches": "; ".join(self._qos.values()),
            "pictures without a partner": str(sum(self._pairing.unpaired.values())),
            "pairs lost (%)": f"{self._pairing.lost_percent:.1f}",
        }
        seconds = max(now_ns - self._since_ns, 1) / 1e9
        for topic, seen in self._inputs.items():
            values[f"{topic} received"] = str(seen.count)
            values[f"{topic} per second"] = f"{self._tally.received.get(topic, 0) / seconds:.1f}"
            values[f"{topic} publishers"] = str(len(publishers.get(topic, ())))
            if topic in self._images:
                values |= seen.values(topic)
        level, message = self._judge_inputs(publishers, now_ns)
        return self._status("inputs", level, message, values)

    def _judge_inputs(self, publishers: Mapping[str, Sequence[str]], now_ns: int) -> tuple[bytes, str]:
        if self._state != "active":
            return OK, self._state
        problems = {topic: self._silence(topic, publishers.get(topic, ()), now_ns) for topic in self._inputs}
        images = [problems[topic] for topic in self._images]
        # Intrinsics hold until they are replaced.
        infos = [p for topic, p in problems.items() if topic not in self._images and self._never_came(topic)]
        if any(infos) or all(images) or (any(images) and not self._fallback):
            return next(problem for problem in (*images, *infos) if problem)
        if self._tally.bad_input:
            return ERROR, self._tally.bad_input
        if self._new_qos:
            news, self._new_qos = self._new_qos, ""
            return ERROR, news
        if any(images):
            _, silent = next(problem for problem in images if problem)
            return WARN, f"going on without one stream: {silent}"
        return self._judge_pairing()

    def _judge_pairing(self) -> tuple[bytes, str]:
        for topic, count in self._tally.out_of_turn.items():
            if count > TOLERATED_DROPS * (count + self._tally.received.get(topic, 0)):
                return WARN, (
                    f"{topic}: {count} pictures came late or repeat a stamp and were left out; look whether two "
                    "drivers publish it, and at the camera's clock"
                )
        for topic, count in self._tally.lost.items():
            if count > TOLERATED_DROPS * (count + self._tally.received.get(topic, 0)):
                return WARN, (
                    f"{topic}: {count} pictures were lost on the way; give the publisher more shared memory "
                    "(the DDS profile in config/), or look at the network"
                )
        return self._pairing.complaint() or (OK, "receiving")

    def _never_came(self, topic: str) -> bool:
        return self._inputs[topic].last_ns is None

    def _is_silent(self, topic: str, now_ns: int) -> bool:
        last_ns = self._inputs[topic].last_ns
        return last_ns is None or now_ns - last_ns > self.timeout_ns

    def _silence(self, topic: str, publishers: Sequence[str], now_ns: int) -> tuple[bytes, str] | None:
        if not self._is_silent(topic, now_ns):
            return None
        seen = self._inputs[topic]
        remedy = "check its QoS and the network" if publishers else "nobody publishes it: start the camera or remap it"
        if publishers and seen.kind not in publishers:
            remedy = f"it is published as {publishers[0]}, not {seen.kind}: set its transport, or remap it"
        elif self._tally.out_of_turn.get(topic):
            remedy = "pictures come, but their stamps stand still: look at the driver"
        if seen.last_ns is None:
            return ERROR, f"nothing received on {topic}; {remedy}"
        return STALE, f"{topic} silent for {(now_ns - seen.last_ns) / 1e9:.1f} s; {remedy}"

    def _estimates_status(self, now_ns: int) -> DiagnosticStatus:
        tally, seconds = self._tally, max(now_ns - self._since_ns, 1) / 1e9
        values = {
            "pictures per second": f"{tally.estimated / seconds:.1f}",
            "hands per picture": f"{tally.hands / max(tally.estimated, 1):.2f}",
            "made from": self._seen_by,
            **self._pairs.values(),
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
        values = {**self._model, "memory (MB)": f"{resident_mb():.0f}"}
        running = self._model["provider"]
        if self.model_replaced:
            message = f"files in {self._model['folder']} changed since they were loaded; configure anew to use them"
            return self._status("model", WARN, message, values)
        if self._passed_over:
            reasons = "; ".join(f"{name}: {why}" for name, why in self._passed_over.items())
            return self._status("model", WARN if self._warn else OK, f"runs on {running}, not on {reasons}", values)
        return self._status("model", OK, f"runs on {running}", values)

    def _status(self, part: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=level,
            name=f"{self._name}: {part}",
            message=message,
            hardware_id=self._hardware,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )


def resident_mb() -> float:
    """Memory of this process that is in RAM (Linux), in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0
