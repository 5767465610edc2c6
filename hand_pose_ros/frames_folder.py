"""Folders of pictures: `<frame>_rgb.jpg|png`, optional `<frame>_depth.png` (16 bit, mm) and `labels.npz`.

`labels.npz` holds `frame (N,)` names, `camera (N, 4)` fx fy cx cy in pixels of the stored picture and, optionally,
`box (N, 4)` x y w h in pixels (NaN where unknown). Ground truth, `joints_m (N, 21, 3)` and `side (N,)`, lies in the
same file but is read by `read_labels` alone, so that nothing that estimates can see it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.skeleton import JOINT_COUNT
from hand_pose_ros.types import FloatArray, HandPoseError, PinholeCamera, RgbdFrame

LABELS = "labels.npz"
RGB_ENDINGS = ("_rgb.jpg", "_rgb.jpeg", "_rgb.png")
DEPTH_ENDING = "_depth.png"
MAX_DEPTH_MM = np.iinfo(np.uint16).max


@dataclass(frozen=True)
class Labels:
    """Ground truth. joints_m: (N, 21, 3) metres, camera optical frame. side: (N,) 'left' or 'right', or None."""

    joints_m: FloatArray
    side: NDArray[np.str_] | None


@dataclass(frozen=True)
class FramesFolder:
    """What estimation may know. names: N frames. cameras: (N, 4) fx fy cx cy. boxes: (N, 4) x y w h px, or None."""

    path: Path
    names: tuple[str, ...]
    cameras: FloatArray
    boxes: FloatArray | None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> RgbdFrame:
        """The pictures of one frame; raises HandPoseError where they are missing, unreadable or do not fit together."""
        name = self.names[index]
        rgb_path, depth_path = picture_paths(self.path, name)
        if rgb_path is None and depth_path is None:
            raise HandPoseError(
                f"{self.path}: frame '{name}' of {LABELS} has no picture; add {name}_rgb.jpg or {name}{DEPTH_ENDING}"
            )
        rgb = None if rgb_path is None else read_rgb(rgb_path)
        depth_m = None if depth_path is None else read_depth(depth_path)
        if rgb is not None and depth_m is not None and rgb.shape[:2] != depth_m.shape:
            raise HandPoseError(
                f"{depth_path}: depth is {depth_m.shape[1]}x{depth_m.shape[0]} but colour is "
                f"{rgb.shape[1]}x{rgb.shape[0]}; register the depth to the colour picture"
            )
        height, width = rgb.shape[:2] if rgb is not None else depth_m.shape  # type: ignore[union-attr]
        fx, fy, cx, cy = (float(value) for value in self.cameras[index])
        return RgbdFrame(PinholeCamera(fx, fy, cx, cy, width, height), rgb, depth_m)

    def box(self, index: int) -> FloatArray | None:
        """x, y, w, h in pixels of the hand in one frame, or None where the folder does not say."""
        if self.boxes is None or not np.isfinite(self.boxes[index]).all():
            return None
        return self.boxes[index]


def open_folder(path: str | Path) -> FramesFolder:
    """Reads names, cameras and boxes; raises HandPoseError for a folder that is not a frames folder."""
    path = Path(path)
    if not path.is_dir():
        raise HandPoseError(f"{path}: no such folder; give a folder of <frame>_rgb.jpg pictures with a {LABELS}")
    if not any(entry.name.endswith((*RGB_ENDINGS, DEPTH_ENDING)) for entry in path.iterdir()):
        raise HandPoseError(f"{path}: no pictures; name them <frame>_rgb.jpg or .png, and depth <frame>{DEPTH_ENDING}")
    arrays = _load_npz(path, ("frame", "camera", "box"))
    if "frame" not in arrays or "camera" not in arrays:
        raise HandPoseError(f"{path / LABELS}: needs the arrays 'frame' (N,) and 'camera' (N, 4) fx fy cx cy")
    names = arrays["frame"]
    if names.ndim != 1 or names.dtype.kind not in "US" or len(names) == 0:
        raise HandPoseError(f"{path / LABELS}: 'frame' must be a list of names, not {_describe(names)}")
    cameras = _checked(path, arrays, "camera", (len(names), 4))
    if not np.isfinite(cameras).all() or (cameras[:, :2] <= 0).any():
        raise HandPoseError(f"{path / LABELS}: 'camera' must be finite with fx, fy > 0; calibrate the camera")
    boxes = _checked(path, arrays, "box", (len(names), 4)) if "box" in arrays else None
    return FramesFolder(path, tuple(str(name) for name in names.astype(np.str_)), cameras, boxes)


def read_labels(path: str | Path) -> Labels | None:
    """Ground truth of a frames folder in the order of `open_folder`, or None where it has none."""
    path = Path(path)
    arrays = _load_npz(path, ("frame", "joints_m", "side"))
    if "joints_m" not in arrays:
        return None
    count = len(arrays["frame"])
    joints_m = _checked(path, arrays, "joints_m", (count, JOINT_COUNT, 3))
    if "side" not in arrays:
        return Labels(joints_m, None)
    side = arrays["side"]
    if side.shape != (count,) or side.dtype.kind not in "US":
        raise HandPoseError(f"{path / LABELS}: 'side' must be {count} times 'left' or 'right', not {_describe(side)}")
    return Labels(joints_m, side.astype(np.str_))


def write_folder(
    path: str | Path,
    names: Sequence[str],
    frames: Iterable[RgbdFrame],
    *,
    joints_m: FloatArray | None = None,
    side: Sequence[str] | None = None,
    boxes: FloatArray | None = None,
    picture: str = "jpg",
    jpeg_quality: int = 92,
) -> None:
    """Writes a frames folder that `open_folder` and `read_labels` read back.

    Depth is rounded to millimetres, 0 where it is not finite or beyond 65.535 m. picture: 'jpg' or 'png'.
    joints_m: (N, 21, 3) metres. boxes: (N, 4) x y w h pixels.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    cameras = []
    for name, frame in zip(names, frames, strict=True):
        if frame.rgb is not None:
            bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
            options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if picture == "jpg" else []
            _write_picture(path / f"{name}_rgb.{picture}", bgr, options)
        if frame.depth_m is not None:
            _write_picture(path / f"{name}{DEPTH_ENDING}", depth_to_mm(frame.depth_m), [])
        cameras.append((frame.camera.fx, frame.camera.fy, frame.camera.cx, frame.camera.cy))
    labels: dict[str, Any] = {"frame": np.array(names, np.str_), "camera": np.array(cameras, np.float32)}
    if joints_m is not None:
        labels["joints_m"] = np.asarray(joints_m, np.float32)
    if side is not None:
        labels["side"] = np.array(side, np.str_)
    if boxes is not None:
        labels["box"] = np.asarray(boxes, np.float32)
    np.savez_compressed(path / LABELS, **labels)


