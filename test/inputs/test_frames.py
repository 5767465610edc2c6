from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from hand_pose_ros.inputs.frames import InputTopics, frame_from_pair, stamp_ns
from hand_pose_ros.inputs.lens import Lens
from hand_pose_ros.inputs.registration import DepthView
from hand_pose_ros.inputs.sync import Pair
from hand_pose_ros.types import HandPoseError, PinholeCamera

CAMERA = PinholeCamera(300.0, 300.0, 4.0, 3.0, 8, 6)
LENS = Lens(CAMERA)
TOPICS = InputTopics("/rgb", "/depth", "/info", "/depth_info")


def image(encoding="rgb8", *, width=8, height=6, frame_id="optical"):
    size = {"rgb8": 3, "16UC1": 2}[encoding]
    header = SimpleNamespace(frame_id=frame_id, stamp=SimpleNamespace(sec=2, nanosec=5))
    data = np.full(height * width * size, 1, np.uint8).tobytes()
    return SimpleNamespace(
        header=header, width=width, height=height, encoding=encoding, step=width * size, is_bigendian=0, data=data
    )


def test_a_pair_becomes_a_frame_with_the_pairs_stamp():
    frame = frame_from_pair(Pair(7, image(), image("16UC1")), LENS, TOPICS)
    assert frame.rgb is not None and frame.depth_m is not None
    assert (frame.rgb.shape, frame.depth_m.shape) == ((6, 8, 3), (6, 8))
    assert frame.depth_m[0, 0] == pytest.approx(0.257)
    assert (frame.stamp_ns, frame.frame_id, frame.camera) == (7, "optical", CAMERA)
    assert stamp_ns(image().header) == 2_000_000_005


@pytest.mark.parametrize("present", ["rgb", "depth"])
def test_one_picture_is_enough(present):
    pair = Pair(7, image(), None) if present == "rgb" else Pair(7, None, image("16UC1"))
    frame = frame_from_pair(pair, LENS, TOPICS)
    assert (frame.rgb is None, frame.depth_m is None) == (present == "depth", present == "rgb")


@pytest.mark.parametrize(
    ("rgb", "depth", "words"),
    [
        (image(), image("16UC1", width=4), r"^/depth: depth is 4x6 .*registered"),
        (image(), image("16UC1", frame_id="other"), r"^/depth: .*'other'.*registered"),
        (image(width=4), None, r"^/rgb: image is 4x6 but its camera info says 8x6"),
        (None, image("16UC1", width=4), r"^/depth: image is 4x6 but its camera info.*remap /info"),
        (image(), image("rgb8"), r"^/depth: .*not a depth"),
        (image("16UC1"), image("16UC1"), r"^/rgb: colour image has the depth encoding"),
    ],
)
def test_the_topic_at_fault_is_named(rgb, depth, words):
    with pytest.raises(HandPoseError, match=words):
        frame_from_pair(Pair(0, rgb, depth), LENS, TOPICS)


def compressed(picture, form="rgb8; png compressed bgr8", before=b"", frame_id="optical"):
    header = SimpleNamespace(frame_id=frame_id, stamp=SimpleNamespace(sec=2, nanosec=5))
    return SimpleNamespace(header=header, format=form, data=before + cv2.imencode(".png", picture)[1].tobytes())


def test_compressed_pictures_are_decoded():
    depth = compressed(np.full((6, 8), 257, np.uint16), "16UC1; compressedDepth png", bytes(12))
    frame = frame_from_pair(Pair(7, compressed(np.full((6, 8, 3), 5, np.uint8)), depth), LENS, TOPICS)
    assert frame.rgb is not None and frame.depth_m is not None
    assert (frame.rgb == 5).all() and frame.depth_m[0, 0] == pytest.approx(0.257)
    small = compressed(np.full((3, 8, 3), 5, np.uint8))
    with pytest.raises(HandPoseError, match=r"^/rgb: image is 8x3 but its camera info says 8x6"):
        frame_from_pair(Pair(7, small, depth), LENS, TOPICS)


def test_raw_pictures_are_undistorted():
    lens = Lens(CAMERA, "plumb_bob", (900.0, 0.0, 0.0, 0.0, 0.0))
    frame = frame_from_pair(Pair(7, image(), image("16UC1")), lens, TOPICS)
    assert frame.rgb is not None and frame.depth_m is not None
    # the corners of so bad a lens lie outside the picture
    assert frame.rgb[0, 0].sum() == 0 and frame.depth_m[0, 0] == 0
    assert frame.rgb[3, 4].sum() == 3 and frame.depth_m[3, 4] == pytest.approx(0.257)


def test_depth_of_its_own_camera_is_put_into_the_colour_cameras_view():
    depth_lens = Lens(PinholeCamera(150.0, 150.0, 1.75, 1.25, 4, 3))
    view = DepthView(depth_lens, "optical", np.eye(3), np.zeros(3))
    depth = image("16UC1", width=4, height=3, frame_id="depth")
    frame = frame_from_pair(Pair(7, image(), depth), LENS, TOPICS, view)
    assert frame.depth_m is not None and frame.depth_m.shape == (6, 8)
    assert (frame.depth_m > 0).mean() > 0.9 and frame.depth_m.max() == pytest.approx(0.257)
    alone = frame_from_pair(Pair(7, None, depth), LENS, TOPICS, view)
    assert alone.frame_id == "optical" and alone.camera == CAMERA and alone.rgb is None
    with pytest.raises(HandPoseError, match=r"^/depth: image is 8x6 but its camera info says 4x3; remap /depth_info"):
        frame_from_pair(Pair(7, image(), image("16UC1")), LENS, TOPICS, view)
