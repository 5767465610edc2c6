"""Batches of pseudo-labelled hands, moved, turned, before other backgrounds and through other cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.camera import project
from hand_pose_ros.crop import CropSpec, make_crop, to_crop, turn
from hand_pose_ros.types import HandCrop, HandRegion, RgbdFrame
from training.hands.appearance import LINEAR, Backgrounds, through_lens
from training.hands.look import sample_looks
from training.hands.pictures import RgbBatch
from training.hands.samples import SURFACE_POINTS, generators
from training.pseudo.teacher import PATCH_PX, PseudoLabels, camera_of, load_labels

#: A crop's middle misses the hand's, in metres there, standard deviation; its side is the hand's times one of these.
MISSED_M, FRAMED = 0.013, (1.05, 1.5)
#: Turned about the line of sight, radians, standard deviation.
TURNED = 0.8
#: Share that shows left hands, as in hands.scene.SceneSettings.
MIRRORED = 0.25


def pseudo_batches(
    seed: int, batch: int, size: int, labels: PseudoLabels, backgrounds: Path | None
) -> Iterator[RgbBatch]:
    """Endless batches, with the fields of synthetic ones."""
    photos = Backgrounds(backgrounds)
    for rng in generators(seed):
        picked = rng.integers(len(labels.rgb), size=batch)
        looks = sample_looks(rng, batch)
        rooms = photos.patches(rng, batch, PATCH_PX)
        right = rng.random(batch) >= MIRRORED
        rgb = np.empty((batch, size, size, 3), np.uint8)
        tan_half, points = np.empty(batch, np.float32), np.empty((batch, 21 + SURFACE_POINTS, 3), np.float32)
        joints_2d = np.empty((batch, 21, 2), np.float32)
        for i, k in enumerate(picked):
            share = labels.alpha[k][..., None] / np.float32(255)
            picture = np.rint(rooms[i] + share * (labels.rgb[k] - rooms[i].astype(np.float32))).astype(np.uint8)
            crop, distance = framed(rng, picture, labels, int(k), size)
            light = np.asarray(cv2.LUT(np.asarray(crop.rgb), LINEAR))
            rgb[i] = through_lens(light, looks[i], int(rng.integers(2**31)), size / 128)
            ahead = to_crop(crop, np.concatenate([labels.joints[k], labels.surface[k]]))
            tan_half[i], points[i] = crop.tan_half, ahead - [0.0, 0.0, distance]
            joints_2d[i] = ahead[:21, :2] / ahead[:21, 2:] / crop.tan_half
        rgb = np.where(right[:, None, None, None], rgb, rgb[:, :, ::-1])
        flags = right.astype(np.float32), np.ones(batch, np.float32)
        yield RgbBatch(rgb, points[:, 21:], points[:, :21], joints_2d, tan_half, *flags)


def framed(
    rng: np.random.Generator, rgb: NDArray[np.uint8], labels: PseudoLabels, k: int, size: int
) -> tuple[HandCrop, float]:
    """Hand `k` in the picture `rgb` as a detector would frame it, and the distance in metres to the crop's centre."""
    camera = camera_of(labels, k)
    frame = RgbdFrame(rgb=rgb, depth_m=None, camera=camera, stamp_ns=0)
    joints = labels.joints[k]
    centre = joints.mean(0) + rng.normal(0, MISSED_M, 3)
    u, v = project(centre, camera)
    side = 2 * float(np.abs(project(joints, camera) - (u, v)).max())
    spec = CropSpec(size_m=1.0, box_scale=float(rng.uniform(*FRAMED)), rgb_size=size)
    crop = make_crop(frame, HandRegion((float(u), float(v)), side, None), spec)
    assert crop is not None  # there is colour
    turned = turn(frame, crop, spec, float(rng.normal(0, TURNED)))
    assert turned is not None
    return turned, float(np.linalg.norm(centre))


def beside(
    seed: int,
    synthetic: Callable[[int], Iterator[RgbBatch]],
    labels: Path,
    batch: int,
    size: int,
    backgrounds: Path | None,
) -> Iterator[RgbBatch]:
    """Each of the `synthetic` batches of this seed with `batch` hands of the file `labels` behind it."""
    real = pseudo_batches(seed, batch, size, load_labels(labels), backgrounds)
    for ours, theirs in zip(synthetic(seed), real, strict=True):
        yield RgbBatch(*(np.concatenate(pair) for pair in zip(vars(ours).values(), vars(theirs).values(), strict=True)))
