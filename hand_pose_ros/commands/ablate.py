"""What each part of the estimator is worth on recordings with ground truth: it is run without one part after the other,
and every row is compared with the estimator as it is, frame by frame.

Printed are mean errors in mm of the estimator as it is, and by how much more (+) or less (-) each other row errs, with
the 95 % interval over frames, bold where it leaves out zero. "not centred anew": a hand that was found in the picture
is taken from its first crop. "no network to find hands": blobs of the depth picture are looked at instead or, without
depth, the whole picture. In frames that bring a box nothing is looked for, so these two change nothing there, unless
with --ignore-boxes. Further bundles of --model are rows, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hand_pose_ros.commands import common

HELP = "what looks, re-centring and the detector are worth on recordings: tables of errors without them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, nargs="+", metavar="FOLDER|BAG", help="with ground truth")
    parser.add_argument(
        "--model", nargs="+", default=[common.DEFAULT_MODEL], metavar="BUNDLE", help="the one to ablate, then others"
    )
    parser.add_argument(
        "--modalities",
        nargs="+",
        choices=("rgbd", "rgb", "depth"),
        default=["depth", "rgb"],
        help="those of these that a recording has (default: depth rgb)",
    )
    common.add_boxes_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.bundle import load_bundle
    from hand_pose_ros.detector import HandDetector
    from hand_pose_ros.detector.finders import automatic
    from hand_pose_ros.recordings import open_recording
    from hand_pose_ros.reports.parts import has, table, without_parts

    bundles = [load_bundle(name) for name in arguments.model]
    finder = automatic(HandDetector(), bundles[0].crop.box_scale)
    for path in arguments.recording:
        recording = open_recording(path)
        frames, truth = list(common.frames_of(recording, arguments)), recording.truth()
        for modalities in arguments.modalities:
            if has(frames, modalities):
                rows = list(without_parts(frames, truth, bundles, modalities, finder))
                print(f"\n{path.name}, {modalities}, {bundles[0].name} {bundles[0].version}, {len(frames)} frames\n")
                print(table(rows), flush=True)
    return 0
