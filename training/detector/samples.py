"""Endless batches for the detector: photos and rendered scenes, moved, turned, coloured and seen through one camera,
the other or both, with further real hands put in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import cv2
import numpy as np

from hand_pose_ros.detector.letterbox import Letterbox, depth_channels
from training.detector.cutouts import SMALLEST_PX, Cutout, put_in
from training.detector.network import HEIGHT, WIDTH, WINDOW_HEIGHT, WINDOW_WIDTH
from training.detector.objective import Array, targets
from training.detector.photos import Photo, Scene
from training.networks import RGB_MEAN

WINDOW = np.array([WINDOW_WIDTH, WINDOW_HEIGHT], np.float64)
#: Depth is shown as z over this, metres: beyond twice it, all is far.
DEPTH_SPAN_M = 1.28
#: Pictures are scaled by so much at least and at most, beside what the network is shown on the robot; and lenses
#: differ by so much (standard deviation of the logarithm), so that depth and size in pixels do.
SMALLER, LARGER, LENS = 0.4, 1.5, 0.1
#: A hand of which less than this is in the picture is none to be found.
VISIBLE = 0.4
#: Hands in a window are of any size up to this, pixels; one near the camera is larger than the window is high.
LARGEST_SHOWN_PX = 160.0
EMPTY = tuple(round(255 * value) for value in RGB_MEAN)
#: Share of pictures put together from the halves of two, so that hands are also small, many and beside each other.
HALVES = 0.1
#: Of the pictures, where there are rendered rooms as well.
SHARE_OF_PHOTOS = 0.35
#: Share of photos, and of rooms, into which further hands are put.
PUT_INTO_PHOTOS, PUT_INTO_ROOMS = 0.5, 0.15


@dataclass(frozen=True)
class DetectorBatch:
    """rgb: (B, H, W, 3) uint8. depth: (B, 2, H, W). seen: (B, 2). The rest: `objective.targets`."""

    rgb: Array
    depth: Array
    seen: Array
    heat: Array
    box: Array
    box_weight: Array


@dataclass(frozen=True)
class Sources:
    """What is learnt from: photos, rendered rooms, and hands to be put into both. Some may be missing."""

    photos: Sequence[Photo]
    rooms: Sequence[Scene]
    cutouts: Sequence[Cutout]


def detector_batches(seed: int, batch: int, sources: Sources) -> Iterator[DetectorBatch]:
    store = [small(photo.read()) for photo in sources.photos]
    for index in count():
        rng = np.random.default_rng([seed, index])
        rows = []
        for _ in range(batch):
            scene = _draw(rng, store, sources)
            if rng.random() < HALVES:
                scene = halves(scene, _draw(rng, store, sources))
            rows.append(_row(rng, scene))
        yield DetectorBatch(**{key: np.stack([row[key] for row in rows]) for key in rows[0]})


def _draw(rng: np.random.Generator, photos: Sequence[Scene], sources: Sources) -> Scene:
    of_photos = not sources.rooms or (bool(photos) and rng.random() < SHARE_OF_PHOTOS)
    chosen = photos if of_photos else sources.rooms
    scene = moved(rng, chosen[int(rng.integers(len(chosen)))])
    if sources.cutouts and rng.random() < (PUT_INTO_PHOTOS if of_photos else PUT_INTO_ROOMS):
        scene = put_in(rng, scene, sources.cutouts)
    return recoloured(rng, scene)


def _row(rng: np.random.Generator, scene: Scene) -> dict[str, Array]:
    seen = np.array([1.0, 0.0 if scene.depth_m is None else 1.0], np.float32)
    if scene.depth_m is not None:
        seen = np.array([[1, 1], [0, 1], [1, 0]], np.float32)[rng.choice(3, p=[0.35, 0.35, 0.3])]
    depth = np.zeros((2, WINDOW_HEIGHT, WINDOW_WIDTH), np.float32)
    if scene.depth_m is not None and seen[1]:
        depth = depth_channels(scene.depth_m, DEPTH_SPAN_M)
    row: dict[str, Array] = {"rgb": scene.rgb, "depth": depth, "seen": seen}
    return row | targets(scene.boxes)


def moved(rng: np.random.Generator, scene: Scene) -> Scene:
    """A window of the scene, mostly with a hand in it, of any size: flipped, turned by up to 20°, moved and scaled."""
    size = np.array(scene.rgb.shape[1::-1], np.float64)
    whole = Letterbox.of(int(size[0]), int(size[1]), WIDTH, HEIGHT).scale
    scale, place, target = whole * np.exp(rng.uniform(np.log(SMALLER), np.log(LARGER))), size / 2, WINDOW / 2
    if len(scene.boxes) and rng.random() < 0.85:
        left_top, right_bottom = np.split(scene.boxes[int(rng.integers(len(scene.boxes)))], 2)
        wanted_px = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(LARGEST_SHOWN_PX)))
        scale = float(np.clip(wanted_px / (right_bottom - left_top).max(), SMALLER * whole, LARGER * whole))
        place, target = (left_top + right_bottom) / 2, rng.uniform(0.15, 0.85, 2) * WINDOW
    turn = np.radians(rng.uniform(-20, 20)) * (rng.random() < 0.5)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([flip, 1.0])
    # of a larger picture the window shows no more than a little of what is beyond its edge; a smaller one is all in it
    middle = target + linear @ (size / 2 - place)
    spare = np.abs(scale * size - WINDOW) / 2 + 0.05 * WINDOW
    shift = np.clip(middle, WINDOW / 2 - spare, WINDOW / 2 + spare) - linear @ (size / 2)
    centred = np.column_stack([linear, shift + linear @ [0.5, 0.5] - 0.5])  # between the centres of pixels
    shape = WINDOW_WIDTH, WINDOW_HEIGHT
    rgb = cv2.warpAffine(scene.rgb, centred, shape, flags=cv2.INTER_LINEAR, borderValue=EMPTY)
    depth_m = None
    if scene.depth_m is not None:
        # a picture that is scaled shows its things nearer or farther, to a camera with about the same lens
        z = cv2.warpAffine(scene.depth_m, centred, shape, flags=cv2.INTER_NEAREST)
        depth_m = z * np.float32(whole / scale * np.exp(rng.normal(0, LENS)))
    boxes, right = _moved(scene.boxes, scene.right, linear, shift)
    if flip < 0:
        right = 1 - right
    return Scene(np.asarray(rgb, np.uint8), depth_m, boxes, right)


def _moved(boxes: Array, right: Array, linear: Array, shift: Array) -> tuple[Array, Array]:
    """Boxes around the ellipses in the boxes, moved and cut at the frame; those of which too little is left are out."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ linear.T + shift
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (linear**2).T)
    whole = np.hstack([centre - half, centre + half])
    cut = np.clip(whole, 0, np.tile(WINDOW, 2))
    share = np.prod(cut[:, 2:] - cut[:, :2], axis=1) / np.maximum(np.prod(2 * half, axis=1), 1e-9)
    return cut[share >= VISIBLE], right[share >= VISIBLE]


