"""Messages that contradict themselves, by the thousand: each is refused with a sentence or decoded right."""

import struct
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.inputs.frames import InputTopics, frame_from_pair, stamp_ns
from hand_pose_ros.inputs.images import ENCODINGS
from hand_pose_ros.inputs.lens import Lens, lens_from_info
from hand_pose_ros.inputs.sync import Pair, Synchronizer
from hand_pose_ros.types import HandPoseError, PinholeCamera

CAMERA = PinholeCamera(10.0, 10.0, 3.5, 2.5, 8, 6)
LENS = Lens(CAMERA)
TOPICS = InputTopics("/rgb", "/depth", "/info")
MANY = settings(max_examples=200, deadline=None)

sizes = st.one_of(st.sampled_from([0, 1, 6, 8]), st.integers(0, 2**32 - 1))
encodings = st.one_of(
    st.sampled_from(["rgb8", "bgr8", "16UC1", "32FC1"]), st.sampled_from(sorted(ENCODINGS)), st.text()
)
bytes_of_pixels = st.one_of(
    st.binary(max_size=300),
    st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).bytes(8 * 6 * 4)),
    st.sampled_from([b"", bytes(8 * 6 * 3), b"\xff" * (8 * 6 * 4), np.full(48, np.nan, np.float32).tobytes()]),
)
stamps = st.builds(SimpleNamespace, sec=st.integers(-(2**31), 2**31 - 1), nanosec=st.integers(0, 2**32 - 1))
headers = st.builds(SimpleNamespace, frame_id=st.sampled_from(["optical", "", "other"]), stamp=stamps)


def steps(encoding: str) -> st.SearchStrategy[int]:
    right = 8 * np.dtype(ENCODINGS.get(encoding, ("u1", 1))[0]).itemsize * ENCODINGS.get(encoding, ("u1", 1))[1]
    return st.one_of(st.just(right), st.integers(0, 40), st.integers(0, 2**32 - 1))


@st.composite
def images(draw: st.DrawFn) -> SimpleNamespace:
    encoding = draw(encodings)
    return SimpleNamespace(
        header=draw(headers),
        width=draw(st.one_of(st.just(8), sizes)),
        height=draw(st.one_of(st.just(6), sizes)),
        encoding=encoding,
        step=draw(steps(encoding)),
        is_bigendian=draw(st.integers(0, 255)),
        data=draw(bytes_of_pixels),
    )


@st.composite
def compressed_images(draw: st.DrawFn) -> SimpleNamespace:
    values = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 65536, (6, 8), np.uint16)
    whole = draw(
        st.sampled_from(
            [
                cv2.imencode(".png", values)[1].tobytes(),
                cv2.imencode(".jpg", (values >> 8).astype(np.uint8))[1].tobytes(),
                struct.pack("<iff", 1, 100.0, -5.0) + cv2.imencode(".png", values)[1].tobytes(),
            ]
        )
    )
    data = bytearray(whole[: draw(st.one_of(st.none(), st.integers(0, len(whole))))])
    for at, value in draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3)):
        if at < len(data):
            data[at] = value
    known = ["jpeg", "png", "16UC1; compressedDepth png", "32FC1; compressedDepth png", "rgb8; jpeg compressed bgr8"]
    return SimpleNamespace(
        header=draw(headers), format=draw(st.one_of(st.sampled_from(known), st.text())), data=bytes(data)
    )


def check(image: Any, decoded: np.ndarray, y: int = 3, x: int = 5) -> None:
    """One pixel read by hand out of a raw message."""
    kind, channels = ENCODINGS[image.encoding]
    dtype = np.dtype(kind).newbyteorder(">" if image.is_bigendian else "<")
    begin = y * image.step + x * channels * dtype.itemsize
    pixel = np.frombuffer(image.data[begin : begin + channels * dtype.itemsize], dtype)
    if decoded.ndim == 2:
        metres = float(pixel[0]) / 1000 if dtype.kind == "u" else float(pixel[0])
        expected = metres if 0 < metres < np.inf else 0.0
        np.testing.assert_allclose(decoded[y, x], np.float32(expected), rtol=1e-6)
    elif image.encoding in ("rgb8", "rgba8"):
        assert decoded[y, x].tolist() == pixel[:3].tolist()
    elif channels >= 3:
        assert decoded[y, x].tolist() == pixel[2::-1].tolist()
    else:
        assert decoded[y, x].tolist() == [pixel[0]] * 3


