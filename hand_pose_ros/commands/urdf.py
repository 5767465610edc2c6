"""Write a URDF of the hand: its joints are those of ~/joint_states, its root is the wrist's frame of /tf.

Without --from it has the lengths of a mean hand. With it, it is measured: the median of all complete hands of that side
in what `hand-pose estimate` wrote.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hand_pose_ros.kinematics.model import HandShape
    from hand_pose_ros.types import Side

HELP = "write a URDF of the hand"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--side", choices=("left", "right"), required=True, help="which hand")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="file to write (default: standard output)")
    parser.add_argument(
        "--from",
        dest="predictions",
        type=Path,
        metavar="PREDICTIONS",
        help=".npz of hand-pose estimate to take the lengths from (default: a mean hand)",
    )


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.kinematics.model import MEAN_SHAPE
    from hand_pose_ros.kinematics.urdf import hand_urdf

    shape = MEAN_SHAPE if arguments.predictions is None else _measured(arguments.predictions, arguments.side)
    text = hand_urdf(shape, arguments.side)
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    print(f"{arguments.output}: {arguments.side} hand, wrist to middle fingertip {1000 * _length(shape):.0f} mm")
    return 0


def _measured(path: Path, side: Side) -> HandShape:
    import numpy as np

    from hand_pose_ros.kinematics.shape import measure_hands
    from hand_pose_ros.types import HandPoseError

    try:
        with np.load(path) as predictions:
            joints, sides = predictions["joints_m"], predictions["side"]
    except (OSError, ValueError, KeyError) as error:
        raise HandPoseError(f"{path} is not what hand-pose estimate writes: {error}") from error
    try:
        return measure_hands(joints[sides == side], side)
    except HandPoseError as error:
        raise HandPoseError(f"{path}, {side} hands: {error}") from error


def _length(shape: HandShape) -> float:
    import numpy as np

    middle = 2
    return float(np.linalg.norm(shape.bases_m[middle]) + shape.phalanges_m[middle].sum())
