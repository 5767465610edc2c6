"""What a trained row reaches: predictions from the source's mean latent, measured in millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from hand_pose_ros.metrics import GRIDS_MM, align_procrustes, auc, joint_errors, mean_error, pcf, pck, per_joint_error
from training.cloud_metrics import chamfer_distance, earth_movers_distance
from training.crossmodal.config import Row
from training.crossmodal.modalities import views
from training.crossmodal.model import CrossModal
from training.hands.model import Array
from training.networks import posterior

BATCH = 250
#: Thresholds that PCK and PCF curves are kept at, millimetres.
CURVE_MM = np.linspace(0, 50, 21)
#: Clouds that are compared, and those whose earth mover's distance is taken: it is exact and slow.
CLOUDS, EMD_CLOUDS = 1000, 100


@torch.no_grad()
def predict(
    model: CrossModal, row: Row, arrays: Mapping[str, Array], source: str, target: str, device: str = "cpu"
) -> tuple[Array, Array]:
    """What `target` decodes to from q(z | source)'s mean, and its truth: (N, 21, 3) or (N, P, 3) metres from the root.

    The units that S divides by are given back, so the true bone length is known here as in the papers.
    """
    predicted, truth = [], []
    for start in range(0, len(arrays["joints"]), BATCH):
        taken = {name: values[start : start + BATCH] for name, values in arrays.items()}
        seen = views(taken, tuple({source, target}), row.invariances, row.points, device)
        expert = model.encode(source, seen)
        # experts that were only ever trained in a product with the prior mean nothing without it
        mean, _ = posterior(expert) if row.strategy == "joint" else expert
        predicted.append((model.decode(target, mean) * seen["unit"]).cpu().numpy())
        truth.append((seen[target] * seen["unit"]).cpu().numpy())
    return np.concatenate(predicted), np.concatenate(truth)


def measure(model: CrossModal, row: Row, arrays: Mapping[str, Array], device: str = "cpu") -> dict[str, Any]:
    """Errors of joints (and of the cloud, where the row decodes one) from the source, numbers for a record.

    Millimetres; mean and median as RGB papers give them; AUC 0 to 1 on the grids 0-50 and 20-50 of 20 points.
    """
    predicted, truth = (x * 1000 for x in predict(model, row, arrays, row.source, "joints", device))
    errors = joint_errors(predicted, truth)
    aligned = joint_errors(align_procrustes(predicted, truth), truth)
    zero_to_fifty, twenty_to_fifty = (GRIDS_MM[name] for name in list(GRIDS_MM)[:2])
    found: dict[str, Any] = {
        "mean_mm": round(mean_error(errors), 3),
        "median_mm": round(per_joint_error(errors)[1], 3),
        "aligned_mm": round(mean_error(aligned), 3),
        "auc_0_50": round(auc(errors, zero_to_fifty), 4),
        "auc_20_50": round(auc(errors, twenty_to_fifty), 4),
        "pck": [round(float(x), 4) for x in pck(errors, CURVE_MM)],
        "pcf": [round(float(x), 4) for x in pcf(errors, CURVE_MM)],
    }
    if "cloud" in model.decoders and "cloud" in arrays:
        found |= _cloud_errors(*(x * 1000 for x in predict(model, row, arrays, row.source, "cloud", device)))
    return found


def _cloud_errors(predicted: Array, truth: Array) -> dict[str, float]:
    pairs = list(zip(predicted[:CLOUDS], truth[:CLOUDS], strict=True))
    near = [chamfer_distance(*pair) for pair in pairs]
    exact = [earth_movers_distance(*pair) for pair in pairs[:EMD_CLOUDS]]
    return {"chamfer_mm": round(float(np.mean(near)), 3), "emd_mm": round(float(np.mean(exact)), 3)}
