"""Draw what the estimator sees: one sheet of the best, the median and the worst frames.

Frames are ranked by their wrist-relative error where the recording has ground truth (drawn in white), else by the
model's own uncertainty. Each row shows the picture with the skeleton, the depth with the 90 % covariance ellipses,
and the surface points from the front and from the right.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hand_pose_ros.commands import common

HELP = "draw a sheet of the best, median and worst frames"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, metavar="FOLDER|BAG", help="frames folder or rosbag2")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="picture to write, .png or .jpg"
    )
    parser.add_argument(
        "--each",
        type=int,
        default=3,
        metavar="N",
        help="frames of each kind, best, median, worst (default: %(default)s)",
    )
    common.add_estimator_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.recordings import open_recording
    from hand_pose_ros.reports.sheet import draw_sheet, write_picture

    sheet = draw_sheet(
        common.make_estimator(arguments),
        open_recording(arguments.recording),
        each=arguments.each,
        modalities=arguments.modalities,
        side=arguments.side,
    )
    write_picture(arguments.output, sheet)
    print(f"{arguments.output}: {sheet.shape[1]}x{sheet.shape[0]} pixels")
    return 0
