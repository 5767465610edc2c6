"""Endless batches for the detector: photos and rendered scenes, moved, turned, coloured and seen through one camera,
the other or both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np

from hand_pose_ros.detector.letterbox import Letterbox, depth_channels
from training.detector.network import HEIGHT, WIDTH
from training.detector.objective import Array, targets
from training.detector.photos import Photo, Scene
from training.networks import RGB_MEAN

#: Depth is shown as z over this, metres: beyond twice it, all is far.
DEPTH_SPAN_M = 0.8
#: A hand of which less than this is in the picture is none to be found.
VISIBLE = 0.4
EMPTY = tuple(round(255 * value) for value in RGB_MEAN)
#: Share of pictures put together from the halves of two, so that hands are also small, many and beside each other.
HALVES = 0.15


@dataclass(frozen=True)
class DetectorBatch:
    """rgb: (B, H, W, 3) uint8. depth: (B, 2, H, W). seen: (B, 2). The rest: `objective.targets`."""

    rgb: Array
    depth: Array
    seen: Array
    heat: Array
    box: Array
    side: Array
    box_weight: Array
    side_weight: Array


def detector_batches(
    seed: int, batch: int, photos: Sequence[Photo], scenes: Sequence[Scene], share: float
) -> Iterator[DetectorBatch]:
    """share: of the pictures that are photos, the others being rendered scenes."""
    store = [_small(photo.read()) for photo in photos]
    for index in count():
        rng = np.random.default_rng([seed, index])
        rows = []
        for _ in range(batch):
            scene = _draw(rng, store, scenes, share)
            if rng.random() < HALVES:
                scene = halves(scene, _draw(rng, store, scenes, share))
            rows.append(_row(rng, scene))
        yield DetectorBatch(**{key: np.stack([row[key] for row in rows]) for key in rows[0]})


def _draw(rng: np.random.Generator, photos: Sequence[Scene], scenes: Sequence[Scene], share: float) -> Scene:
    of_photos = not scenes or (bool(photos) and rng.random() < share)
    chosen = photos if of_photos else scenes
    return augmented(rng, chosen[int(rng.integers(len(chosen)))])


def _row(rng: np.random.Generator, scene: Scene) -> dict[str, Array]:
    seen = np.array([1.0, 0.0 if scene.depth_m is None else 1.0], np.float32)
    if scene.depth_m is not None:
        seen = np.array([[1, 1], [0, 1], [1, 0]], np.float32)[rng.choice(3, p=[0.35, 0.35, 0.3])]
    depth = np.zeros((2, HEIGHT, WIDTH), np.float32)
    if scene.depth_m is not None and seen[1]:
        depth = depth_channels(scene.depth_m, DEPTH_SPAN_M)
    row: dict[str, Array] = {"rgb": scene.rgb, "depth": depth, "seen": seen}
    return row | targets(scene.boxes, scene.right)


def augmented(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene in the network's frame: flipped, turned by up to 20°, moved and scaled, and in other colours."""
    height, width = scene.rgb.shape[:2]
    fit = Letterbox.of(width, height, WIDTH, HEIGHT)
    scale = fit.scale * np.exp(rng.uniform(np.log(0.5), np.log(1.6)))
    turn = np.radians(rng.uniform(-20, 20)) * (rng.random() < 0.5)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([flip, 1.0])
    room = np.maximum(np.array([WIDTH, HEIGHT]) - scale * np.array([width, height]), 0) / 2
    spare = np.maximum(scale * np.array([width, height]) - np.array([WIDTH, HEIGHT]), 0) / 2
    middle = np.array([WIDTH, HEIGHT]) / 2 + rng.uniform(-1, 1, 2) * (room + spare + 0.1 * np.array([WIDTH, HEIGHT]))
    shift = middle - linear @ (np.array([width, height]) / 2)
    centred = np.column_stack([linear, shift + linear @ [0.5, 0.5] - 0.5])  # between the centres of pixels
    rgb = cv2.warpAffine(scene.rgb, centred, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=EMPTY)
    depth_m = None
    if scene.depth_m is not None:
        # a picture that is scaled shows its things nearer or farther, to a camera with the same lens
        z = cv2.warpAffine(scene.depth_m, centred, (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST)
        depth_m = z * np.float32(fit.scale / scale)
    boxes, right = _moved(scene.boxes, scene.right, linear, shift)
    if flip < 0:
        right = 1 - right
    return Scene(_recoloured(rng, np.asarray(rgb, np.uint8)), depth_m, boxes, right)


def _moved(boxes: Array, right: Array, linear: Array, shift: Array) -> tuple[Array, Array]:
    """Boxes around the ellipses in the boxes, moved and cut at the frame; those of which too little is left are out."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ linear.T + shift
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (linear**2).T)
    whole = np.hstack([centre - half, centre + half])
    cut = np.clip(whole, 0, np.array([WIDTH, HEIGHT] * 2))
    share = np.prod(cut[:, 2:] - cut[:, :2], axis=1) / np.maximum(np.prod(2 * half, axis=1), 1e-9)
    return cut[share >= VISIBLE], right[share >= VISIBLE]


def halves(one: Scene, other: Scene) -> Scene:
    """The left half of one picture beside the right half of the other, both without depth."""
    rgb = np.concatenate([one.rgb[:, : WIDTH // 2], other.rgb[:, WIDTH // 2 :]], axis=1)
    boxes, right = [], []
    for scene, low, high in ((one, 0, WIDTH // 2), (other, WIDTH // 2, WIDTH)):
        cut = scene.boxes.copy()
        cut[:, 0::2] = np.clip(cut[:, 0::2], low, high)
        whole = np.maximum(scene.boxes[:, 2] - scene.boxes[:, 0], 1e-9)
        stays = (cut[:, 2] - cut[:, 0]) / whole >= VISIBLE
        boxes.append(cut[stays])
        right.append(scene.right[stays])
    return Scene(rgb, None, np.concatenate(boxes), np.concatenate(right))


def _recoloured(rng: np.random.Generator, rgb: Array) -> Array:
    """Another exposure, white balance, saturation, noise and sharpness."""
    picture = 255 * (rgb / np.float32(255)) ** np.float32(np.exp(rng.normal(0, 0.25)))
    picture *= (np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.08, 3))).astype(np.float32)
    grey = picture.mean(2, keepdims=True)
    picture = grey + (picture - grey) * np.float32(rng.uniform(0.4, 1.3))
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    picture += rng.normal(0, 1, picture.shape).astype(np.float32) * np.float32(rng.exponential(2.5))
    return picture.clip(0, 255).astype(np.uint8)


def _small(scene: Scene) -> Scene:
    """Twice the network's resolution, which is all that is ever shown."""
    scale = min(1.0, 2 * Letterbox.of(scene.rgb.shape[1], scene.rgb.shape[0], WIDTH, HEIGHT).scale)
    size = round(scene.rgb.shape[1] * scale), round(scene.rgb.shape[0] * scale)
    rgb = np.asarray(cv2.resize(scene.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Scene(rgb, scene.depth_m, scene.boxes * scale, scene.right)
