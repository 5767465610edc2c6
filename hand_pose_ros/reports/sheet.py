"""A sheet of the best, the median and the worst frames of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hand_pose_ros import metrics, overlay
from hand_pose_ros.estimator import HandEstimator, SideChoice
from hand_pose_ros.evaluate import nearest_hand
from hand_pose_ros.overlay import Picture
from hand_pose_ros.predict import most_confident
from hand_pose_ros.recordings import NamedFrame, Recording, TrueHand, no_frames
from hand_pose_ros.reports.tiles import draw_tiles
from hand_pose_ros.skeleton import JOINT_COUNT
from hand_pose_ros.types import FloatArray, HandEstimate, HandPoseError, Modality

TILE = 300
UNKNOWN: FloatArray = np.full((JOINT_COUNT, 3), np.nan)


@dataclass(frozen=True)
class _Ranked:
    """How good a frame is: error or uncertainty in mm, lower is better, infinite without a hand; and a caption."""

    name: str
    badness_mm: float
    caption: str


def draw_sheet(
    estimator: HandEstimator,
    recording: Recording,
    *,
    each: int = 3,
    modalities: Modality = "rgbd",
    side: SideChoice = "auto",
) -> Picture:
    """Rows of the `each` best, median and worst frames: colour, depth with ellipses, cloud from two sides.

    Raises HandPoseError when there are none.
    """
    if each < 1:
        raise HandPoseError(f"{each} frames of each kind are none; ask for 1 or more")
    truth = recording.truth()
    # The recording is read twice, so that however long it is, only the frames of the sheet are held.
    ranked = []
    for named in recording.frames():
        hand = most_confident(estimator.estimate(named.frame, box=named.box, modalities=modalities, side=side))
        ranked.append(_rank(named.name, hand, _true_hand(hand, truth.get(named.name, []))))
    if not ranked:
        raise no_frames(recording.path)
    chosen = choose(ranked, each)
    rows: dict[str, list[Picture]] = {}
    for named in recording.frames():
        if named.name in chosen and named.name not in rows:
            hand = most_confident(estimator.estimate(named.frame, box=named.box, modalities=modalities, side=side))
            rows[named.name] = draw_row(named, hand, _true_hand(hand, truth.get(named.name, [])), chosen[named.name])
    return overlay.contact_sheet([tile for name in chosen for tile in rows[name]], 4)


def choose(ranked: list[_Ranked], each: int) -> dict[str, str]:
    """Names and captions of the best, median and worst frames, without repetition, from best to worst."""
    ranked = sorted(ranked, key=lambda one: one.badness_mm)
    count, middle = len(ranked), (len(ranked) - each) // 2
    kinds = {"best": range(each), "median": range(middle, middle + each), "worst": range(count - each, count)}
    chosen: dict[str, str] = {}
    for kind, places in kinds.items():
        for place in places:
            if 0 <= place < count and ranked[place].name not in chosen:
                chosen[ranked[place].name] = f"{kind}: {ranked[place].name}, {ranked[place].caption}"
    return chosen


def draw_row(named: NamedFrame, hand: HandEstimate | None, truth: TrueHand | None, caption: str) -> list[Picture]:
    """Four tiles of one frame, the first with its caption."""
    joints_m, true_m = hand.joints_m if hand else UNKNOWN, truth.joints_m if truth else UNKNOWN
    covariance = hand.joint_cov_m2 if hand else np.full((JOINT_COUNT, 3, 3), np.nan)
    cloud_m = hand.cloud_m if hand else None
    colour, *others = draw_tiles(named.frame, joints_m, covariance, true_m, cloud_m, TILE)
    return [overlay.write_text(colour, caption, scale=0.38), *others]


def write_picture(path: Path, picture: Picture) -> None:
    """Raises HandPoseError where the picture cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except (OSError, cv2.error):
        written = False
    if not written:
        raise HandPoseError(f"{path}: cannot be written; end the name in .png or .jpg, in a folder you may write to")


def _true_hand(hand: HandEstimate | None, hands: list[TrueHand]) -> TrueHand | None:
    return nearest_hand(hand.joints_m if hand else UNKNOWN, hands)


def _rank(name: str, hand: HandEstimate | None, truth: TrueHand | None) -> _Ranked:
    if hand is None:
        return _Ranked(name, float("inf"), "no hand found")
    if truth is None:
        sigma = 1e3 * float(np.sqrt(np.trace(hand.joint_cov_m2, axis1=1, axis2=2) / 3).mean())
        return _Ranked(name, sigma, f"sigma {sigma:.1f} mm")
    relative = [metrics.wrist_relative(joints[None]) for joints in (hand.joints_m, truth.joints_m)]
    error = 1e3 * metrics.mean_error(metrics.joint_errors(*relative))
    return _Ranked(name, error, f"{error:.1f} mm")