def picture_paths(path: Path, name: str) -> tuple[Path | None, Path | None]:
    """(colour, depth) files of a frame, None where there is no such file."""
    rgb = next((path / f"{name}{end}" for end in RGB_ENDINGS if (path / f"{name}{end}").is_file()), None)
    depth = path / f"{name}{DEPTH_ENDING}"
    return rgb, depth if depth.is_file() else None


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, red first."""
    picture = _decode(path, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def read_depth(path: Path) -> NDArray[np.float32]:
    """(H, W) float32 metres, 0 where nothing was measured, from a 16-bit millimetre png."""
    picture = _decode(path, cv2.IMREAD_UNCHANGED)
    if picture.dtype != np.uint16 or picture.ndim != 2:
        raise HandPoseError(f"{path}: depth must be one 16-bit channel in millimetres, not {_describe(picture)}")
    return picture.astype(np.float32) / np.float32(1000)


def depth_to_mm(depth_m: FloatArray) -> NDArray[np.uint16]:
    """Rounded millimetres, 0 where depth is not finite, negative or too far for 16 bits."""
    with np.errstate(invalid="ignore"):
        millimetres = np.round(depth_m * 1000.0)
        valid = (millimetres > 0) & (millimetres <= MAX_DEPTH_MM)
    return np.where(valid, millimetres, 0).astype(np.uint16)


def _load_npz(path: Path, keys: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    file = path / LABELS
    if not file.is_file():
        raise HandPoseError(f"{file}: missing; it must hold 'frame' (N,) and 'camera' (N, 4) fx fy cx cy in pixels")
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in keys if key in archive}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise HandPoseError(f"{file}: not a readable npz file ({error}); write it again with numpy.savez") from error


def _checked(path: Path, arrays: dict[str, NDArray[Any]], key: str, shape: tuple[int, ...]) -> FloatArray:
    array = arrays[key]
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise HandPoseError(f"{path / LABELS}: '{key}' must be numbers of shape {shape}, not {_describe(array)}")
    return array.astype(np.float64)


def _describe(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _decode(path: Path, flags: int) -> NDArray[Any]:
    # imdecode rather than imread: imread warns on the terminal and cannot tell a missing file from a broken one.
    try:
        data = np.fromfile(path, np.uint8)
        picture = cv2.imdecode(data, flags) if data.size else None
    except (OSError, cv2.error) as error:
        raise HandPoseError(f"{path}: cannot be read ({error})") from error
    if picture is None:
        raise HandPoseError(f"{path}: not a readable picture ({data.size} bytes); it may be truncated, copy it again")
    return picture


def _write_picture(path: Path, picture: NDArray[Any], options: list[int]) -> None:
    if not cv2.imwrite(str(path), picture, options):
        raise HandPoseError(f"{path}: could not be written; check the folder's permissions and the disk's free space")
