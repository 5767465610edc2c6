"""`hand-pose-train dataset`: samples of a public data set, drawn or written as a frames folder."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from training.datasets import NAMES, open_dataset

HELP = "draw samples of a public data set with their joints, or write them as a frames folder to evaluate on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("folder", type=Path, help="where it is unpacked, as docs/datasets.md tells")
    parser.add_argument("--split", help="by default the set's smallest useful one; an unknown one lists all")
    parser.add_argument("--count", type=int, default=12, help="samples (default: %(default)s)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th sample (default: %(default)s)")
    parser.add_argument("--show", type=Path, metavar="FILE", help="picture to draw them on, .png or .jpg")
    parser.add_argument("--frames", type=Path, metavar="FOLDER", help="frames folder to write them to")


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.reports.sheet import write_picture
    from hand_pose_ros.types import HandPoseError
    from training.datasets.show import draw_samples, write_frames

    if arguments.count < 1 or arguments.every < 1:
        raise HandPoseError(f"--count {arguments.count} and --every {arguments.every} must be 1 or more")
    samples = list(
        islice(
            open_dataset(arguments.name, arguments.folder, arguments.split),
            0,
            arguments.count * arguments.every,
            arguments.every,
        )
    )
    with_3d = sum(bool(sample.valid.any()) for sample in samples)
    print(f"{len(samples)} samples of {arguments.name}, {with_3d} with joints in space")
    if arguments.show is not None:
        write_picture(arguments.show, draw_samples(samples))
        print(f"{arguments.show}: 2D joints in colours over projected 3D joints in white")
    if arguments.frames is not None:
        print(f"{arguments.frames}: {write_frames(arguments.frames, samples)} frames")
    return 0
