"""The moving hand of `recording.py` straight into a rosbag2, its ground truth on a HandArray topic."""

from __future__ import annotations

from pathlib import Path

from hand_pose_ros.recordings import TrueHand
from hand_pose_ros.recordings.record_folder import record_frames
from training.hands.recording import Film


def record_bag(bag: Path, film: Film) -> Path:
    """Write `film` into the new folder `bag` with `<name>.mcap` in it, frame by frame; returns the folder.

    Depth comes in whole millimetres, as cameras send it. Raises HandPoseError where the bag exists.
    """
    record_frames(((frame, [TrueHand(joints, "right")]) for frame, joints in film.shoot()), bag)
    return bag
