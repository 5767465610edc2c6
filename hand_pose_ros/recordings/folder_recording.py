"""Frames folders as recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hand_pose_ros.frames_folder import open_folder, read_labels
from hand_pose_ros.recordings.recording import NamedFrame, TrueHand


class FolderRecording:
    """A frames folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._folder = open_folder(path)

    def __len__(self) -> int:
        return len(self._folder)

    def frames(self) -> Iterator[NamedFrame]:
        return map(self.frame, range(len(self)))

    def frame(self, index: int) -> NamedFrame:
        """One frame by its place in the folder."""
        return NamedFrame(self._folder.names[index], self._folder.read(index), self._folder.box(index))

    def truth(self) -> Mapping[str, list[TrueHand]]:
        labels = read_labels(self.path)
        if labels is None:
            return {}
        sides = labels.side if labels.side is not None else [""] * len(self)
        hands = zip(self._folder.names, labels.joints_m, sides, strict=True)
        return {name: [TrueHand(joints, str(side))] for name, joints, side in hands}
