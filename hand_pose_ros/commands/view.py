"""Serve a live 3D view of hands to Foxglove: skeletons, covariance ellipsoids, surface, joint angles and the picture.

Shows a recording (frames folder or rosbag2), estimated as it goes, or with --node what a running node publishes. Open
Foxglove (https://app.foxglove.dev, or the desktop application), choose "Open connection", Foxglove WebSocket, and the
address that is printed; then import the layout foxglove/hand_pose.json. Ctrl-C stops it.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from hand_pose_ros.commands import common

if TYPE_CHECKING:
    from hand_pose_ros.viewing.server import LiveView

HELP = "serve a live 3D view to Foxglove"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("recording", type=Path, nargs="?", metavar="FOLDER|BAG", help="frames folder or rosbag2")
    source.add_argument("--node", metavar="NAME", help="a running node instead, such as /hand_pose")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on; 0.0.0.0: all (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port; 0: any free one (default: %(default)s)")
    parser.add_argument("--loop", action="store_true", help="start again at the end, until Ctrl-C")
    parser.add_argument("--max-hands", type=int, default=1, metavar="N", help="most hands to look for (default: 1)")
    common.add_estimator_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.types import HandPoseError

    try:
        from hand_pose_ros.viewing.server import LiveView
    except ModuleNotFoundError as error:
        if error.name != "foxglove":
            raise
        raise HandPoseError(
            "needs the Python package foxglove-sdk; make setup-view, or pip install foxglove-sdk"
        ) from error

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with LiveView(arguments.host, arguments.port) as view:
        print(f"serving ws://{arguments.host}:{view.port}, for Foxglove; Ctrl-C stops it", flush=True)
        shown = _watch(arguments, view, stop) if arguments.node else _show(arguments, view, stop)
    print(f"{shown} pictures shown")
    return 0


def _show(arguments: argparse.Namespace, view: LiveView, stop: threading.Event) -> int:
    from hand_pose_ros.recordings import open_recording
    from hand_pose_ros.tracking import HandTracker
    from hand_pose_ros.viewing.recorded import show

    recording = open_recording(arguments.recording)
    return show(
        recording,
        HandTracker(common.make_estimator(arguments), arguments.max_hands),
        view,
        modalities=arguments.modalities,
        side=arguments.side,
        loop=arguments.loop,
        stop=stop,
    )


def _watch(arguments: argparse.Namespace, view: LiveView, stop: threading.Event) -> int:
    from hand_pose_ros.ros.watch import watch

    return watch("/" + arguments.node.strip("/"), view, stop)
