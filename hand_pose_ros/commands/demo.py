"""Replay a recording through the real node over DDS and build a report of what came out.

Without RECORDING, the project's own short recording with ground truth is played forward and backward for ten seconds.
RECORDING is a frames folder or your own rosbag2 with an RGB-D camera; a bag's camera topics are found by their type,
and errors are reported only where there is ground truth.

Images are stamped with the time at which they are published, so latency is the true time from an image's stamp to the
reception of its hands in another process. DIR gets report.html (self-contained), summary.json, the bags input (unless
yours is used) and outputs, and node.log. What an earlier demo left there is replaced.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from hand_pose_ros.commands import common
from hand_pose_ros.types import HandPoseError

HELP = "replay a recording through the real node and write an HTML report"
#: A folder is played for about this long, seconds.
DURATION = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recording", nargs="?", type=Path, metavar="RECORDING", help="frames folder or rosbag2 (default: our own)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), metavar="DIR", help="where to write (default: %(default)s)"
    )
    parser.add_argument(
        "--model", default=common.DEFAULT_MODEL, metavar="BUNDLE", help="model bundle (default: %(default)s)"
    )
    common.add_detector_argument(parser)
    parser.add_argument(
        "--fps",
        type=float,
        default=30.0,
        help="frames a second of a folder; bags have their own (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.bundle import load_bundle
    from hand_pose_ros.recordings.bag_recording import BagRecording
    from hand_pose_ros.reports import report
    from hand_pose_ros.reports.live_run import read_frames, read_live_run
    from hand_pose_ros.ros import live

    begin = time.monotonic()
    bundle = load_bundle(arguments.model)
    source = arguments.recording or own_recording()
    out: Path = arguments.out
    prepare_output(out)

    bag = source
    if source.is_dir() and not (source / "metadata.yaml").is_file():
        bag = out / "input"
        print(f"making {bag} from {source} …", flush=True)
        record_there_and_back(source, bag, arguments.fps)
    recording = BagRecording(bag)
    topics = recording.topics
    print(f"colour {topics.rgb or '–'}, depth {topics.depth or '–'}, camera info {topics.camera_info}")
    print(f"starting the node with model {bundle.name} {bundle.version}, then replaying {bag} in real time …")
    # With one stream missing from the start, "auto" would wait for it first.
    modalities = "auto" if topics.rgb and topics.depth else "rgb" if topics.rgb else "depth"
    live.isolate()
    replayed = live.run_live(
        bag,
        topics,
        out / "outputs",
        parameters={"model": str(bundle.folder), "modalities": modalities, "detector": arguments.detector},
        log=out / "node.log",
        on_progress=common.show_progress("answered"),
    )
    common.end_progress()
    print(f"building the report (the replay was at worst {replayed.latest_s * 1e3:.0f} ms late) …", flush=True)

    run_data = read_live_run(out / "outputs", recording, replayed.offset_ns)
    frames = read_frames(recording, report.choose_shown(run_data))
    report.write_report(out / "report.html", report.build_report(run_data, frames, source=source.name))
    figures = report.summary(run_data)
    (out / "summary.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(report.summary_text(figures))
    print(f"{out / 'report.html'} ({time.monotonic() - begin:.0f} s)")
    if not figures["hands"]:
        raise HandPoseError(f"the node published no hands; see {out / 'node.log'} and the report's diagnostics")
    return 0


def own_recording() -> Path:
    """The recording that comes with a checkout."""
    from hand_pose_ros.manifest import models_folder

    folder = models_folder().parent / "demo" / "recording"
    if not folder.is_dir():
        raise HandPoseError(
            f"{folder}: the demo's own recording is not here; run it in a checkout, or name a recording"
        )
    return folder


def prepare_output(out: Path) -> None:
    """Makes the folder and removes what an earlier demo wrote, and nothing else."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("input", "outputs"):
            if (out / name / "metadata.yaml").is_file():
                shutil.rmtree(out / name)
        for name in ("report.html", "summary.json", "node.log"):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise HandPoseError(f"{out}: cannot be written ({error}); choose another place with --out") from error


def record_there_and_back(folder: Path, bag: Path, fps: float) -> None:
    """A folder as a bag of DURATION, to and fro, so that the hand never jumps."""
    from hand_pose_ros.recordings import FolderRecording
    from hand_pose_ros.recordings.record_folder import record_folder

    count = len(FolderRecording(folder))
    there_and_back = [*range(count), *range(count - 2, 0, -1)]
    length = max(count, round(DURATION * fps)) if 0 < fps < float("inf") else count
    order = [there_and_back[place % len(there_and_back)] for place in range(length)]
    record_folder(folder, bag, fps=fps, order=order)
