"""What was recorded, as frames: folders of pictures and rosbag2 files. Only bags need the `rosbags` package."""

from __future__ import annotations

from pathlib import Path

from hand_pose_ros.recordings.folder_recording import FolderRecording
from hand_pose_ros.recordings.recording import NamedFrame, Recording, TrueHand, no_frames

__all__ = ["FolderRecording", "NamedFrame", "Recording", "TrueHand", "no_frames", "open_recording"]


def open_recording(path: str | Path) -> Recording:
    """A frames folder or a rosbag2; raises HandPoseError for anything else."""
    path = Path(path)
    if path.is_file() or (path / "metadata.yaml").is_file():
        from hand_pose_ros.recordings.bag_recording import BagRecording

        return BagRecording(path)
    return FolderRecording(path)
