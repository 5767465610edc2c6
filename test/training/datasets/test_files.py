"""Reading the files of data sets: what is there, and a sentence for what is not."""

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from hand_pose_ros.types import HandPoseError
from training.datasets.files import (
    camera_of,
    flat_name,
    packed_depth,
    read_json,
    read_lines,
    read_mat,
    read_npz,
    read_pickle,
)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_of_arrays_are_read(tmp_path: Path, protocol: int) -> None:
    content = {3: {"xyz": np.arange(6.0).reshape(2, 3), "name": "wrist", "size": np.float32(2.5), "none": None}}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol))
    read = read_pickle(tmp_path / "a.pkl", "")
    assert np.array_equal(read[3]["xyz"], content[3]["xyz"]) and read[3]["size"] == 2.5 and read[3]["none"] is None


def test_pickles_of_old_numpy_and_python_2_are_read(tmp_path: Path) -> None:
    # What Python 2 with numpy 1 wrote for np.array([1.0]): the names of then, bytes as text.
    old = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"
        b"(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?'\ntb."
    )
    (tmp_path / "old.pkl").write_bytes(old)
    assert read_pickle(tmp_path / "old.pkl", "").tolist() == [1.0]


def test_pickles_that_would_run_something_are_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "harm"),)

    (tmp_path / "harm.pkl").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(HandPoseError, match=r"asks for posix\.mkdir"):
        read_pickle(tmp_path / "harm.pkl", "")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("reader", "what"), [(read_json, "JSON"), (read_pickle, "pickle"), (read_lines, "text"), (read_mat, "MATLAB")]
)
def test_missing_and_broken_files_are_named_with_a_remedy(reader, what: str, tmp_path: Path) -> None:
    arguments = ("key",) if reader is read_mat else ()
    with pytest.raises(HandPoseError, match=r"a\.bin: missing; unpack it"):
        reader(tmp_path / "a.bin", *arguments, "unpack it")
    (tmp_path / "a.bin").write_bytes(b"\x80\xff\x00 not this")
    with pytest.raises(HandPoseError, match=rf"a\.bin: not a {what} .*; download it again"):
        reader(tmp_path / "a.bin", *arguments, "unpack it")


def test_arrays_that_are_not_in_their_files_are_named(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"other": np.ones(3)})
    with pytest.raises(HandPoseError, match="has no array 'handPara'"):
        read_mat(tmp_path / "a.mat", "handPara", "")
    np.savez(tmp_path / "a.npz", joint_3d=np.ones(3))
    assert read_npz(tmp_path / "a.npz", ("joint_3d",))[0].tolist() == [1.0] * 3
    with pytest.raises(HandPoseError, match="not an npz file with joint_3d and joint_2d"):
        read_npz(tmp_path / "a.npz", ("joint_3d", "joint_2d"))


def test_depth_in_two_channels(tmp_path: Path) -> None:
    rgb = np.zeros((4, 5, 3), np.uint8)
    rgb[1, 2] = (7, 3, 200)
    cv2.imwrite(str(tmp_path / "d.png"), rgb[..., ::-1])
    depth_m = packed_depth(tmp_path / "d.png", high=1, low=2, unit_m=1e-3)
    assert depth_m[1, 2] == pytest.approx((3 * 256 + 200) / 1000) and depth_m.sum() == depth_m[1, 2]
    assert depth_m.dtype == np.float32


def test_cameras_and_names() -> None:
    camera = camera_of([[1.0, 0.0, 3.0], [0.0, 2.0, 4.0], [0.0, 0.0, 1.0]], 8, 6)
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height) == (1, 2, 3, 4, 8, 6)
    assert flat_name("Capture0/cam1/image7.jpg") == "Capture0_cam1_image7"
