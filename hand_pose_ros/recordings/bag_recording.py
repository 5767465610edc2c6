"""Bags as recordings: which topics are the camera's, pictures paired by stamp, and the ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hand_pose_ros.inputs.camera_info import is_rectified
from hand_pose_ros.inputs.frames import InputTopics, frame_from_pair, split_transport, stamp_ns
from hand_pose_ros.inputs.images import DEPTH_ENCODINGS
from hand_pose_ros.inputs.lens import Lens, lens_from_info
from hand_pose_ros.inputs.sync import Pair, Stream, Synchronizer
from hand_pose_ros.recordings import bags
from hand_pose_ros.recordings.recording import NamedFrame, TrueHand
from hand_pose_ros.types import HandPoseError, RgbdFrame

RGB_TOPIC = "rgb/image_rect_color"
DEPTH_TOPIC = "depth_registered/image_rect"
INFO_TOPIC = "rgb/camera_info"
TRUTH_TOPIC = "ground_truth/hands"
#: Side by its number in the messages.
SIDES = {0: "", 1: "left", 2: "right"}

#: Pictures of an RGB-D camera that belong together carry the same stamp, or nearly: half a period at 60 Hz.
TOLERANCE_NS = 8_000_000
#: A stream that is silent this long is not waited for.
TIMEOUT_NS = 200_000_000


@dataclass(frozen=True)
class CameraTopics:
    """The topics of a bag that the estimator needs, with their transports; rgb or depth may be None."""

    rgb: str | None
    depth: str | None
    camera_info: str


def find_camera_topics(path: str | Path) -> CameraTopics:
    """Picks an RGB-D camera's topics: the project's own names where they are, else by type, encoding and name; raw ones
    before compressed ones.

    Raises HandPoseError when the bag has no usable pictures, or no camera info.
    """
    there = bags.topics(path)
    images = [topic.name for topic in there.values() if topic.type_name in (bags.IMAGE, bags.COMPRESSED_IMAGE)]
    infos = [topic.name for topic in there.values() if topic.type_name == bags.CAMERA_INFO]
    listed = ", ".join(f"{topic.name} ({topic.type_name})" for topic in there.values())
    if not images:
        raise HandPoseError(f"{path}: no {bags.IMAGE} topic; record the camera's images; the bag has: {listed}")
    if not infos:
        raise HandPoseError(
            f"{path}: no {bags.CAMERA_INFO} topic; record the colour camera's too; the bag has: {listed}"
        )
    depths = _depth_topics(path, images)
    colours = [name for name in images if name not in depths]
    rgb = max(colours, key=lambda name: _likeness(name, RGB_TOPIC, "rect", "color"), default=None)
    depth = max(depths, key=lambda name: _likeness(name, DEPTH_TOPIC, "registered", "aligned"), default=None)
    # A driver publishes an image and its info side by side, so the right info shares most of its path.
    picture = rgb or depth or ""
    info = max(infos, key=lambda name: (_shared_parents(name, picture), name.endswith(INFO_TOPIC)))
    return CameraTopics(rgb, depth, info)


class BagRecording:
    """A bag with an RGB-D, colour or depth camera; frames are named by their stamp in nanoseconds.

    Pictures are paired by the node's own synchroniser, so an evaluation sees what the node would, every frame of it.
    """

    def __init__(self, path: str | Path, topics: CameraTopics | None = None) -> None:
        self.path = Path(path)
        self.topics = topics or find_camera_topics(path)

    def frames(self) -> Iterator[NamedFrame]:
        named: dict[Stream, str | None] = {"rgb": self.topics.rgb, "depth": self.topics.depth}
        streams = {topic: stream for stream, topic in named.items() if topic}
        # The first pictures may have been recorded before the first camera info.
        lens = self._lens(next(bags.read_messages(self.path, {self.topics.camera_info})))
        synchronizer: Synchronizer[Any] = Synchronizer(TOLERANCE_NS, TIMEOUT_NS, streams=list(streams.values()))
        for raw in bags.read_messages(self.path, {*streams, self.topics.camera_info}):
            if raw.topic == self.topics.camera_info:
                lens = self._lens(raw)
                continue
            message = bags.deserialize(raw)
            pair = synchronizer.add(streams[raw.topic], stamp_ns(message.header), message)
            if pair is not None:
                yield NamedFrame(str(pair.stamp_ns), self._frame(pair, lens))

    def truth(self) -> Mapping[str, list[TrueHand]]:
        """The hands of the bag's ground-truth topic by stamp in nanoseconds."""
        names = [
            topic.name
            for topic in bags.topics(self.path).values()
            if topic.type_name == bags.HAND_ARRAY and "ground_truth" in topic.name
        ]
        truth = {}
        for raw in bags.read_messages(self.path, names) if names else ():
            message = bags.deserialize(raw)
            truth[str(stamp_ns(message.header))] = [true_hand(hand) for hand in message.hands]
        return truth

    def _lens(self, raw: bags.RawMessage) -> Lens:
        try:
            rectified = is_rectified(split_transport(self.topics.rgb or self.topics.depth or "")[0])
            return lens_from_info(bags.deserialize(raw), rectified=rectified)
        except HandPoseError as error:
            raise HandPoseError(f"{self.path}: {raw.topic}: {error}") from error

    def _frame(self, pair: Pair[Any], lens: Lens) -> RgbdFrame:
        names = InputTopics(self.topics.rgb or "", self.topics.depth or "", self.topics.camera_info)
        try:
            return frame_from_pair(pair, lens, names)
        except HandPoseError as error:
            raise HandPoseError(f"{self.path}: at {pair.stamp_ns} ns: {error}") from error


def _depth_topics(path: str | Path, names: list[str]) -> list[str]:
    """Those of the image topics whose first message is depth."""
    missing, depths = set(names), []
    for raw in bags.read_messages(path, names):
        if raw.topic in missing:
            missing.remove(raw.topic)
            if _is_depth(bags.deserialize(raw)):
                depths.append(raw.topic)
        if not missing:
            break
    return depths


def _is_depth(message: Any) -> bool:
    if hasattr(message, "encoding"):
        return message.encoding in DEPTH_ENCODINGS
    return "compressedDepth" in message.format


def _likeness(name: str, own: str, *hints: str) -> tuple[bool, bool, bool, int]:
    """Sorts candidates: the project's own name first, then those with a hint in it, raw ones, then the shorter name."""
    base, transport = split_transport(name)
    return base.endswith(own), any(hint in name for hint in hints), transport == "raw", -len(name)


def _shared_parents(one: str, other: str) -> int:
    return len(PurePosixPath(commonpath([one, other])).parts)


def true_hand(hand: Any) -> TrueHand:
    """A Hand message as ground truth; invalid joints are NaN."""
    positions = [(j.position.x, j.position.y, j.position.z) if j.valid else (np.nan,) * 3 for j in hand.joints]
    return TrueHand(np.array(positions), SIDES.get(int(hand.side), ""))
