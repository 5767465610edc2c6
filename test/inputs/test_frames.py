from types import SimpleNamespace

import numpy as np
import pytest

from hand_pose_ros.inputs.frames import InputTopics, frame_from_pair, stamp_ns
from hand_pose_ros.inputs.sync import Pair
from hand_pose_ros.types import HandPoseError, PinholeCamera

CAMERA = PinholeCamera(300.0, 300.0, 4.0, 3.0, 8, 6)
TOPICS = InputTopics("/rgb", "/depth", "/info")


def image(encoding="rgb8", *, width=8, height=6, frame_id="optical"):
    size = {"rgb8": 3, "16UC1": 2}[encoding]
    header = SimpleNamespace(frame_id=frame_id, stamp=SimpleNamespace(sec=2, nanosec=5))
    data = np.full(height * width * size, 1, np.uint8).tobytes()
    return SimpleNamespace(
        header=header, width=width, height=height, encoding=encoding, step=width * size, is_bigendian=0, data=data
    )


def test_a_pair_becomes_a_frame_with_the_pairs_stamp():
    frame = frame_from_pair(Pair(7, image(), image("16UC1")), CAMERA, TOPICS)
    assert frame.rgb is not None and frame.depth_m is not None
    assert (frame.rgb.shape, frame.depth_m.shape) == ((6, 8, 3), (6, 8))
    assert frame.depth_m[0, 0] == pytest.approx(0.257)
    assert (frame.stamp_ns, frame.frame_id, frame.camera) == (7, "optical", CAMERA)
    assert stamp_ns(image().header) == 2_000_000_005


@pytest.mark.parametrize("present", ["rgb", "depth"])
def test_one_picture_is_enough(present):
    pair = Pair(7, image(), None) if present == "rgb" else Pair(7, None, image("16UC1"))
    frame = frame_from_pair(pair, CAMERA, TOPICS)
    assert (frame.rgb is None, frame.depth_m is None) == (present == "depth", present == "rgb")


@pytest.mark.parametrize(
    ("rgb", "depth", "words"),
    [
        (image(), image("16UC1", width=4), r"^/depth: depth is 4x6 .*registered"),
        (image(), image("16UC1", frame_id="other"), r"^/depth: .*'other'.*registered"),
        (image(width=4), None, r"^/rgb: image is 4x6 but its camera info says 8x6"),
        (None, image("16UC1", width=4), r"^/depth: image is 4x6 but its camera info"),
        (image(), image("rgb8"), r"^/depth: .*not a depth"),
        (image("16UC1"), image("16UC1"), r"^/rgb: colour image has the depth encoding"),
    ],
)
def test_the_topic_at_fault_is_named(rgb, depth, words):
    with pytest.raises(HandPoseError, match=words):
        frame_from_pair(Pair(0, rgb, depth), CAMERA, TOPICS)
