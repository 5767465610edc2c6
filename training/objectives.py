"""Losses. Lengths enter in centimetres, so that one is about the size of the errors that matter."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Standard deviations of the decoders' Gaussian likelihoods: what the latent is asked to resolve.
JOINT_SIGMA_M = 0.003
JOINT_2D_SIGMA = 0.04


def kl_to_prior(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, var) || N(0, I)) per sample (B,)."""
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)


def kl_between(mean: Tensor, log_var: Tensor, other_mean: Tensor, other_log_var: Tensor) -> Tensor:
    """KL(N || other) per sample (B,) of diagonal Gaussians (Yang et al. 2019, alignment by KL)."""
    ratio = (log_var - other_log_var).exp()
    shift = (mean - other_mean) ** 2 * torch.exp(-other_log_var)
    return 0.5 * (ratio + shift - 1 - (log_var - other_log_var)).sum(1)


def joints_nll(predicted: tuple[Tensor, Tensor], joints: Tensor, joints_2d: Tensor) -> Tensor:
    """Negative log likelihood per sample (B,), up to a constant, of 3D and 2D joints."""
    error = ((predicted[0] - joints) / JOINT_SIGMA_M) ** 2
    error_2d = ((predicted[1] - joints_2d) / JOINT_2D_SIGMA) ** 2
    return 0.5 * (error.flatten(1).sum(1) + error_2d.flatten(1).sum(1))


def pose_error(predicted: tuple[Tensor, Tensor], joints: Tensor, joints_2d: Tensor) -> Tensor:
    """Mean absolute error per sample (B,): where the hand is, its pose about its own centre, its picture; cm.

    The pose counts more than the place: a hand shifted as a whole is a smaller harm than one bent wrongly.
    """
    difference = (predicted[0] - joints) * 100
    centred = difference - difference.mean(1, keepdim=True)
    place = difference.mean(1).abs().mean(1)
    picture = (predicted[1] - joints_2d).abs().mean((1, 2)) * 13
    return centred.abs().mean((1, 2)) + 0.3 * place + 0.3 * picture


def votes_error(votes: Tensor, joints: Tensor) -> Tensor:
    """Mean absolute error per sample (B,) of votes for joints (B, 21, 3) in half cube edges; cm."""
    return (votes - joints).abs().mean((1, 2)) * 13


def detection(side_logit: Tensor, presence_logit: Tensor, right: Tensor, present: Tensor) -> Tensor:
    """Cross entropy of side (where there is a hand) and presence, a scalar."""
    side = F.binary_cross_entropy_with_logits(side_logit, right, reduction="none")
    presence = F.binary_cross_entropy_with_logits(presence_logit, present)
    return (side * present).sum() / present.sum().clamp(min=1) + presence
