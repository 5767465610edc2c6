"""Windows of photos: around hands, so that they fill the picture as those near the camera do, and beside them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.detector.photos import Scene
from training.detector.samples import VISIBLE

#: Of the longer side of a hand's box, in heights of the window.
SMALLEST, LARGEST = 0.6, 1.0
ASPECT = 4 / 3
#: A window without hands is at least so wide, in widths of the photo.
LEAST_BESIDE = 0.3


def close_ups(rng: np.random.Generator, scene: Scene) -> Iterator[Scene]:
    """A window around each hand, which fills `SMALLEST` to `LARGEST` of its height and lies anywhere in it."""
    size = np.array(scene.rgb.shape[1::-1], np.float64)
    for box in scene.boxes:
        hand = box[2:] - box[:2]
        height = min(float(hand.max()) / rng.uniform(SMALLEST, LARGEST), size[1])
        window = np.array([min(ASPECT * height, size[0]), height])
        left_top = np.clip(box[:2] - rng.uniform(0, 1, 2) * (window - hand), 0, size - window)
        yield _cut(scene, np.concatenate([left_top, left_top + window]))


def beside_hands(scene: Scene) -> Scene | None:
    """The photo left or right of all its hands, whichever is wider; None where neither is wide enough."""
    height, width = scene.rgb.shape[:2]
    left, right = scene.boxes[:, 0].min(initial=width), scene.boxes[:, 2].max(initial=0)
    if max(left, width - right) < LEAST_BESIDE * width:
        return None
    window = (0, 0, left, height) if left > width - right else (right, 0, width, height)
    return _cut(scene, np.array(window, np.float64))


def _cut(scene: Scene, window: np.ndarray) -> Scene:
    """What is in the window (4,) left, top, right, bottom, with the hands of which enough is in it; colour alone."""
    left, top, right, bottom = np.round(window).astype(int)
    whole = scene.boxes - np.array([left, top] * 2)
    cut = np.clip(whole, 0, np.array([right - left, bottom - top] * 2))
    share = np.prod(cut[:, 2:] - cut[:, :2], axis=1) / np.prod(whole[:, 2:] - whole[:, :2], axis=1)
    rgb = np.ascontiguousarray(scene.rgb[top:bottom, left:right])
    return Scene(rgb, None, cut[share >= VISIBLE], scene.right[share >= VISIBLE])
