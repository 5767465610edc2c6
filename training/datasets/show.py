"""What readers give, to look at and to evaluate on: sheets of labelled pictures, and frames folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from hand_pose_ros import overlay
from hand_pose_ros.camera import project
from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.overlay import Picture
from hand_pose_ros.types import FloatArray, HandPoseError
from training.datasets.sample import HandSample

COLUMNS = 4
TILE = 300
#: Around the labelled joints, of the larger side of their box, on every side.
BOX_MARGIN = 0.15


def draw_samples(samples: Sequence[HandSample]) -> Picture:
    """A sheet of the samples: 2D joints in the fingers' colours over 3D joints, projected, in white.

    Where white shows, the two disagree. Thumb orange, index green, middle blue, ring pink, little red.
    """
    if not samples:
        raise HandPoseError("there is no sample to show; take another split or fewer steps between samples")
    return overlay.contact_sheet([draw_sample(sample) for sample in samples], min(COLUMNS, len(samples)))


def draw_sample(sample: HandSample) -> Picture:
    """One sample, cut out around its joints."""
    rgb, depth_m = sample.pictures()
    if rgb is None:
        assert depth_m is not None, "a sample has a picture"
        near = sample.joints_m[sample.valid, 2]
        rgb = overlay.colour_depth(depth_m, *((near.min() - 0.05, near.max() + 0.05) if near.size else ()))
    picture, to_tile = overlay.crop_around(rgb, sample.joints_px, size=TILE)
    if sample.camera is not None:
        projected = project(sample.joints_m, sample.camera)
        picture = overlay.draw_truth(picture, overlay.move_points(projected, to_tile))
    picture = overlay.draw_skeleton(picture, overlay.move_points(sample.joints_px, to_tile))
    return overlay.write_text(picture, f"{sample.name[-30:]} {sample.side or 'side unknown'}", scale=0.38)


def write_frames(folder: Path, samples: Iterable[HandSample]) -> int:
    """Writes samples as a frames folder, on which `hand-pose evaluate` runs, and returns their number.

    The box is the published one or else around the labelled joints. Raises HandPoseError for a set without cameras or
    sides, which a frames folder needs.
    """
    chosen = list(samples)
    if not chosen:
        raise HandPoseError("there is no sample to write; take another split or fewer steps between samples")
    for sample in chosen:
        if not sample.side:
            raise HandPoseError(f"{sample.name}: the data set does not tell left from right, so it is no ground truth")
    write_folder(
        folder,
        [sample.name for sample in chosen],
        (sample.frame() for sample in chosen),
        joints_m=np.array([sample.joints_m for sample in chosen]),
        side=[sample.side for sample in chosen],
        boxes=np.array([box(sample) for sample in chosen]),
        jpeg_quality=98,
    )
    return len(chosen)


def box(sample: HandSample) -> FloatArray:
    """x, y, w, h in pixels: as published, or around the joints with a margin."""
    if sample.box_px is not None:
        return sample.box_px
    points = sample.joints_px[sample.valid_px]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = BOX_MARGIN * (high - low).max()
    return np.concatenate([low - margin, high - low + 2 * margin])
