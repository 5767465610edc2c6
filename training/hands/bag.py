"""The moving hand of `recording.py` straight into a rosbag2, its ground truth on a HandArray topic."""

from __future__ import annotations

from pathlib import Path

from hand_pose_ros.recordings import TrueHand
from hand_pose_ros.recordings.record_folder import record_frames
from training.hands.recording import film


def record_bag(
    bag: Path,
    frames: int = 60,
    seed: int = 11,
    skins: Path | None = None,
    still_at: float | None = None,
    gestures: bool = False,
) -> Path:
    """Films as `recording.record` does, into the new folder `bag` with `<name>.mcap` in it, frame by frame; returns it.

    Depth comes in whole millimetres, as cameras send it. Raises HandPoseError where the bag exists.
    """
    filmed = film(frames, seed, skins, still_at, gestures)
    record_frames(((frame, [TrueHand(joints, "right")]) for frame, joints in filmed), bag)
    return bag
