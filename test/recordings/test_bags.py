"""Bags: what is written is read back in both storages, and every broken bag is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from hand_pose_ros.recordings import bags
from hand_pose_ros.types import HandPoseError

STRING = "std_msgs/msg/String"


def write_strings(path: Path, storage: bags.Storage = "mcap", count: int = 50, compress: bool = True) -> Path:
    text = bags.message_type(STRING)
    with bags.BagWriter(path, storage, compress=compress) as bag:
        for index in range(count):
            bag.write(f"/topic_{index % 2}", STRING, 1000 + index, text(data=f"message {index}"))
    return path


def data_file(bag: Path) -> Path:
    return next(entry for entry in bag.iterdir() if entry.suffix in (".mcap", ".db3"))


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_round_trip(tmp_path: Path, storage: bags.Storage, compress: bool) -> None:
    path = write_strings(tmp_path / "bag", storage, compress=compress)
    assert {t.name: (t.type_name, t.count) for t in bags.topics(path).values()} == {
        "/topic_0": (STRING, 25),
        "/topic_1": (STRING, 25),
    }
    messages = list(bags.read_messages(path))
    assert [m.stamp_ns for m in messages] == [1000 + i for i in range(50)]
    assert [bags.deserialize(m).data for m in messages] == [f"message {i}" for i in range(50)]
    assert [m.topic for m in bags.read_messages(path, ["/topic_1"])] == ["/topic_1"] * 25
    assert list(bags.read_messages(path, ["/nothing"])) == []


def write_compressed(path: Path, mode: CompressionMode, storage: bags.Storage) -> Path:
    """As `ros2 bag record --compression-mode file|message --compression-format zstd` does."""
    writer = Writer(path, version=8, storage_plugin=StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/topic", STRING, typestore=bags.typestore())
        for index in range(50):
            text = bags.message_type(STRING)(data=f"message {index}")
            writer.write(connection, 1000 + index, bytes(bags.typestore().serialize_cdr(text, STRING)))
    return path


@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_files_and_messages_may_be_compressed(tmp_path: Path, storage: bags.Storage, mode: CompressionMode) -> None:
    path = write_compressed(tmp_path / "bag", mode, storage)
    assert mode.name.lower() in (path / "metadata.yaml").read_text()
    assert bags.topics(path)["/topic"].count == 50
    messages = list(bags.read_messages(path))
    assert [bags.deserialize(m).data for m in messages] == [f"message {i}" for i in range(50)]


@pytest.mark.parametrize(
    ("mode", "words"),
    [(CompressionMode.FILE, "compressed as a whole"), (CompressionMode.MESSAGE, "compressed one by one")],
)
def test_a_compressed_file_without_its_folder_is_named(tmp_path: Path, mode: CompressionMode, words: str) -> None:
    path = write_compressed(tmp_path / "bag", mode, "mcap")
    (file,) = (entry for entry in path.iterdir() if ".mcap" in entry.suffixes)
    with pytest.raises(HandPoseError, match=f"{words}; give the folder"):
        list(bags.read_messages(file))


def write_chunks(path: Path, name: str, compress: Callable[[bytes], bytes]) -> Path:
    """MCAP with chunks as rosbags cannot write them."""
    writer = bags.BagWriter(path)
    with writer as bag:
        bag._writer.storage.compression, bag._writer.storage.compressor = name, compress
        bag.write("/topic", STRING, 1, bags.message_type(STRING)(data="squeezed"))
    return path


def test_lz4_chunks_are_read(tmp_path: Path) -> None:
    path = write_chunks(tmp_path / "bag", "lz4", lz4.frame.compress)
    assert [bags.deserialize(m).data for m in bags.read_messages(path)] == ["squeezed"]


def test_other_compression_is_named_and_not_taken_for_damage(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match=r"chunk compression 'brotli'.*ros2 bag convert"):
        list(bags.read_messages(write_chunks(tmp_path / "chunks", "brotli", bytes)))
    path = write_compressed(tmp_path / "bag", CompressionMode.FILE, "mcap")
    metadata = path / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("zstd", "xz", 1))
    with pytest.raises(HandPoseError, match=r"format 'xz' is not supported.*ros2 bag convert"):
        bags.topics(path)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_serialised_messages_are_copied_byte_by_byte(tmp_path: Path, storage: bags.Storage) -> None:
    source = list(bags.read_messages(write_strings(tmp_path / "one")))
    with bags.BagWriter(tmp_path / "two", storage) as bag:
        for message in source:
            bag.write(*message)
    assert list(bags.read_messages(tmp_path / "two")) == source


def test_a_lone_mcap_file_is_a_bag(tmp_path: Path) -> None:
    path = write_strings(tmp_path / "bag")
    assert len(list(bags.read_messages(data_file(path)))) == 50


def test_the_projects_own_messages_survive(tmp_path: Path) -> None:
    joint = bags.message_type("hand_pose_msgs/msg/HandJoint")
    point = bags.message_type("geometry_msgs/msg/Point")
    sent = joint(position=point(x=0.1, y=0.2, z=0.3), covariance=np.arange(9.0), score=0.5, valid=True)
    with bags.BagWriter(tmp_path / "bag") as bag:
        bag.write("/joint", "hand_pose_msgs/msg/HandJoint", 1, sent)
    received = bags.deserialize(next(bags.read_messages(tmp_path / "bag")))
    assert received.position.z == 0.3 and received.valid and list(received.covariance) == list(range(9))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = write_strings(tmp_path / "bag")
    with pytest.raises(HandPoseError, match="exists already"):
        bags.BagWriter(path)
    assert len(list(bags.read_messages(path))) == 50


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_truncated_bags_are_named(tmp_path: Path, storage: bags.Storage, share: float) -> None:
    path = write_strings(tmp_path / "bag", storage, count=2000, compress=False)
    file = data_file(path)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    for where in (path, file):
        with pytest.raises(HandPoseError, match=r"truncated or damaged|no messages") as caught:
            list(bags.read_messages(where))
        assert str(where) in str(caught.value) and "\n" not in str(caught.value)


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(100_000).hex()
    with bags.BagWriter(tmp_path / "bag") as bag:
        bag.write("/noise", STRING, 1, bags.message_type(STRING)(data=noise))
    content = bytearray(data_file(tmp_path / "bag").read_bytes())
    content[50_000:51_000] = bytes(1000)
    data_file(tmp_path / "bag").write_bytes(content)
    with pytest.raises(HandPoseError, match="truncated or damaged"):
        list(bags.read_messages(tmp_path / "bag"))


def test_what_is_no_bag(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match="no such bag"):
        bags.topics(tmp_path / "nowhere")
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(HandPoseError, match="not a bag"):
        bags.topics(tmp_path / "text.txt")
    path = write_strings(tmp_path / "bag")
    (path / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    with pytest.raises(HandPoseError, match="cannot be read"):
        bags.topics(path)
    (path / "metadata.yaml").unlink()
    with pytest.raises(HandPoseError, match="its recording was cut off"):
        bags.topics(path)
    shutil.rmtree(path)
    with bags.BagWriter(path):
        pass
    with pytest.raises(HandPoseError, match="no messages"):
        bags.topics(path)


def test_messages_of_another_definition_are_named(tmp_path: Path) -> None:
    message = next(bags.read_messages(write_strings(tmp_path / "bag")))
    with pytest.raises(HandPoseError, match="/topic_0"):
        bags.deserialize(message._replace(cdr=message.cdr[:6]))
    with pytest.raises(HandPoseError, match="no valid nobody_msgs/msg/Unknown"):
        bags.deserialize(message._replace(type_name="nobody_msgs/msg/Unknown"))
