"""rosbag2 recordings (SQLite and MCAP) without ROS: raw messages in and out, through the `rosbags` package.

Read are bags with `ros2 bag record --compression-mode file` or `message` (Zstandard), and MCAP with compressed chunks
(Zstandard or LZ4).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, ReaderError, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from hand_pose_ros.types import HandPoseError

HAND_ARRAY = "hand_pose_msgs/msg/HandArray"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
Storage = Literal["mcap", "sqlite3"]
#: How a Zstandard frame begins; CDR begins with a zero.
_ZSTD = bytes.fromhex("28b52ffd")


class RawMessage(NamedTuple):
    """One recorded message. stamp_ns: when it was received. cdr: serialised, ready to be published."""

    topic: str
    type_name: str
    stamp_ns: int
    cdr: bytes


@dataclass(frozen=True)
class Topic:
    """A topic of a bag and how many messages it has."""

    name: str
    type_name: str
    count: int


def topics(path: str | Path) -> dict[str, Topic]:
    """The topics of a bag that have messages; raises HandPoseError for an unreadable bag or one without messages."""
    with _opened(Path(path)) as reader:
        return {c.topic: Topic(c.topic, c.msgtype, c.msgcount) for c in reader.connections if c.msgcount}


def read_messages(path: str | Path, names: Collection[str] | None = None) -> Iterator[RawMessage]:
    """Every message of the named topics (all: None) in order of recording; raises HandPoseError as `topics`."""
    with _opened(Path(path)) as reader:
        chosen = [c for c in reader.connections if names is None or c.topic in names]
        if not chosen:
            return
        for connection, stamp_ns, data in reader.messages(chosen):
            if data[:4] == _ZSTD:  # only metadata.yaml says so, and a lone file has none
                raise HandPoseError(
                    f"{path}: its messages are compressed one by one; give the folder of its metadata.yaml"
                )
            yield RawMessage(connection.topic, connection.msgtype, stamp_ns, bytes(data))


def deserialize(message: RawMessage) -> Any:
    """The message with the attributes of its definition; raises HandPoseError for an unknown type or broken content."""
    try:
        return typestore().deserialize_cdr(message.cdr, message.type_name)
    except Exception as error:  # whatever the decoder trips over, the message is unusable
        raise HandPoseError(
            f"topic {message.topic}: the message at {message.stamp_ns} ns is no valid {message.type_name} ({error!r}); "
            "record it again with the interface packages of this version"
        ) from error


class BagWriter:
    """Writes a new bag, a folder that `ros2 bag` reads: `with BagWriter(path) as bag: bag.write(...)`.

    Compression is Zstandard, per chunk in MCAP and per message in SQLite. Raises HandPoseError where path exists.
    """

    def __init__(self, path: str | Path, storage: Storage = "mcap", *, compress: bool = True) -> None:
        self.path = Path(path)
        if self.path.exists():
            raise HandPoseError(f"{self.path}: exists already; choose another name or delete it first")
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        self._writer = Writer(self.path, version=8, storage_plugin=plugin)
        if compress:
            mode = CompressionMode.STORAGE if storage == "mcap" else CompressionMode.MESSAGE
            self._writer.set_compression(mode, CompressionFormat.ZSTD)
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> BagWriter:
        try:
            self._writer.open()
        except OSError as error:
            raise HandPoseError(
                f"{self.path}: cannot be created ({error}); choose a folder you may write to"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def write(self, topic: str, type_name: str, stamp_ns: int, message: Any) -> None:
        """Appends a message: bytes are taken as CDR, anything else is a message of `message_type` to serialise."""
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, type_name, typestore=typestore())
        data = message if isinstance(message, bytes) else bytes(typestore().serialize_cdr(message, type_name))
        self._writer.write(self._connections[topic], stamp_ns, data)


def message_type(type_name: str) -> Any:
    """The class of a message, such as 'sensor_msgs/msg/Image'; construct it with all fields by name."""
    return typestore().types[type_name]


@cache
def typestore() -> Typestore:
    """ROS 2 Jazzy's messages and the project's own."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted(_definitions().glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(encoding="utf-8"), f"hand_pose_msgs/msg/{file.stem}"))
    return store


def _definitions() -> Path:
    """The .msg files of hand_pose_msgs: beside the package in a checkout, else in a ROS or pip installation."""
    installed = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]
    candidates = [
        Path(__file__).resolve().parents[2] / "hand_pose_msgs" / "msg",
        *(Path(prefix) / "share" / "hand_pose_msgs" / "msg" for prefix in installed),
    ]
    for folder in candidates:
        if (folder / "HandArray.msg").is_file():
            return folder
    raise HandPoseError("hand_pose_msgs is not installed; build it with colcon, or run make setup in the checkout")


@contextmanager
def _opened(path: Path) -> Iterator[Reader]:
    """An open reader; what the parser complains about, then or while reading, becomes one clear sentence."""
    if not path.exists():
        raise HandPoseError(f"{path}: no such bag; give a rosbag2 folder, or an .mcap or .db3 file")
    if path.is_dir() and not (path / "metadata.yaml").is_file():
        raise HandPoseError(
            f"{path}: no metadata.yaml, so not a rosbag2 folder or its recording was cut off; "
            "give the .mcap or .db3 file inside, or run: ros2 bag reindex"
        )
    if path.suffix == ".zstd":
        raise HandPoseError(f"{path}: compressed as a whole; give the folder of its metadata.yaml, or run: zstd -d")
    if path.is_file() and path.suffix not in (".mcap", ".db3"):
        raise HandPoseError(f"{path}: not a bag; give a rosbag2 folder, or an .mcap or .db3 file")
    reader: Reader | None = None
    try:
        reader = Reader(path)
        reader.open()
        if not any(connection.msgcount for connection in reader.connections):
            raise HandPoseError(f"{path}: the bag has no messages; record it again while the camera publishes")
        yield reader
    except (HandPoseError, GeneratorExit):
        raise
    except Exception as error:  # the parsers raise their own, sqlite's, zstd's and struct's errors for broken files
        if isinstance(error, ReaderError) and "support" in str(error).lower():
            raise HandPoseError(f"{path}: {error} Rewrite it with MCAP or SQLite and zstd: ros2 bag convert") from error
        raise HandPoseError(
            f"{path}: cannot be read, it is truncated or damaged ({error}); copy it again, "
            "or try: ros2 bag reindex (SQLite), mcap recover (MCAP)"
        ) from error
    finally:
        if reader is not None and reader.is_open:
            with suppress(Exception):  # closing a broken file must not hide why it is broken
                reader.close()
