"""`hand-pose-train test-set`: a hand that nothing was trained on, as a frames folder to evaluate on.

Prints how far the definition of the joints moves each palm joint from the hand's own bone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "render a hand that nothing was trained on into a frames folder to evaluate on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hand", choices=["libhand", "webxr"])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--count", type=int, default=500, metavar="N", help="frames (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same frames (default: 0)")
    parser.add_argument(
        "--assets", type=Path, required=True, metavar="DIR", help="the hand's files (docs/synthetic_hands.md)"
    )
    parser.add_argument("--clean", action="store_true", help="depth as it is, without the sensor's noise and holes")


def run(arguments: argparse.Namespace) -> int:
    from training.test_sets.film import write_test_set
    from training.test_sets.rig import describe_definition

    rig = write_test_set(
        arguments.hand, arguments.out, arguments.count, arguments.seed, arguments.assets, clean=arguments.clean
    )
    print(describe_definition(rig))
    print(f"{arguments.count} frames in {arguments.out}")
    return 0
