"""`hand-pose-train label`: labels for real pictures of hands, by the word of a model that looks at them many times.

What it keeps can be learnt from beside synthetic hands: an experiment's stage `rgb` names the file in `pseudo_labels`.
With --score nothing is written: of films and people held out, it tells how often the model sees the side that is known
and the fingers that the pictures' classes name.
"""

from __future__ import annotations

import argparse
from itertools import chain
from pathlib import Path

HELP = "label real pictures of hands by a model, to learn from"
#: Hands on the sheet.
SHOWN = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT.npz", help="file to write")
    parser.add_argument("--score", action="store_true", help="tell how the model does on what is held out")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photos with a table of hand boxes")
    parser.add_argument("--signs", type=Path, metavar="DIR", help="single right hands signing digits")
    parser.add_argument("--model", default="hand-l", help="the bundle that labels (default: %(default)s)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw some of the labelled hands")


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.estimator import HandEstimator
    from hand_pose_ros.reports.sheet import write_picture
    from hand_pose_ros.types import HandPoseError
    from training.pseudo.score import score
    from training.pseudo.sheet import draw_labels
    from training.pseudo.sources import hands_of_photos, hands_of_signs
    from training.pseudo.teacher import label, save_labels

    readers = ((arguments.photos, hands_of_photos), (arguments.signs, hands_of_signs))
    sources = [(folder, read(folder, held_out=arguments.score)) for folder, read in readers if folder]
    if not sources:
        raise HandPoseError("no hands: name --photos, --signs or both")
    estimator = HandEstimator(arguments.model)
    if arguments.score:
        for folder, hands in sources:
            print(f"{folder}: {score(hands, estimator)}")
        return 0
    if arguments.out is None:
        raise HandPoseError("name a file to write labels to, or ask for --score")
    labels, tally = label(chain.from_iterable(hands for _, hands in sources), estimator)
    save_labels(arguments.out, labels)
    if arguments.sheet:
        write_picture(arguments.sheet, draw_labels(labels, SHOWN))
    print(f"{arguments.out}: " + ", ".join(f"{count} {why}" for why, count in tally.items()))
    return 0
