"""Rendered rooms with hands, kept in files: rendering is slower than learning from them."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from hand_pose_ros.types import HandPoseError
from training.detector.photos import Photo, Scene

#: Rooms in one file, and how many times smaller than rendered they are kept.
PER_FILE, SMALLER = 50, 2
#: A hand of which less than this is seen is none to be found.
VISIBLE = 0.35


def render_rooms(
    folder: Path, count: int, seed: int, skins: Path | None, photos: list[Photo], table: Path | None,
    nearest_m: float, farthest_m: float,
) -> None:  # fmt: skip
    """Render `count` rooms into `folder`, with hands from `nearest_m` to `farthest_m` away and patches of `photos`
    (their boxes in `table`) as backgrounds."""
    from training.hands.rooms import rooms

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        # a folder of links, so that nothing of the held-out photos gets into the pictures
        backgrounds = Path(temporary)
        for path in [photo.path for photo in photos] + ([table] if table else []):
            (backgrounds / path.name).symlink_to(path.resolve())
        endless = rooms(seed, skins, backgrounds if photos else None, nearest_m=nearest_m, farthest_m=farthest_m)
        for start in range(0, count, PER_FILE):
            scenes = [_scene(room) for room in islice(endless, min(PER_FILE, count - start))]
            np.savez_compressed(
                folder / f"{seed}_{start:06d}.npz",
                rgb=np.stack([scene.rgb for scene in scenes]),
                depth_m=np.stack([np.asarray(scene.depth_m, np.float16) for scene in scenes]),
                boxes=np.concatenate([scene.boxes for scene in scenes]),
                right=np.concatenate([scene.right for scene in scenes]),
                hands=np.array([len(scene.right) for scene in scenes]),
            )


def read_rooms(folder: Path) -> list[Scene]:
    """Raises HandPoseError where there are none."""
    scenes = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as kept:
            ends = np.cumsum(kept["hands"])
            arrays = {key: kept[key] for key in ("rgb", "depth_m", "boxes", "right")}
        for index, end in enumerate(ends):
            hands = slice(ends[index - 1] if index else 0, end)
            depth_m = arrays["depth_m"][index].astype(np.float32)
            scenes.append(Scene(arrays["rgb"][index], depth_m, arrays["boxes"][hands], arrays["right"][hands]))
    if not scenes:
        raise HandPoseError(f"{folder}: no rendered rooms (*.npz); make some with hand-pose-train detector render")
    return scenes


def _scene(room) -> Scene:  # type: ignore[no-untyped-def]
    shown = [hand for hand in room.hands if hand.visible >= VISIBLE]
    boxes = np.array([hand.full_box for hand in shown]).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    height, width = room.depth.shape
    rgb = cv2.resize(room.rgb, (width // SMALLER, height // SMALLER), interpolation=cv2.INTER_AREA)
    right = np.array([hand.side == "right" for hand in shown], np.float64)
    return Scene(np.asarray(rgb, np.uint8), room.depth[::SMALLER, ::SMALLER], boxes / SMALLER, right)
