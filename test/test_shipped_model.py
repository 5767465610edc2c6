"""The bundles that ship, on the recording that ships: verified, complete, giving what they gave when they were made."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.bundle import load_bundle
from hand_pose_ros.detector import HandDetector
from hand_pose_ros.detector.finders import automatic
from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
from hand_pose_ros.frames_folder import open_folder, read_labels
from hand_pose_ros.types import HandEstimate, Modality

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT / "demo" / "recording"
#: Made by: hand-pose estimate demo/recording --model hand --modalities rgbd -o test/data/golden_hand_rgbd.npz, etc.
GOLDEN = ROOT / "test" / "data"
BUNDLES = ("hand", "hand-l")
EVERY = 6


@cache
def estimates(name: str, modality: Modality) -> list[HandEstimate | None]:
    bundle = load_bundle(ROOT / "models" / name)
    finder = automatic(HandDetector(ROOT / "models" / "detector"), bundle.crop.box_scale)
    estimator = HandEstimator(bundle, options=EstimatorOptions(finder=finder))
    folder = open_folder(RECORDING)
    hands = (estimator.estimate(folder.read(i), modalities=modality) for i in range(0, len(folder), EVERY))
    return [max(found, key=lambda hand: hand.confidence, default=None) for found in hands]


@pytest.mark.parametrize("name", BUNDLES)
def test_the_card_says_what_the_model_was_made_from_and_reaches(name: str) -> None:
    card = load_bundle(ROOT / "models" / name).card
    assert {"trained_on", "seed", "commit", "seconds", "samples", "machine", "accuracy"} <= card.keys()
    assert max(card["export_parity_relative_error"].values()) < 1e-3
    assert {"real_rgbd", "real_rgb"} <= card["accuracy"]["real"].keys()


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("modality", ["rgbd", "depth", "rgb"])
def test_golden_joints(name: str, modality: Modality) -> None:
    """Within 2 mm, or 1 % of the distance for colour alone: other processors round differently."""
    with np.load(GOLDEN / f"golden_{name}_{modality}.npz") as golden:
        expected = golden["joints_m"][::EVERY]
    got = np.stack([np.full((21, 3), np.nan) if hand is None else hand.joints_m for hand in estimates(name, modality)])
    tolerance = 0.01 if modality == "rgb" else 0.002
    np.testing.assert_allclose(got, expected, atol=tolerance)


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("modality", ["rgbd", "depth"])
def test_a_right_hand_is_found_in_every_frame_near_the_true_one(name: str, modality: Modality) -> None:
    labels, bundle = read_labels(RECORDING), load_bundle(ROOT / "models" / name)
    assert labels is not None
    for hand, truth in zip(estimates(name, modality), labels.joints_m[::EVERY], strict=True):
        assert hand is not None
        assert hand.side == "right"
        # a model whose colour brings nothing beside depth does not look at it
        assert hand.modalities == (modality if bundle.crop.rgb_beside_depth else "depth")
        assert np.linalg.norm(hand.joints_m - truth, axis=1).mean() < 0.03
        # its surface is where its joints are
        nearest = np.linalg.norm(hand.cloud_m[:, None] - hand.joints_m[None], axis=2).min(1)
        assert np.median(nearest) < 0.02
