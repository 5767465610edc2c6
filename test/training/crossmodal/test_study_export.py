"""A row's networks as ONNX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from studies import TINY, write_study

from hand_pose_ros.types import HandPoseError
from training.cli import main
from training.crossmodal.config import read_study
from training.crossmodal.export import export_row
from training.crossmodal.run import load_row, run_study


@pytest.mark.parametrize("invariances", ["TSH", "M"])
def test_files_compute_what_the_row_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invariances: str) -> None:
    monkeypatch.setattr("training.crossmodal.run.REAL", tmp_path / "none")
    nets = {
        "encoders": TINY["encoders"] | {"joints": {"net": "palm", "hidden": 8}},
        "decoders": {"joints": {"net": "palm", "hidden": 8, "layers": 2}},
    }
    study, folder = write_study(tmp_path, invariances=invariances, samples=64, **nets), tmp_path / "runs" / "tiny"
    with pytest.raises(HandPoseError, match="run the row 'both' with seed 1 first"):
        export_row(study, "both", 1, folder, tmp_path / "out")
    run_study(study, folder, ["both"])
    assert main(["export", str(study), "--runs", str(folder), "--row", "both", "--bundle", str(tmp_path / "out")]) == 0
    manifest = yaml.safe_load((tmp_path / "out" / "manifest.yaml").read_text())
    assert manifest["row"] == "both" and manifest["invariances"] == invariances and manifest["latent"] == 6
    files = {"encoder_joints.onnx", "encoder_joints_2d.onnx", "decoder_joints.onnx"}
    assert set(manifest["largest_relative_error"]) == files
    model = load_row(read_study(study), "both", 1, folder)
    x, right = torch.randn(5, 21, 2), torch.tensor([1.0, 0, 1, 0, 1])
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "encoder_joints_2d.onnx"))
    given = {"x": x.numpy(), "right": right.numpy()} if "H" in invariances else {"x": x.numpy()}
    mean, log_var = session.run(["mean", "log_var"], given)
    with torch.no_grad():
        expected = model.encode("joints_2d", {"joints_2d": x, "right": right})
    np.testing.assert_allclose(mean, expected[0], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(log_var, expected[1], rtol=1e-3, atol=1e-5)