def halves(one: Scene, other: Scene) -> Scene:
    """The left half of one window beside the right half of the other, with depth where both have it."""
    half = WINDOW_WIDTH // 2
    rgb = np.concatenate([one.rgb[:, :half], other.rgb[:, half:]], axis=1)
    depth_m = None
    if one.depth_m is not None and other.depth_m is not None:
        depth_m = np.concatenate([one.depth_m[:, :half], other.depth_m[:, half:]], axis=1)
    boxes, right = [], []
    for scene, low, high in ((one, 0, half), (other, half, WINDOW_WIDTH)):
        cut = scene.boxes.copy()
        cut[:, 0::2] = np.clip(cut[:, 0::2], low, high)
        whole = np.maximum(scene.boxes[:, 2] - scene.boxes[:, 0], 1e-9)
        stays = (cut[:, 2] - cut[:, 0]) / whole >= VISIBLE
        boxes.append(cut[stays])
        right.append(scene.right[stays])
    return Scene(rgb, depth_m, np.concatenate(boxes), np.concatenate(right))


def recoloured(rng: np.random.Generator, scene: Scene) -> Scene:
    """With another exposure, white balance, saturation, noise and sharpness."""
    picture = 255 * (scene.rgb / np.float32(255)) ** np.float32(np.exp(rng.normal(0, 0.25)))
    picture *= (np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.08, 3))).astype(np.float32)
    grey = picture.mean(2, keepdims=True)
    picture = grey + (picture - grey) * np.float32(rng.uniform(0.4, 1.3))
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    picture += rng.normal(0, 1, picture.shape).astype(np.float32) * np.float32(rng.exponential(2.5))
    return replace(scene, rgb=picture.clip(0, 255).astype(np.uint8))


def small(scene: Scene, larger: float = LARGER) -> Scene:
    """The scene `larger` than the network is shown it on the robot, by default as it is ever learnt from; no larger
    than it was."""
    scale = min(1.0, larger * Letterbox.of(scene.rgb.shape[1], scene.rgb.shape[0], WIDTH, HEIGHT).scale)
    size = round(scene.rgb.shape[1] * scale), round(scene.rgb.shape[0] * scale)
    rgb = np.asarray(cv2.resize(scene.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Scene(rgb, scene.depth_m, scene.boxes * scale, scene.right)
