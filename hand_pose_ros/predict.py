"""Runs the estimator over a recording: one hand a frame, the most confident."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.estimator import HandEstimator, SideChoice
from hand_pose_ros.recordings import NamedFrame, no_frames
from hand_pose_ros.skeleton import JOINT_COUNT
from hand_pose_ros.types import FloatArray, HandEstimate, HandPoseError, Modality


@dataclass(frozen=True)
class Predictions:
    """One row per frame; NaN, and side '', where no hand was found.

    frame: (N,) names. joints_m: (N, 21, 3) metres, camera optical frame. joint_cov_m2: (N, 21, 3, 3).
    side: (N,) 'left' or 'right'. confidence: (N,) 0 to 1. latency_ms: (N,), of the estimator, without reading files.
    """

    frame: NDArray[np.str_]
    joints_m: FloatArray
    joint_cov_m2: FloatArray
    side: NDArray[np.str_]
    confidence: FloatArray
    latency_ms: FloatArray

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) whether a hand was found in the frame."""
        return np.asarray(self.side != "")

    def save(self, path: str | Path) -> None:
        """Writes the arrays under their names as an npz; raises HandPoseError where that is not possible."""
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # An open file, because savez would append .npz to a path without it.
            with path.open("wb") as file:
                np.savez_compressed(file, **vars(self))
        except OSError as error:
            raise HandPoseError(f"{path}: cannot be written ({error}); choose another place with -o") from error


def most_confident(hands: list[HandEstimate]) -> HandEstimate | None:
    """The hand that is most surely there, None of none."""
    return max(hands, key=lambda hand: hand.confidence, default=None)


def predict(
    estimator: HandEstimator,
    frames: Iterable[NamedFrame],
    *,
    modalities: Modality = "rgbd",
    side: SideChoice = "auto",
    progress: Callable[[int], None] = lambda done: None,
) -> Predictions:
    """The estimator's most confident hand in each frame; `progress` is told the number of frames done.

    Raises HandPoseError when there are no frames, and naming the frame when one cannot be used.
    """
    names, hands, latency_ms = [], [], []
    for named in frames:
        try:
            start = time.perf_counter()
            estimates = estimator.estimate(named.frame, box=named.box, modalities=modalities, side=side)
            latency_ms.append((time.perf_counter() - start) * 1e3)
        except HandPoseError as error:
            raise HandPoseError(f"frame '{named.name}': {error}") from error
        names.append(named.name)
        hands.append(most_confident(estimates))
        progress(len(names))
    if not names:
        raise no_frames()
    return as_predictions(names, hands, latency_ms)


def as_predictions(
    names: Sequence[str], hands: Sequence[HandEstimate | None], latency_ms: Sequence[float]
) -> Predictions:
    """One row for each frame's name, hand and latency."""
    count = len(names)
    joints_m = np.full((count, JOINT_COUNT, 3), np.nan)
    joint_cov_m2 = np.full((count, JOINT_COUNT, 3, 3), np.nan)
    confidence = np.full(count, np.nan)
    for index, hand in enumerate(hands):
        if hand is not None:
            joints_m[index], joint_cov_m2[index] = hand.joints_m, hand.joint_cov_m2
            confidence[index] = hand.confidence
    sides = [hand.side if hand is not None else "" for hand in hands]
    return Predictions(
        np.array(names, np.str_), joints_m, joint_cov_m2, np.array(sides, "U5"), confidence, np.array(latency_ms)
    )
