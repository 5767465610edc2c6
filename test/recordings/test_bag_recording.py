"""Folders become bags and bags become the same frames again; cameras are found by type."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.recordings import bags, open_recording
from hand_pose_ros.recordings.bag_recording import BagRecording, CameraTopics, find_camera_topics
from hand_pose_ros.recordings.record_folder import record_folder
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(100.0, 101.0, 16.0, 12.0, 32, 24)
JOINTS = np.random.default_rng(2).normal(size=(4, 21, 3)).astype(np.float32)


def make_folder(path: Path, rgb: bool = True, depth: bool = True, labels: bool = True) -> Path:
    generator = np.random.default_rng(0)
    frames = [
        RgbdFrame(
            CAMERA,
            generator.integers(0, 256, (24, 32, 3), np.uint8) if rgb else None,
            generator.integers(0, 3000, (24, 32)).astype(np.float32) / 1000 if depth else None,
        )
        for _ in range(4)
    ]
    truth = {"joints_m": JOINTS, "side": ["left", "right", "left", "right"]} if labels else {}
    write_folder(path, ["a", "b", "c", "d"], frames, picture="png", **truth)
    return path


def renamed(source: Path, target: Path, names: dict[str, str], stamp_shift_ns: int = 0) -> Path:
    """A copy of a bag with other topic names; those that `names` lacks are left out."""
    with bags.BagWriter(target) as writer:
        for raw in bags.read_messages(source, list(names)):
            writer.write(names[raw.topic], raw.type_name, raw.stamp_ns + stamp_shift_ns, raw.cdr)
    return target


def changed(folder: Path, topic: str, change: Callable[[Any], None]) -> Path:
    """A bag in which every message of one topic was changed."""
    record_folder(make_folder(folder / "folder"), folder / "bag")
    with bags.BagWriter(folder / "changed") as writer:
        for raw in bags.read_messages(folder / "bag"):
            message = bags.deserialize(raw)
            if raw.topic == topic:
                change(message)
            writer.write(raw.topic, raw.type_name, raw.stamp_ns, message)
    return folder / "changed"


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_folder_and_its_bag_are_the_same_recording(tmp_path: Path, storage: bags.Storage) -> None:
    folder = make_folder(tmp_path / "folder")
    assert record_folder(folder, tmp_path / "bag", fps=10.0, storage=storage) == 4
    before, after = open_recording(folder), open_recording(tmp_path / "bag")
    truth_before, truth_after = before.truth(), after.truth()
    stamps = []
    for one, other in zip(before.frames(), after.frames(), strict=True):
        assert np.array_equal(one.frame.rgb, other.frame.rgb)
        assert np.allclose(one.frame.depth_m, other.frame.depth_m, atol=1e-6)
        assert other.frame.camera == CAMERA
        assert np.allclose(truth_before[one.name][0].joints_m, truth_after[other.name][0].joints_m)
        assert truth_before[one.name][0].side == truth_after[other.name][0].side
        stamps.append(other.frame.stamp_ns)
    assert list(np.diff(stamps)) == [100_000_000] * 3


@pytest.mark.parametrize(("rgb", "depth"), [(True, False), (False, True)])
def test_one_stream_is_enough(tmp_path: Path, rgb: bool, depth: bool) -> None:
    record_folder(make_folder(tmp_path / "folder", rgb, depth, labels=False), tmp_path / "bag")
    recording = BagRecording(tmp_path / "bag")
    frames = [named.frame for named in recording.frames()]
    assert len(frames) == 4 and recording.truth() == {}
    assert all((frame.rgb is not None, frame.depth_m is not None) == (rgb, depth) for frame in frames)


def test_joints_without_truth_stay_unknown(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "folder")
    arrays = dict(np.load(folder / "labels.npz"))
    arrays["joints_m"][0, 3] = np.nan
    np.savez(folder / "labels.npz", **arrays)
    record_folder(folder, tmp_path / "bag")
    first = next(iter(BagRecording(tmp_path / "bag").truth().values()))[0]
    assert np.isnan(first.joints_m[3]).all() and np.isfinite(first.joints_m[4:]).all()


def test_a_foreign_camera_is_found(tmp_path: Path) -> None:
    record_folder(make_folder(tmp_path / "folder"), tmp_path / "bag")
    names = {
        "/rgb/image_rect_color": "/camera/camera/color/image_raw",
        "/depth_registered/image_rect": "/camera/camera/aligned_depth_to_color/image_raw",
        "/rgb/camera_info": "/camera/camera/color/camera_info",
    }
    bag = renamed(tmp_path / "bag", tmp_path / "foreign", names)
    with bags.BagWriter(tmp_path / "more") as writer:
        for raw in bags.read_messages(bag):
            writer.write(*raw)
            if "aligned" in raw.topic:
                writer.write("/camera/camera/depth/image_rect_raw", raw.type_name, raw.stamp_ns, raw.cdr)
            if raw.type_name == bags.CAMERA_INFO:
                writer.write("/camera/camera/depth/camera_info", raw.type_name, raw.stamp_ns, raw.cdr)
    assert find_camera_topics(tmp_path / "more") == CameraTopics(*names.values())
    assert len(list(BagRecording(tmp_path / "more").frames())) == 4


def compressed(source: Path, target: Path, keep_raw: bool = False) -> Path:
    """The bag with its pictures as image_transport compresses them, in PNG."""
    make = bags.message_type(bags.COMPRESSED_IMAGE)
    with bags.BagWriter(target) as writer:
        for raw in bags.read_messages(source):
            if raw.type_name != bags.IMAGE or keep_raw:
                writer.write(*raw)
            if raw.type_name != bags.IMAGE:
                continue
            image = bags.deserialize(raw)
            pixels = image.data.reshape(image.height, -1)
            if image.encoding == "rgb8":
                png = cv2.imencode(".png", pixels.reshape(image.height, image.width, 3)[..., ::-1])[1]
                topic, form, head = f"{raw.topic}/compressed", "rgb8; png compressed bgr8", b""
            else:
                png = cv2.imencode(".png", pixels.view("<u2"))[1]
                topic, form, head = (
                    f"{raw.topic}/compressedDepth",
                    "16UC1; compressedDepth png",
                    struct.pack("iff", 0, 0, 0),
                )
            data = np.frombuffer(head + png.tobytes(), np.uint8)
            writer.write(topic, bags.COMPRESSED_IMAGE, raw.stamp_ns, make(header=image.header, format=form, data=data))
    return target


def test_compressed_pictures_are_the_same_recording(tmp_path: Path) -> None:
    record_folder(make_folder(tmp_path / "folder"), tmp_path / "bag")
    packed = BagRecording(compressed(tmp_path / "bag", tmp_path / "packed"))
    assert packed.topics == CameraTopics(
        "/rgb/image_rect_color/compressed", "/depth_registered/image_rect/compressedDepth", "/rgb/camera_info"
    )
    for one, other in zip(BagRecording(tmp_path / "bag").frames(), packed.frames(), strict=True):
        assert one.name == other.name and one.frame.camera == other.frame.camera
        assert np.array_equal(one.frame.rgb, other.frame.rgb)
        assert np.array_equal(one.frame.depth_m, other.frame.depth_m)


def test_raw_pictures_come_before_compressed_ones(tmp_path: Path) -> None:
    record_folder(make_folder(tmp_path / "folder"), tmp_path / "bag")
    both = compressed(tmp_path / "bag", tmp_path / "both", keep_raw=True)
    assert find_camera_topics(both) == find_camera_topics(tmp_path / "bag")


def test_bags_without_a_camera_say_what_they_have(tmp_path: Path) -> None:
    record_folder(make_folder(tmp_path / "folder"), tmp_path / "bag")
    no_info = renamed(tmp_path / "bag", tmp_path / "a", {"/rgb/image_rect_color": "/rgb/image_rect_color"})
    with pytest.raises(HandPoseError, match=r"no sensor_msgs/msg/CameraInfo topic.*/rgb/image_rect_color"):
        find_camera_topics(no_info)
    no_image = renamed(tmp_path / "bag", tmp_path / "b", {"/rgb/camera_info": "/rgb/camera_info"})
    with pytest.raises(HandPoseError, match=r"no sensor_msgs/msg/Image topic.*/rgb/camera_info"):
        find_camera_topics(no_image)


def test_pictures_that_do_not_fit_are_named_with_topic_and_stamp(tmp_path: Path) -> None:
    bag = changed(tmp_path, "/rgb/camera_info", lambda info: setattr(info, "width", 64))
    with pytest.raises(HandPoseError, match=r"at \d+ ns: .*image_rect.* 32x24 but .* 64"):
        list(BagRecording(bag).frames())


def test_depth_of_another_camera_is_named(tmp_path: Path) -> None:
    bag = changed(
        tmp_path, "/depth_registered/image_rect", lambda depth: setattr(depth.header, "frame_id", "depth_optical")
    )
    with pytest.raises(HandPoseError, match=r"depth_optical.*regist"):
        list(BagRecording(bag).frames())


def test_uncalibrated_cameras_are_named(tmp_path: Path) -> None:
    bag = changed(tmp_path, "/rgb/camera_info", lambda info: setattr(info, "k", np.zeros(9)))
    with pytest.raises(HandPoseError, match=r"/rgb/camera_info: .*uncalibrated"):
        list(BagRecording(bag).frames())


def test_neither_folder_nor_bag(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match="no such folder"):
        open_recording(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(HandPoseError, match="not a bag"):
        open_recording(tmp_path / "notes.txt")
