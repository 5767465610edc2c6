"""Labels for real hands: where a model, looking at a hand many times, says that its joints are, kept where its looks
agree and the fingers are as the picture's class tells."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.crop import CropSpec, make_crop, to_crop
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.region import region_from_joints
from hand_pose_ros.skeleton import FINGERS
from hand_pose_ros.types import FloatArray, HandEstimate, HandPoseError, HandRegion, PinholeCamera, RgbdFrame, Side
from training.pseudo.sources import RealHand

#: Of the photos' cameras nothing is known: a webcam's angle of view, across.
FOCAL_IN_WIDTHS = 1.0
#: Further looks at a hand: regions moved by so much of their size, and scaled by so much; standard deviations.
LOOKS, MOVED, SCALED = 6, 0.05, 0.12
#: Joints about their wrist of these looks differ by less, metres, root mean square, or the hand is left out.
AGREED_M = 0.01
#: Looks have to see the same side in so many of them.
SAME_SIDE = 0.8
#: A finger whose tip is so far from its knuckle, as a share of its length, is stretched, and below the other one bent.
STRETCHED, BENT = 0.85, 0.8
#: Pictures of labelled hands: pixels a side, and how much of the region around the joints they show.
PATCH_PX, PATCH_SCALE = 160, 1.8


@dataclass(frozen=True)
class PseudoLabels:
    """N hands, all as right ones (left hands are mirrored). rgb: (N, PATCH_PX, PATCH_PX, 3) uint8. alpha: (N, PATCH_PX,
    PATCH_PX) uint8, 255 where the hand is, or where it cannot be cut out, where the photo is. tan_half: (N,) of half
    the picture. joints: (N, 21, 3), surface: (N, 256, 3) metres, in the frame of the picture's camera. spread: (N,)
    metres, by how much the looks differ."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    tan_half: FloatArray
    joints: FloatArray
    surface: FloatArray
    spread: FloatArray


def label(hands: Iterable[RealHand], estimator: HandEstimator, seed: int = 0) -> tuple[PseudoLabels, dict[str, int]]:
    """Labels of the hands that are kept, and of how many hands were 'kept' or left out, by why."""
    kept: list[tuple] = []
    tally = {"kept": 0, "side unclear": 0, "looks differ": 0, "other fingers": 0}
    for number, hand in enumerate(hands):
        frame = frame_of(hand)
        looks = _look(np.random.default_rng([seed, number]), frame, hand, estimator)
        if not looks:
            tally["side unclear"] += 1
            continue
        points = np.mean([np.concatenate([one.joints_m, one.cloud_m]) for one in looks], axis=0)
        joints, about_wrist = points[:21], np.stack([one.joints_m - one.joints_m[0] for one in looks])
        spread = float(np.sqrt(((about_wrist - about_wrist.mean(0)) ** 2).sum(-1).mean()))
        region = region_from_joints(joints, frame.camera)
        if spread > AGREED_M or region is None:
            tally["looks differ"] += 1
        elif not fingers_fit(joints, hand.stretched):
            tally["other fingers"] += 1
        else:
            tally["kept"] += 1
            kept.append((*_patch(frame, hand.alpha, region, points, looks[0].side), spread))
    columns = list(zip(*kept, strict=True)) or [()] * len(fields(PseudoLabels))
    return PseudoLabels(*(np.array(column) for column in columns)), tally


def frame_of(hand: RealHand) -> RgbdFrame:
    """Its picture through a webcam's lens."""
    height, width = hand.rgb.shape[:2]
    focal = FOCAL_IN_WIDTHS * width
    camera = PinholeCamera(focal, focal, width / 2 - 0.5, height / 2 - 0.5, width, height)
    return RgbdFrame(rgb=hand.rgb, depth_m=None, camera=camera, stamp_ns=0)


def save_labels(path: Path, labels: PseudoLabels) -> None:
    np.savez_compressed(path, **vars(labels))


def load_labels(path: Path) -> PseudoLabels:
    """Raises HandPoseError where the file is missing, no such file or without a hand."""
    labels = PseudoLabels(**_read(path, *(field.name for field in fields(PseudoLabels))))
    if not len(labels.rgb):
        raise HandPoseError(f"{path} has no labelled hands: learn without it")
    return labels


def count_labels(path: Path) -> int:
    """How many hands the file has, without reading their pictures; raises HandPoseError as `load_labels`."""
    return len(_read(path, "spread")["spread"])


def _read(path: Path, *names: str) -> dict[str, NDArray]:
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise HandPoseError(
            f"cannot read labels from {path} ({error}); make them with `hand-pose-train label`"
        ) from error


def camera_of(labels: PseudoLabels, k: int) -> PinholeCamera:
    """The camera of hand k's picture."""
    focal, middle = PATCH_PX / 2 / float(labels.tan_half[k]), PATCH_PX / 2 - 0.5
    return PinholeCamera(focal, focal, middle, middle, PATCH_PX, PATCH_PX)


def _look(rng: np.random.Generator, frame: RgbdFrame, hand: RealHand, estimator: HandEstimator) -> list[HandEstimate]:
    """Estimates of one hand from regions around its box, all of one side; none where it is unclear which."""
    x, y, width, height = hand.box
    middle, size = np.array([x + width / 2, y + height / 2]), float(max(width, height))
    regions = []
    for _ in range(LOOKS):
        u, v = middle + rng.normal(0, MOVED * size, 2)
        regions.append(HandRegion((float(u), float(v)), size * float(np.exp(rng.normal(0.05, SCALED))), None))
    side: Side | None = hand.side
    if side is None:
        seen = [one.side for one in estimator.estimate(frame, regions=regions)]
        rights = seen.count("right")
        if max(rights, len(seen) - rights) < SAME_SIDE * LOOKS:
            return []
        side = "right" if 2 * rights > len(seen) else "left"
    looks = estimator.estimate(frame, regions=regions, side=side)
    return looks if len(looks) == LOOKS else []


def fingers_fit(joints: FloatArray, stretched: NDArray[np.bool_]) -> bool:
    """Whether index to little finger of joints (21, 3) are as one of the rows of `stretched` (P, 4) says."""
    reach = np.array([finger_reach(joints[list(FINGERS[name])]) for name in ("index", "middle", "ring", "little")])
    return bool(np.where(stretched, reach > STRETCHED, reach < BENT).all(1).any())


def finger_reach(chain: FloatArray) -> float:
    """How far the tip of a finger (4, 3), knuckle to tip, is from its knuckle, as a share of its length."""
    length = np.linalg.norm(np.diff(chain, axis=0), axis=1).sum()
    return float(np.linalg.norm(chain[-1] - chain[0]) / length)


def _patch(
    frame: RgbdFrame, alpha: NDArray[np.uint8] | None, region: HandRegion, points: FloatArray, side: Side
) -> tuple:
    """The first five of PseudoLabels' columns for one hand with joints and surface `points` (277, 3) in the camera's
    frame."""
    spec = CropSpec(size_m=1.0, box_scale=PATCH_SCALE, rgb_size=PATCH_PX)
    shown = [frame.rgb, np.full_like(frame.rgb, 255) if alpha is None else np.repeat(alpha[..., None], 3, axis=2)]
    rgb, own = (make_crop(replace(frame, rgb=picture), region, spec, mirrored=side == "left") for picture in shown)
    assert rgb is not None and rgb.rgb is not None and own is not None and own.rgb is not None  # there is colour
    joints, surface = np.split(to_crop(rgb, points).astype(np.float32), [21])
    return rgb.rgb, own.rgb[..., 0], rgb.tan_half, joints, surface
