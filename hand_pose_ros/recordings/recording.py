"""A recording as a sequence of frames; its ground truth is kept apart from what estimation sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hand_pose_ros.types import FloatArray, HandPoseError, RgbdFrame


@dataclass(frozen=True)
class NamedFrame:
    """One frame of a recording. box: x, y, w, h in pixels of the hand, or None where the recording does not say."""

    name: str
    frame: RgbdFrame
    box: FloatArray | None = None


@dataclass(frozen=True)
class TrueHand:
    """Ground truth. joints_m: (21, 3) metres, camera optical frame. side: 'left', 'right', or '' if unknown."""

    joints_m: FloatArray
    side: str


class Recording(Protocol):
    """Frames in order, and the true hands by frame name (empty where there is no ground truth)."""

    path: Path

    def frames(self) -> Iterator[NamedFrame]: ...

    def truth(self) -> Mapping[str, list[TrueHand]]: ...


def no_frames(path: Path | None = None) -> HandPoseError:
    """What to raise for a recording in which there is nothing to look at."""
    where = "the recording" if path is None else path
    return HandPoseError(f"{where} has no complete frame; check that its pictures carry matching stamps")
