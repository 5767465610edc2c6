"""Run the estimator on every frame of a frames folder or a rosbag2 and compare it with the ground truth there.

A folder's ground truth is joints_m (N, 21, 3) and side (N,) in labels.npz; a bag's is a HandArray topic with
"ground_truth" in its name, on the images' stamps. Without ground truth, only detection and latency are reported.

Errors are in mm: absolute (camera frame), wrist-relative, and aligned (scale and rotation, Procrustes). "mean" and
"median" are over all joints of all frames, as depth papers report; "by joint" is the mean over joints of each joint's
mean and median over the frames, as colour papers do. "no offsets" takes out each joint's constant offset in the
hand's frame, measured on the other frames: data sets define joints differently. AUC 0-50 is over linspace(0, 50, 20),
AUC 20-50 over its entries from 21.05 mm. PCF is the share of frames whose worst joint is within 20 and 40 mm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hand_pose_ros.commands import common

HELP = "compare estimates with a recording's ground truth: a table and JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, metavar="FOLDER|BAG", help="frames folder or rosbag2")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the JSON here instead of after the table")
    common.add_boxes_argument(parser)
    common.add_estimator_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.evaluate import evaluate, table
    from hand_pose_ros.predict import predict
    from hand_pose_ros.recordings import open_recording

    recording = open_recording(arguments.recording)
    truth = recording.truth()
    estimator = common.make_estimator(arguments)
    predictions = predict(
        estimator,
        common.frames_of(recording, arguments),
        modalities=arguments.modalities,
        side=arguments.side,
        progress=common.show_progress("evaluated"),
    )
    common.end_progress()
    evaluation = evaluate(predictions, truth)
    bundle = estimator.bundle
    print(f"recording        {arguments.recording}, looking at {arguments.modalities}")
    print(f"model            {bundle.name} {bundle.version} ({bundle.hash}) on {estimator.provider}")
    print(table(evaluation))
    result = {
        "recording": str(arguments.recording),
        "modalities": arguments.modalities,
        "model": {"name": bundle.name, "version": bundle.version, "hash": bundle.hash},
        "provider": estimator.provider,
        **evaluation.as_dict(),
    }
    if arguments.json is None:
        print(f"\n{json.dumps(result, indent=2, allow_nan=False)}")
        return 0
    common.write_json(arguments.json, result)
    return 0
