"""Synthetic bags: what evaluation reads from them is what was filmed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.recordings import open_recording
from hand_pose_ros.types import HandPoseError
from training.cli import main
from training.hands.recording import Film

FRAMES = 2


def test_a_bag_holds_what_was_filmed_with_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", str(tmp_path / "film.mcap"), "--frames", str(FRAMES), "--seed", "3"]) == 0
    assert f"{FRAMES} frames in the bag {tmp_path / 'film'}" in capsys.readouterr().out
    assert (tmp_path / "film" / "film.mcap").is_file()
    bag = open_recording(tmp_path / "film")
    truth, samples = bag.truth(), list(bag.frames())
    filmed = list(Film(FRAMES, 3).shoot())
    assert len(samples) == len(truth) == FRAMES
    for sample, (frame, joints) in zip(samples, filmed, strict=True):
        (hand,) = truth[sample.name]
        np.testing.assert_allclose(hand.joints_m, joints, atol=1e-9)
        assert hand.side == "right"
        np.testing.assert_array_equal(sample.frame.rgb, frame.rgb)
        assert sample.frame.depth_m is not None and frame.depth_m is not None
        np.testing.assert_allclose(sample.frame.depth_m, frame.depth_m, atol=6e-4)
        assert sample.frame.camera == frame.camera
    with pytest.raises(HandPoseError, match="exists already"):
        from training.hands.bag import record_bag

        record_bag(tmp_path / "film", Film(FRAMES))
