"""Reading the files that data sets come in; every failure is a sentence with the file's name."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.frames_folder import read_rgb
from hand_pose_ros.types import FloatArray, HandPoseError, PinholeCamera

#: What pickles of numpy arrays are made of, under the names that old and new releases of numpy write.
_HARMLESS = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


def require(path: Path, remedy: str) -> Path:
    """The path if it is there; HandPoseError with the remedy if not."""
    if not path.exists():
        raise HandPoseError(f"{path}: missing; {remedy}")
    return path


def read_json(path: Path, remedy: str) -> Any:
    """Raises HandPoseError for a file that is missing or not JSON."""
    try:
        return json.loads(require(path, remedy).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, "a JSON file", error) from error


def read_lines(path: Path, remedy: str) -> list[str]:
    """The lines of a text file that are not empty, stripped."""
    try:
        lines = require(path, remedy).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise _unreadable(path, "a text file", error) from error
    return [line.strip() for line in lines if line.strip()]


def read_pickle(path: Path, remedy: str) -> Any:
    """Numbers, texts, containers and numpy arrays from a pickle of Python 2 or 3; nothing in it is executed.

    Raises HandPoseError for anything else, for a pickle can run any program when it is opened.
    """
    try:
        return _ArraysOnly(io.BytesIO(require(path, remedy).read_bytes()), encoding="latin1").load()
    except HandPoseError:
        raise
    except Exception as error:  # a broken pickle raises whatever its bytes happen to mean
        raise _unreadable(path, "a pickle of arrays", error) from error


def read_mat(path: Path, key: str, remedy: str) -> FloatArray:
    """One array of a MATLAB file (format 5 to 7.2)."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        arrays = loadmat(require(path, remedy), variable_names=[key])
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise _unreadable(path, "a MATLAB file", error) from error
    if key not in arrays:
        raise HandPoseError(f"{path}: has no array '{key}'; download the file again")
    return np.asarray(arrays[key], float)


def read_npz(path: Path, keys: tuple[str, ...]) -> list[NDArray[Any]]:
    """Arrays of an npz file, in the order of `keys`."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[key] for key in keys]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, f"an npz file with {' and '.join(keys)}", error) from error


def packed_depth(path: Path, *, high: int, low: int, unit_m: float) -> NDArray[np.float32]:
    """Depth (H, W) in metres from a colour picture that holds its two bytes in channels `high` and `low` (0 red)."""
    channels = read_rgb(path).astype(np.float32)
    return (channels[..., high] * 256 + channels[..., low]) * np.float32(unit_m)


def camera_of(matrix: Any, width: int, height: int) -> PinholeCamera:
    """From a calibration matrix (3, 3)."""
    k = np.asarray(matrix, float)
    return PinholeCamera(float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), width, height)


def flat_name(path: str) -> str:
    """A path inside a data set, without its ending, as one file name."""
    return str(Path(path).with_suffix("")).replace("/", "_")


def _unreadable(path: Path, what: str, error: Exception) -> HandPoseError:
    return HandPoseError(f"{path}: not {what} ({type(error).__name__}: {error}); download it again")


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _HARMLESS:
            raise HandPoseError(f"a pickle asks for {module}.{name}, which labels do not need; it is not opened")
        return super().find_class(module, name)
