"""The real node fed at 30 Hz for a long time: whether its memory, descriptors and threads stay, and what it drops.

.venv/bin/python tools/soak.py [--minutes 30] [--model BUNDLE] [--recording FOLDER]

Camera and node are processes of their own, as in bench_node.py. A line a minute: memory and open descriptors of the
node, answers, those with a hand, stamp-to-answer latency, and the pairs that newer ones superseded because the node had
not its turn on the processor, with the machine's load beside them. The end is held against the second minute, when
everything that is made once has been made, and memory against the first half's highest: queues fill when the node first
misses its turns, and stay so. Memory is the process's own: what is resident has the middleware's shared memory in it,
up to the size of its segments, as far as it was ever used. Ends with 1 where memory grew by more than 5 MB, descriptors
or threads by any, or the node or more than one picture in twenty was lost, or any that no newer one
overtook.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from node_harness import PATIENCE_S, RATE, ROOT, accounts_of, camera_process, cpu_seconds, losses, wait_for_publisher

from hand_pose_ros.ros.processes import end

GROWTH_MB = 5.0
LOST = 0.05


@dataclass(frozen=True)
class Use:
    """What a process holds: memory of its own and resident memory in MB, open descriptors, threads."""

    memory_mb: float
    resident_mb: float
    descriptors: int
    threads: int


def use_of(pid: int) -> Use:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    own_mb, resident_mb = (int(status[key].split()[0]) / 1024 for key in ("RssAnon", "VmRSS"))
    return Use(own_mb, resident_mb, descriptors, int(status["Threads"]))


def soak(node: subprocess.Popen, film: Callable[[], subprocess.Popen]) -> tuple[list[Use], int, dict[str, int]]:
    """What the node held at the end of each minute until the camera ends, the number of its answers, and its own
    accounts."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray

    from hand_pose_msgs.msg import HandArray

    listener = rclpy.create_node("soak_listener")
    latencies: list[float] = []
    with_hands = 0
    accounts: dict[str, int] = {}

    def answered(message: HandArray) -> None:
        nonlocal with_hands
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        latencies.append((listener.get_clock().now().nanoseconds - stamp) / 1e6)
        with_hands += bool(message.hands)

    heard = listener.create_subscription(HandArray, "/hand_pose/hands", answered, 50)
    listener.create_subscription(DiagnosticArray, "/diagnostics", lambda m: accounts.update(accounts_of(m)), 50)
    wait_for_publisher(listener, heard, node)
    camera = film()
    columns = [("minute", 6), ("own MB", 8), ("all MB", 8), ("fds", 6), ("threads", 9), ("answers", 9), ("hands", 7)]
    columns += [("p50 ms", 9), ("p99 ms", 8), ("CPU", 6), ("superseded", 12), ("load", 6)]
    print("".join(f"{name:>{width}}" for name, width in columns), flush=True)
    uses: list[Use] = []
    total, begin, cpu, before = 0, None, 0.0, 0
    while camera.poll() is None and node.poll() is None:
        rclpy.spin_once(listener, timeout_sec=0.2)
        if begin is None and latencies:
            begin, cpu = time.monotonic(), cpu_seconds(node.pid)
        if begin is not None and time.monotonic() - begin >= 60 * (len(uses) + 1):
            use, now = use_of(node.pid), cpu_seconds(node.pid)
            median, p99 = np.percentile(latencies, [50, 99]) if latencies else (np.nan, np.nan)
            line = f"{len(uses) + 1:6}{use.memory_mb:8.1f}{use.resident_mb:8.1f}{use.descriptors:6}{use.threads:9}"
            line += f"{len(latencies):9}{with_hands:7}{median:9.1f}{p99:8.1f}{100 * (now - cpu) / 60:5.0f}%"
            superseded = accounts.get("pairs superseded", 0)
            print(f"{line}{superseded - before:12}{os.getloadavg()[0]:6.1f}", flush=True)
            before = superseded
            uses.append(use)
            total, with_hands, cpu = total + len(latencies), 0, now
            latencies.clear()
    total += len(latencies)
    listener.destroy_node()
    return uses, total, accounts


def faults(uses: list[Use], answers: int, sent: int, overtaken: int, node_ended: bool) -> list[str]:
    """What grew or was lost, in words; nothing where all is well."""
    found = ["the node ended"] if node_ended else []
    if len(uses) > 2:
        first, last = uses[1], uses[-1]
        growth_mb = last.memory_mb - max(use.memory_mb for use in uses[1 : max(2, len(uses) // 2)])
        if growth_mb > GROWTH_MB:
            found.append(f"memory grew by {growth_mb:.1f} MB")
        if last.descriptors > first.descriptors:
            found.append(f"{last.descriptors - first.descriptors} descriptors more")
        if last.threads > first.threads:
            found.append(f"{last.threads - first.threads} threads more")
    if sent - answers > LOST * sent:
        found.append(f"more than {LOST:.0%} of the pictures lost")
    if sent - answers > overtaken:
        found.append(f"{sent - answers - overtaken} pictures lost that no newer one overtook")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--model", default="hand", help="model bundle: a name under models/ or a path")
    parser.add_argument("--recording", type=Path, default=ROOT / "demo" / "recording", help="frames folder")
    arguments = parser.parse_args()
    from hand_pose_ros.ros.live import isolate

    isolate()
    import rclpy

    rclpy.init()
    print(f"{arguments.minutes:g} minutes at {RATE:.0f} Hz, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    node = subprocess.Popen(
        [sys.executable, "-m", "hand_pose_ros.ros.node", "--ros-args", "-p", f"model:={arguments.model}"]
    )
    seconds = arguments.minutes * 60
    with TemporaryDirectory() as folder:
        noted = Path(folder) / "sent.npz"
        started = [node]

        def film() -> subprocess.Popen:
            started.append(camera_process(arguments.recording, seconds, 1, noted))
            return started[-1]

        try:
            uses, answers, accounts = soak(node, film)
            ended = node.poll() is not None
        finally:
            for process in reversed(started):
                end(process, PATIENCE_S)
        sent = len(np.load(noted)["frame"])
    print(
        f"{sent - answers} of {sent} pictures lost ({(sent - answers) / sent:.2%}): {losses(sent, answers, accounts)}"
    )
    # Of either stream: a pair is lost with one of the two.
    queued = sum(count for key, count in accounts.items() if key.endswith("in the queue"))
    wrong = faults(uses, answers, sent, accounts.get("pairs superseded", 0) + queued, ended)
    print("; ".join(wrong) or "all is well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
