"""Time model bundles on recordings, beside their accuracy: for each modality, one and two threads, looking for the hand
in every frame or following it (its place is known, as in a film), and following four; against the budgets.

With --mediapipe, MediaPipe Hands 0.10.21 runs on the same frames in the same session, lite and full, with its depth
looked up (with and without 8 mm from the skin to the joint), or placed by PnP where there is no depth. It has an
environment of its own, made on the first call. The rounds of all alternate. "CPU ms" is time on processors, of all
threads; where a machine is busy with other things, it alone can be compared with another day's.
"""

from __future__ import annotations

import argparse
import resource
from dataclasses import asdict
from pathlib import Path

from hand_pose_ros.commands import common

HELP = "time model bundles, beside their accuracy and MediaPipe's: a table and a plot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recording", type=Path, nargs="*", metavar="FOLDER|BAG", help="what to run on (default: the demo's recording)"
    )
    parser.add_argument(
        "--model", nargs="+", default=[common.DEFAULT_MODEL], metavar="BUNDLE", help="bundles to time (default: hand)"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="(default: 1 2)")
    common.add_providers_argument(parser)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="through each recording (default: 3)")
    parser.add_argument("--mediapipe", action="store_true", help="MediaPipe beside them; needs frames folders")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw accuracy over time here, .svg")


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.backend import DEFAULT_PROVIDERS
    from hand_pose_ros.benchmark.compare import compare
    from hand_pose_ros.benchmark.mediapipe import MediaPipe
    from hand_pose_ros.benchmark.report import budgets, plot, table
    from hand_pose_ros.bundle import load_bundle
    from hand_pose_ros.commands.demo import own_recording

    mediapipe = MediaPipe() if arguments.mediapipe else None
    bundles = [load_bundle(name) for name in arguments.model]
    rows = []
    for path in arguments.recording or [own_recording()]:
        providers = arguments.providers or DEFAULT_PROVIDERS
        rows += compare(path, bundles, arguments.threads, arguments.rounds, mediapipe, providers)
    print(f"{table(rows)}\n\n{budgets(rows)}")
    print(f"resident memory, at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if arguments.json is not None:
        common.write_json(arguments.json, {"rows": [asdict(row) for row in rows]})
    if arguments.plot is not None:
        common.write_text(arguments.plot, plot(rows), "--plot")
    return 0