def refused_or_right(rgb: Any, depth: Any) -> bool:
    """Whether the pair became a frame; fails where that frame is wrong."""
    try:
        frame = frame_from_pair(Pair(5, rgb, depth), LENS, TOPICS)
    except HandPoseError as error:
        assert str(error).startswith(("/rgb: ", "/depth: "))
        return False
    assert (frame.rgb is None, frame.depth_m is None) == (rgb is None, depth is None)
    if frame.rgb is not None:
        assert frame.rgb.shape == (6, 8, 3) and frame.rgb.dtype == np.uint8
        if hasattr(rgb, "encoding"):
            check(rgb, frame.rgb)
    if frame.depth_m is not None:
        assert frame.depth_m.shape == (6, 8) and frame.depth_m.dtype == np.float32
        assert np.isfinite(frame.depth_m).all() and (frame.depth_m >= 0).all()
        if hasattr(depth, "encoding"):
            check(depth, frame.depth_m)
    return True


@MANY
@given(st.none() | images() | compressed_images(), st.none() | images() | compressed_images())
def test_whatever_a_message_says(rgb: Any, depth: Any) -> None:
    if rgb is not None or depth is not None:
        refused_or_right(rgb, depth)


def test_five_thousand_damaged_pictures() -> None:
    """One thing wrong with a picture that was right, or nothing: both ways out are taken often."""
    random = np.random.default_rng(0)
    stamp = SimpleNamespace(sec=1, nanosec=2)
    outcomes = [0, 0]
    for _ in range(5000):
        encoding = str(random.choice(["rgb8", "bgra8", "mono8", "16UC1", "32FC1"]))
        kind, channels = ENCODINGS[encoding]
        size = np.dtype(kind).itemsize * channels
        image = SimpleNamespace(header=SimpleNamespace(frame_id="optical", stamp=stamp), width=8, height=6)
        image.encoding, image.is_bigendian, image.step = encoding, int(random.integers(2)), 8 * size
        image.data = random.bytes(6 * 8 * size)
        what = str(random.choice(["nothing", "width", "height", "step", "data", "encoding"]))
        if what == "data":
            image.data = image.data[: random.integers(len(image.data))]
        elif what == "encoding":
            image.encoding = str(random.choice([*ENCODINGS, "yuv422", "", "rgb8\0"]))
        elif what != "nothing":
            setattr(image, what, int(random.choice([0, 1, getattr(image, what) - 1, 2**31, 2**32 - 1])))
        as_depth = encoding in ("16UC1", "32FC1")
        outcomes[refused_or_right(None if as_depth else image, image if as_depth else None)] += 1
    assert min(outcomes) > 1000, outcomes


@st.composite
def camera_infos(draw: st.DrawFn) -> SimpleNamespace:
    anything = st.floats(width=64)
    matrix = st.one_of(st.just([10.0, 0, 3.5, 0, 10.0, 2.5, 0, 0, 1]), st.lists(anything, min_size=9, max_size=9))
    roi = SimpleNamespace(**{name: draw(sizes) for name in ("x_offset", "y_offset", "width", "height")})
    return SimpleNamespace(
        k=draw(matrix),
        p=draw(st.one_of(st.just([0.0] * 12), st.lists(anything, min_size=12, max_size=12))),
        d=draw(st.lists(anything, max_size=14)),
        distortion_model=draw(
            st.one_of(st.sampled_from(["plumb_bob", "rational_polynomial", "equidistant"]), st.text())
        ),
        width=draw(sizes),
        height=draw(sizes),
        binning_x=draw(sizes),
        binning_y=draw(sizes),
        roi=roi,
    )


@MANY
@given(camera_infos(), st.booleans())
def test_a_calibration_is_refused_or_one_that_a_camera_can_have(info: Any, rectified: bool) -> None:
    try:
        lens = lens_from_info(info, rectified=rectified)
    except HandPoseError:
        return
    camera = lens.camera
    assert np.isfinite([camera.fx, camera.fy, camera.cx, camera.cy, *lens.distortion]).all()
    assert min(camera.fx, camera.fy, camera.width, camera.height) > 0


@MANY
@given(st.lists(st.tuples(st.sampled_from(["rgb", "depth"]), stamps), max_size=12))
def test_any_stamps_pair_or_wait(events: list[Any]) -> None:
    synchronizer: Synchronizer[int] = Synchronizer(10_000_000, 200_000_000)
    for stream, stamp in events:
        at_ns = stamp_ns(SimpleNamespace(stamp=stamp))
        pair = synchronizer.add(stream, at_ns, at_ns)
        if pair is not None and pair.rgb is not None and pair.depth is not None:
            assert abs(pair.rgb - pair.depth) <= 10_000_000
