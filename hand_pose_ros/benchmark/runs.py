"""The estimator timed on a recording's frames, looking for the hand or following it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.predict import Predictions, as_predictions, most_confident
from hand_pose_ros.recordings import NamedFrame
from hand_pose_ros.region import region_from_joints
from hand_pose_ros.types import FloatArray, HandEstimate, HandRegion, Modality, Side


@dataclass(frozen=True)
class Run:
    """Once through a recording. cpu_ms: (N,) time on processors for each frame, of all threads, which a busy machine
    hardly lengthens."""

    predictions: Predictions
    cpu_ms: FloatArray


@dataclass(frozen=True)
class Known:
    """Where a frame's hand is, and which it is, as a tracker knows from the frame before."""

    region: HandRegion
    side: Side


def look(estimator: HandEstimator, frames: Sequence[NamedFrame], modality: Modality) -> Run:
    """The hand is looked for in every frame, or in the frame's box."""
    return _run(frames, lambda k: estimator.estimate(frames[k].frame, box=frames[k].box, modalities=modality))


def follow(
    estimator: HandEstimator,
    frames: Sequence[NamedFrame],
    modality: Modality,
    known: Sequence[Known | None],
    hands: int = 1,
) -> Run:
    """The hand is where it is `known` to be; frames without one are not looked at. With more than one of `hands`, as
    many are estimated there."""

    def estimate(k: int) -> list[HandEstimate]:
        hand = known[k]
        if hand is None:
            return []
        regions, sides = [hand.region] * hands, [hand.side] * hands
        return estimator.estimate(frames[k].frame, regions=regions, side=sides, modalities=modality)

    return _run(frames, estimate)


def find(estimator: HandEstimator, frames: Sequence[NamedFrame], modality: Modality) -> list[Known | None]:
    """Where each frame's hand is, by the estimator itself."""
    known: list[Known | None] = []
    for named in frames:
        hand = most_confident(estimator.estimate(named.frame, box=named.box, modalities=modality))
        region = hand and region_from_joints(hand.joints_m, named.frame.camera)
        known.append(Known(region, hand.side) if hand and region else None)
    return known


def _run(frames: Sequence[NamedFrame], estimate: Callable[[int], list[HandEstimate]]) -> Run:
    hands, latency_ms, cpu_ms = [], [], []
    for k in range(len(frames)):
        wall, cpu = time.perf_counter(), time.process_time()
        hands.append(most_confident(estimate(k)))
        latency_ms.append(1e3 * (time.perf_counter() - wall))
        cpu_ms.append(1e3 * (time.process_time() - cpu))
    return Run(as_predictions([named.name for named in frames], hands, latency_ms), np.array(cpu_ms))
