"""Analyse where a model errs on recordings with ground truth, as one HTML page and JSON.

Errors are told by joint and by circumstance (which side of the hand the camera sees, where it points, pose, distance,
hand size, occlusion, whether the side was recognised), and by kind: how much goes when the joints' definition (each
joint's constant offset in the hand's frame), scale, position or global rotation are taken out, each in an experiment of
its own. --synthetic names a recording like what the model was trained on, such as demo/recording, against which the gap
of the domain is measured; it is looked at as each of the others is, so that colour alone is compared with colour alone.
DIR gets index.html, which needs nothing but itself, and analysis.json.
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
    from hand_pose_ros.reports.analysis import analyse, as_dict, look, modalities_of
    from hand_pose_ros.reports.analysis_page import build_analysis_page

    named = {path.resolve().name: open_recording(path) for path in arguments.recordings}
    if len(named) < len(arguments.recordings):
        raise HandPoseError("recordings are told apart by their folders' names, but two have the same; rename one")
    looks = [(name, recording, modalities_of(recording, arguments.modalities)) for name, recording in named.items()]
    synthetic = []
    if arguments.synthetic is not None:
        recording = open_recording(arguments.synthetic)
        for modalities in dict.fromkeys(modalities for _, _, modalities in looks):
            synthetic.append(f"{recording.path.resolve().name}, {modalities}")
            looks.append((synthetic[-1], recording, modalities))
    estimator = common.make_estimator(arguments)
    seen = []
    for name, recording, modalities in looks:
        seen.append(
            look(
                estimator,
                recording,
                name,
                modalities=modalities,
                side=arguments.side,
                worst=arguments.worst,
                progress=common.show_progress(name),
            )
        )
        common.end_progress()
    analysis = analyse(seen, synthetic)
    bundle = estimator.bundle
    setup = {
        "model": f"{bundle.name} {bundle.version} ({bundle.hash})",
        "side": arguments.side,
        "recordings": ", ".join(str(recording.path) for recording in named.values()),
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
