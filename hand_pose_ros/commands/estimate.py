"""Estimate one hand per frame, the most confident, in a folder of pictures.

FOLDER holds <frame>_rgb.jpg|png, optionally <frame>_depth.png (16 bit, mm, registered to colour), and labels.npz with
the arrays frame (N,) and camera (N, 4) fx fy cx cy in pixels, optionally box (N, 4) x y w h in pixels. Nothing else
of labels.npz is read. A rosbag2 works as well.

The output is an npz with frame (N,), joints_m (N, 21, 3) in metres in the camera's optical frame (NaN where no hand
was found), joint_cov_m2 (N, 21, 3, 3), side (N,), confidence (N,) and latency_ms (N,), files not counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hand_pose_ros.commands import common

HELP = "estimate hands in a folder of pictures, or a bag, into an npz file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, metavar="FOLDER", help="frames folder (or rosbag2)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="where to write, such as predictions.npz"
    )
    common.add_estimator_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.predict import predict
    from hand_pose_ros.recordings import open_recording

    recording = open_recording(arguments.recording)
    predictions = predict(
        common.make_estimator(arguments),
        recording.frames(),
        modalities=arguments.modalities,
        side=arguments.side,
        progress=common.show_progress("estimated"),
    )
    common.end_progress()
    predictions.save(arguments.output)
    print(f"{arguments.output}: {predictions.found.sum()} hands in {len(predictions.frame)} frames")
    return 0
