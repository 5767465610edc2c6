"""Contact sheets: many samples as one picture, colour over depth, beside real ones seen in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from hand_pose_ros.camera import project
from hand_pose_ros.crop import CropSpec, make_crop
from hand_pose_ros.frames_folder import open_folder, read_labels
from hand_pose_ros.skeleton import BONES
from hand_pose_ros.types import HandPoseError, HandRegion
from training.hands.labels import Labels, complete_batches
from training.hands.model import Array
from training.hands.parts import NOTHING, THING
from training.hands.scene import CROP_SIZE_M

COLUMNS = 20
BATCH = 20
#: Without depth a crop's side is so many times the box's around the hand.
BOX_SCALE = 1.5


def draw_sheet(
    path: Path, count: int, seed: int, size: int, skins: Path | None, backgrounds: Path | None, real: list[Path],
    labels: bool = False,
) -> None:  # fmt: skip
    """Write `count` synthetic samples of `size` pixels to the picture `path`, a white line, and samples of the frames
    folders `real`. Raises HandPoseError where a folder cannot be read or has no labels, or the picture not written."""
    tiles = synthetic_tiles(count, seed, size, skins, backgrounds, labels)
    sheet = arrange(list(tiles), COLUMNS)
    for folder in real:
        line = np.full((4, sheet.shape[1], 3), 255, np.uint8)
        sheet = np.vstack([sheet, line, arrange(list(real_tiles(folder, size, COLUMNS)), COLUMNS)])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 80]):
        raise HandPoseError(f"cannot write {path}: name a .jpg or .png in a folder that may be written to")


def synthetic_tiles(
    count: int, seed: int, size: int, skins: Path | None, backgrounds: Path | None, labels: bool
) -> Iterator[Array]:
    """Samples (2 size, size, 3) uint8, red first: colour over depth, or joints and boxes over parts."""
    made = complete_batches(seed, BATCH, size, skins, backgrounds)
    for start in range(0, count, BATCH):
        batch = next(made)
        for i in range(min(BATCH, count - start)):
            below = show_depth(batch.depth[i])
            rgb = batch.rgb[i].copy()
            if labels:
                draw_labels(rgb, batch.labels, i)
                below = show_parts(batch.labels.part[i])
            yield np.vstack([rgb, below])


def real_tiles(folder: Path, size: int, most: int) -> Iterator[Array]:
    """At most `most` frames of a labelled folder, evenly spread, cut out around their true joints."""
    frames, truth = open_folder(folder), read_labels(folder)
    if truth is None:
        raise HandPoseError(f"{folder}: has no joints in its labels; a sheet shows hands cut out around them")
    for i in np.unique(np.linspace(0, len(frames) - 1, most).astype(int)):
        frame, joints = frames.read(int(i)), truth.joints_m[i]
        pixels, middle = project(joints, frame.camera), joints.mean(0)
        u, v = project(middle, frame.camera)
        distance = None if frame.depth_m is None else float(np.linalg.norm(middle))
        region = HandRegion((float(u), float(v)), float(np.ptp(pixels, axis=0).max()), distance)
        crop = make_crop(frame, region, CropSpec(CROP_SIZE_M, BOX_SCALE, size, size))
        if crop is None or crop.rgb is None:
            continue
        yield crop.rgb if frame.depth_m is None or crop.depth is None else np.vstack([crop.rgb, show_depth(crop.depth)])


def show_depth(depth: Array) -> Array:
    """Depth (S, S) in cube units as colours (S, S, 3), near red to far blue, black where nothing is."""
    grey = (255 * (1 - (depth + 1) / 2) * 0.9 + 20).clip(0, 255).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_TURBO))[..., ::-1]
    return np.where(depth[..., None] < 1, colours, 0).astype(np.uint8)


def show_parts(part: Array) -> Array:
    """Parts (S, S) as colours (S, S, 3)."""
    hue = (part.astype(int) * 47 % 180).astype(np.uint8)
    value = np.where(part == NOTHING, 0, np.where(part >= THING, 90, 230)).astype(np.uint8)
    return np.asarray(cv2.cvtColor(np.dstack([hue, np.full_like(hue, 160), value]), cv2.COLOR_HSV2RGB), dtype=np.uint8)


def draw_labels(rgb: Array, labels: Labels, i: int) -> None:
    """Bones (hidden joints dark), box, and the surface points that are seen, drawn into `rgb` (S, S, 3)."""
    size = len(rgb)
    lens = labels.lens[i]
    if not labels.present[i]:
        return
    points = labels.surface[i][labels.seen[i]]
    for u, v in np.rint(points[:, :2] / points[:, 2:] * lens[:2] + lens[2:]).astype(int):
        rgb[v, u] = (80, 160, 255)
    places = np.rint(((labels.joints_2d[i] + 1) * size - 1) / 2).astype(int)
    side = (0, 255, 0) if labels.right[i] else (255, 60, 60)
    for parent, joint in BONES:
        colour = side if labels.visible[i, joint] else tuple(c // 3 for c in side)
        cv2.line(rgb, places[parent].tolist(), places[joint].tolist(), colour, 1)
    if np.isfinite(labels.box[i]).all():
        x, y, width, height = labels.box[i].astype(int).tolist()
        cv2.rectangle(rgb, (x, y), (x + width - 1, y + height - 1), (255, 255, 0), 1)


def arrange(tiles: list[Array], columns: int) -> Array:
    """Tiles (h, w, 3) of one size in rows of `columns`, the last filled with black."""
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])
