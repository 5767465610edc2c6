"""The detector that ships, on the recording that ships: verified, scored, and finding its hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.detector import HandDetector
from hand_pose_ros.frames_folder import open_folder, read_labels

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT / "demo" / "recording"
EVERY = 10


@pytest.fixture(scope="module", params=["detector", "detector-fp32"])
def detector(request: pytest.FixtureRequest) -> HandDetector:
    return HandDetector(ROOT / "models" / request.param)


def test_the_card_says_what_it_was_made_from_and_reaches(detector: HandDetector) -> None:
    card = detector.bundle.card
    assert {"trained_on", "seed", "commit", "seconds", "samples", "machine", "accuracy"} <= card.keys()
    assert card["export_parity_relative_error"] < 1e-3
    assert card["accuracy"]["held_out_photos"]["hands"] == 330
    assert card["accuracy"]["held_out_photos"]["average_precision"] > 0.95
    assert card["accuracy"]["held_out_people"]["average_precision"] > 0.75
    assert card["accuracy"]["rooms_rgbd"]["average_precision"] > 0.65


@pytest.mark.parametrize("seen", ["rgbd", "rgb"])
def test_it_finds_the_hand_of_the_recording(detector: HandDetector, seen: str) -> None:
    folder, labels = open_folder(RECORDING), read_labels(RECORDING)
    assert labels is not None
    hits = []
    for index in range(0, len(folder), EVERY):
        frame = folder.read(index)
        found = detector.detect(frame if seen == "rgbd" else replace(frame, depth_m=None), most=1)
        pixels = project(labels.joints_m[index], frame.camera)
        middle = found[0].box[:2] + found[0].box[2:] / 2 if found else np.full(2, np.inf)
        hits.append(bool((pixels.min(axis=0) < middle).all() and (middle < pixels.max(axis=0)).all()))
    assert np.mean(hits) > 0.8
