"""Turn a frames folder into a rosbag2, so that it can be replayed through the node.

Topics: /rgb/image_rect_color (rgb8), /depth_registered/image_rect (16UC1), /rgb/camera_info and, where the folder has
ground truth, /ground_truth/hands (HandArray on the images' stamps).
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "turn a frames folder into a rosbag2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="frames folder")
    parser.add_argument("bag", type=Path, metavar="BAG", help="bag to create, a folder that does not exist yet")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second (default: %(default)s)")
    parser.add_argument(
        "--storage", choices=("mcap", "sqlite3"), default="mcap", help="file format (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    from hand_pose_ros.recordings.record_folder import record_folder

    count = record_folder(arguments.folder, arguments.bag, fps=arguments.fps, storage=arguments.storage)
    print(f"{arguments.bag}: {count} frames at {arguments.fps:g} Hz")
    return 0
