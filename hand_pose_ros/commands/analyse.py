"""Analyse where a model errs on recordings with ground truth, as one HTML page and JSON.

Errors are told by joint and by circumstance (which side of the hand the camera sees, where it points, pose, distance,
hand size, occlusion, whether the side was recognised), and by kind: how much goes when the joints' definition (each
joint's constant offset in the hand's frame), scale, position or global rotation are taken out, each in an experiment of
its own. --synthetic names a recording like what the model was trained on, such as demo/recording, against which the gap
of the domain is measured. DIR gets index.html, which needs nothing but itself, and analysis.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hand_pose_ros.commands import common
from hand_pose_ros.types import HandPoseError

HELP = "tell where and in what way a model errs: an HTML page and JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", nargs="+", type=Path, metavar="FOLDER|BAG", help="frames folders or rosbag2")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument(
        "--synthetic", type=Path, metavar="FOLDER|BAG", help="recording like what the model was trained on"
    )
    parser.add_argument(
        "--worst",
        type=int,
        default=4,
        metavar="N",
        help="worst frames to show of each recording (default: %(default)s)",
    )
    common.add_estimator_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.recordings import open_recording
    from hand_pose_ros.reports.analysis import analyse, as_dict, look
    from hand_pose_ros.reports.analysis_page import build_analysis_page

    paths = [*arguments.recordings, *([arguments.synthetic] if arguments.synthetic else [])]
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        raise HandPoseError(f"recordings are told apart by their folders' names, but these are {', '.join(names)}")
    estimator = common.make_estimator(arguments)
    seen = []
    for path, name in zip(paths, names, strict=True):
        seen.append(
            look(
                estimator,
                open_recording(path),
                name,
                modalities=arguments.modalities,
                side=arguments.side,
                worst=arguments.worst,
                progress=common.show_progress(name),
            )
        )
        common.end_progress()
    analysis = analyse(seen, names[-1] if arguments.synthetic else None)
    bundle = estimator.bundle
    setup = {
        "model": f"{bundle.name} {bundle.version} ({bundle.hash})",
        "looking at": arguments.modalities,
        "side": arguments.side,
        "recordings": ", ".join(names),
    }
    page = build_analysis_page(analysis, {one.name: one.worst for one in seen}, setup)
    text = json.dumps({"setup": setup, **as_dict(analysis)}, indent=2, allow_nan=False)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "index.html").write_text(page, encoding="utf-8")
        (arguments.out / "analysis.json").write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise HandPoseError(f"{arguments.out}: cannot be written ({error}); choose another place with --out") from error
    for name, one in analysis.sets.items():
        relative = one.views_mm["wrist-relative"]
        print(f"{name}: {relative:.1f} mm relative to the wrist in {one.found} of {one.frames} frames")
        print("  without " + ", ".join(f"{kind} {-gain:+.1f}" for kind, gain in one.gains_mm().items() if gain > 0.05))
    print(f"{arguments.out / 'index.html'}: the page; analysis.json beside it has all figures")
    return 0
