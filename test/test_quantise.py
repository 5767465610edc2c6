"""Variants of the shipped bundle: they load, say what they are, and see what the original sees."""

import math
from pathlib import Path

import numpy as np
import pytest

from hand_pose_ros.bundle import Bundle, load_bundle
from hand_pose_ros.cli import main
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.recordings import open_recording
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

pytest.importorskip("onnx", reason="quantising needs onnx, which running a bundle does not")
import onnx

from hand_pose_ros.quantise import quantise

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def frames() -> list[RgbdFrame]:
    every = [named.frame for named in open_recording(ROOT / "demo" / "recording").frames()]
    return every[::12]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(ROOT / "models" / "hand-l")


@pytest.mark.parametrize(("kind", "tolerance_m"), [("int8", 0.0015), ("fp16", 0.001)])
def test_a_variant_sees_what_the_original_sees(tmp_path, bundle, frames, kind, tolerance_m):
    variant = quantise(bundle, tmp_path / kind, kind, frames)
    assert variant.version == f"{bundle.version}-{kind}" and variant.hash != bundle.hash
    assert variant.card["made_from"] == f"{bundle.name} {bundle.version} ({bundle.hash})"
    assert variant.card["original"] == bundle.card
    assert (variant.card["calibrated_on_pictures"] > 0) == (kind == "int8")
    for key, path in variant.encoders.items():
        weights = sum(math.prod(tensor.dims) for tensor in onnx.load(bundle.encoders[key]).graph.initializer)
        assert path.stat().st_size < 2.5 * weights  # bytes; those of the original may be in half precision already
    before, after = HandEstimator(bundle), HandEstimator(variant)
    apart = [
        np.linalg.norm(before.estimate(frame)[0].joints_m - after.estimate(frame)[0].joints_m, axis=1)
        for frame in frames
    ]
    assert 0 < np.median(apart) < tolerance_m


def test_a_recording_without_hands_cannot_calibrate(tmp_path, bundle):
    empty = RgbdFrame(PinholeCamera(100.0, 100.0, 16.0, 12.0, 32, 24), None, np.zeros((24, 32), np.float32))
    with pytest.raises(HandPoseError, match="the recording shows no hand to the encoders rgb, depth"):
        quantise(bundle, tmp_path / "out", "int8", [empty])
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert main(["quantise", "hand", "-o", str(tmp_path / "out"), "--fp16"]) == 2
    assert "is there already" in capsys.readouterr().err
