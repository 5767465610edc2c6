"""`hand-pose-train export` of a study: a trained row's networks as ONNX files, to be used without torch.

This is no bundle for the robot: a row's joints are in the units and about the root of its invariances, and nothing is
calibrated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training.crossmodal.benchmark import load_split
from training.crossmodal.config import read_study
from training.crossmodal.data import Draws, Pools
from training.crossmodal.modalities import fields_of
from training.crossmodal.run import load_row
from training.export import write_manifest
from training.onnx_export import export_network


def export_row(path: Path, row_name: str, seed: int, folder: Path, out: Path) -> dict[str, Any]:
    """Write `encoder_<modality>.onnx` (x, right to mean, log_var), `decoder_<modality>.onnx` (z to x) and
    `manifest.yaml` into `out` for the row of the experiment at `path` that was trained below `folder`; returns the
    manifest. Raises HandPoseError where the row was not trained to the end, and where a file does not compute what the
    network does."""
    experiment = read_study(path)
    model, row = load_row(experiment, row_name, seed, folder), experiment.rows[row_name]
    arrays = load_split(experiment.benchmark, "test", fields_of(row.modalities), folder.parent)
    seen = Pools(row, arrays).batch("all", row.modalities, Draws(0, 0, 2), "cpu")
    out.mkdir(parents=True, exist_ok=True)
    errors = {}
    for modality, encoder in model.encoders.items():
        name = f"encoder_{modality}.onnx"
        inputs = {"x": seen[modality], "right": seen["right"]} if encoder.handed else {"x": seen[modality]}
        errors[name] = export_network(out / name, encoder, inputs, ("mean", "log_var"))
    for modality, decoder in model.decoders.items():
        name = f"decoder_{modality}.onnx"
        errors[name] = export_network(out / name, decoder, {"z": torch.zeros(2, row.latent)}, ("x",))
    manifest: dict[str, Any] = {"experiment": experiment.name, "row": row_name, "seed": seed}
    manifest |= {"latent": row.latent, "invariances": row.invariances}
    manifest["largest_relative_error"] = {name: float(f"{error:.1e}") for name, error in errors.items()}
    write_manifest(out, manifest)
    return manifest
