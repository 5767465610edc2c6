"""Write a variant of a model bundle whose encoders run in 8-bit integers (--int8) or 16-bit floats (--fp16).

int8 is for CPUs with VNNI or the like and needs pictures of hands to find the ranges of the activations: a recording,
by default the demo's. fp16 is for GPUs; CPUs run it slower. Judge a variant before you use it:

  hand-pose bench-model RECORDING --model BUNDLE OUT    accuracy and speed, beside the original's
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write an int8 or fp16 variant of a model bundle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="BUNDLE", help="model bundle: a name under models/ or a path")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="where the variant is written")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--int8", dest="kind", action="store_const", const="int8", help="8-bit integers, static QDQ")
    kind.add_argument("--fp16", dest="kind", action="store_const", const="fp16", help="16-bit floats")
    parser.add_argument(
        "--calibrate-on", type=Path, metavar="FOLDER|BAG", help="recording for int8 (default: the demo's)"
    )


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.bundle import load_bundle
    from hand_pose_ros.commands.demo import own_recording
    from hand_pose_ros.quantise import quantise
    from hand_pose_ros.recordings import open_recording

    bundle = load_bundle(arguments.model)
    recording = open_recording(arguments.calibrate_on or own_recording())
    frames = (named.frame for named in recording.frames())
    variant = quantise(bundle, arguments.out, arguments.kind, frames)
    before, after = (sum(path.stat().st_size for path in b.encoders.values()) / 1e6 for b in (bundle, variant))
    print(
        f"{variant.folder}: {variant.name} {variant.version} ({variant.hash}), encoders {after:.1f} of {before:.1f} MB"
    )
    return 0
