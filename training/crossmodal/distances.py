"""Reconstruction errors of each modality, scalars over a batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

#: Clouds are dear to compare: this share of a batch is.
CLOUD_SHARE = 4


def reconstruction(modality: str, predicted: Tensor, truth: Tensor, squared: bool, emd_share: float) -> Tensor:
    """The error of one modality's decoder.

    squared: mean squared error throughout, as Spurr et al. (2018); else the norms of Yang et al. (2019): mean distance
    of a joint, sum over joints of a heat map's norm. Clouds: Chamfer distance, on a quarter of the batch, plus, on
    `emd_share` of that, the earth mover's. A picture that is decoded smaller is compared with the truth shrunk to its
    size.
    """
    if modality == "cloud":
        some = -(-len(predicted) // CLOUD_SHARE)
        exact = round(some * emd_share)
        error = chamfer(predicted[:some], truth[:some]).mean()
        return error + earth_mover(predicted[:exact], truth[:exact]).mean() if exact else error
    if modality in ("rgb", "depth", "hand_rgb", "hand_depth"):
        return F.mse_loss(predicted, F.adaptive_avg_pool2d(truth, predicted.shape[-1]))
    if squared:
        return F.mse_loss(predicted, truth)
    if modality == "heat":
        return (predicted - truth).flatten(2).norm(dim=2).sum(1).mean()
    return (predicted - truth).norm(dim=-1).mean()


def chamfer(a: Tensor, b: Tensor) -> Tensor:
    """Chamfer distance (B,), un-squared, both ways added, of clouds (B, N, 3), (B, M, 3)."""
    distance = torch.cdist(a.float(), b.float(), compute_mode="donot_use_mm_for_euclid_dist")
    return distance.amin(2).mean(1) + distance.amin(1).mean(1)


def earth_mover(a: Tensor, b: Tensor) -> Tensor:
    """Earth mover's distance (B,) of clouds (B, N, 3): the least mean distance of pairs, one to one (exact)."""
    with torch.no_grad():
        cost = torch.cdist(a.float(), b.float()).cpu().numpy()
        match = torch.stack([torch.from_numpy(linear_sum_assignment(c)[1]) for c in cost]).to(a.device)
    return (a - b.gather(1, match[..., None].expand_as(a))).norm(dim=-1).mean(1)
