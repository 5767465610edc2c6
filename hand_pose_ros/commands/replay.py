"""Publish a rosbag2's topics in real time, for machines without `ros2 bag`. Ctrl-C stops it.

With --clock, run the receiving nodes with use_sim_time:=true: stamps are those of the recording. With --restamp, stamps
are moved to the present instead, as if the camera were live.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

HELP = "publish a rosbag2's topics over ROS 2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, metavar="BAG", help="rosbag2 folder, .mcap or .db3 file")
    parser.add_argument("--rate", type=float, default=1.0, help="speed, 2 is twice real time (default: %(default)s)")
    parser.add_argument("--loop", action="store_true", help="start again at the end, until Ctrl-C")
    parser.add_argument("--clock", action="store_true", help="also publish /clock, in the recording's time")
    parser.add_argument("--restamp", action="store_true", help="move the stamps to the present")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="only these topics")
    parser.add_argument(
        "--wait-for", nargs="+", default=(), metavar="TOPIC", help="start when these topics have a subscriber"
    )


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.ros.replay import replay

    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    def show(seconds: float) -> None:
        if sys.stderr.isatty():
            print(f"\r{arguments.bag}: {seconds:6.1f} s", end="", file=sys.stderr, flush=True)

    done = replay(
        arguments.bag,
        rate=arguments.rate,
        loop=arguments.loop,
        clock=arguments.clock,
        restamp=arguments.restamp,
        topics=arguments.topics,
        wait_for=arguments.wait_for,
        stop=stop,
        on_progress=show,
    )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"{arguments.bag}: {done.messages} messages, at worst {done.latest_s * 1e3:.1f} ms late")
    if done.skipped:
        print(f"left out, their message types are not installed: {', '.join(done.skipped)}")
    return 0
