"""A trained latent space seen from within: do modalities meet in it, and is what is sampled from it a hand?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from hand_pose_ros.metrics import bootstrap_interval
from training.crossmodal.bones import Limits
from training.crossmodal.config import Row
from training.crossmodal.evaluate import BATCH
from training.crossmodal.modalities import MEAN_BONE_M, views
from training.crossmodal.model import CrossModal
from training.crossmodal.palm import split_palm
from training.hands.model import Array

#: Latents sampled from the prior.
SAMPLES = 2000
NEIGHBOURS = 15
#: Hands among which one is to be found again.
RETRIEVED = 500


@torch.no_grad()
def encode_all(model: CrossModal, row: Row, arrays: Mapping[str, Array]) -> dict[str, tuple[Array, Array]]:
    """Mean and log variance (N, D) of q(z | x) by modality, for every modality that the model encodes."""
    found: dict[str, list[tuple[Tensor, Tensor]]] = {m: [] for m in model.encoders}
    for start in range(0, len(arrays["joints"]), BATCH):
        taken = {name: values[start : start + BATCH] for name, values in arrays.items()}
        seen = views(taken, tuple(found), row.invariances, row.points)
        for modality, experts in found.items():
            experts.append(model.encode(modality, seen))
    return {
        modality: (torch.cat([m for m, _ in experts]).numpy(), torch.cat([v for _, v in experts]).numpy())
        for modality, experts in found.items()
    }


def modality_accuracy(latents: Mapping[str, Array]) -> dict[str, float]:
    """How often a classifier names the modality that a latent (N, D) came from; `chance` is the goal.

    Trained on the first half of the hands, asked about the others: a linear one, and one that looks at neighbours.
    """
    half = len(next(iter(latents.values()))) // 2
    train, test = (np.concatenate([z[part] for z in latents.values()]) for part in (slice(half), slice(half, None)))
    names = list(latents)
    known = np.repeat(names, half)
    asked = np.concatenate([[name] * (len(z) - half) for name, z in latents.items()])
    judges = {"linear": LogisticRegression(max_iter=1000), "neighbours": KNeighborsClassifier(NEIGHBOURS)}
    found = {"chance": 1 / len(names)}
    for name, judge in judges.items():
        found[name] = float(make_pipeline(StandardScaler(), judge).fit(train, known).score(test, asked))
    return found


def retrieval(encoded: Mapping[str, tuple[Array, Array]], within: int) -> dict[str, dict[str, float]]:
    """How often the same hand, seen in another modality, is among the `within` likeliest of all hands: [from][to].

    encoded: means and log variances (N, D). Likely are hands whose two posteriors overlap, so that what a modality
    leaves open does not count: ∫ q(z | a) q(z | b) dz is a Gaussian of the means' difference.
    """
    experts = {name: [torch.from_numpy(x) for x in expert] for name, expert in encoded.items()}
    rates: dict[str, dict[str, float]] = {}
    for source, (mean, log_var) in experts.items():
        rates[source] = {}
        for target, (other, other_log_var) in experts.items():
            if source != target:
                overlap = torch.stack(
                    [_log_overlap(m, v, other, other_log_var) for m, v in zip(mean, log_var, strict=True)]
                )
                likelier = (overlap > overlap.diagonal()[:, None]).sum(1)
                rates[source][target] = float((likelier < within).float().mean())
    return rates


def _log_overlap(mean: Tensor, log_var: Tensor, means: Tensor, log_vars: Tensor) -> Tensor:
    """Of one Gaussian (D,) with others (N, D), up to a constant."""
    variance = log_var.exp() + log_vars.exp()
    return -0.5 * ((mean - means) ** 2 / variance + variance.log()).sum(1)


@torch.no_grad()
def validity(
    model: CrossModal, limits: Limits, joints: Tensor, known: Tensor, latent: int, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Whether samples of the prior are hands; hands `joints` (N, 21, 3) of the test split for comparison, and the same
    with each joint moved by a tenth of a bone.

    bones, palm, bends, all: share that keeps the limits, percent, with the interval of `all` (`low`, `high`);
    violation: by how much they are left (`Limits.penalty`, times 100). nearest: mm to the nearest of `known` hands
    (K, 21, 3), palms laid over each other. A sample does not say which side it is, so it may be valid as either; so may
    a real hand.
    """
    generator = torch.Generator().manual_seed(seed)
    sampled = model.decode("joints", torch.randn(SAMPLES, latent, generator=generator))
    noise = joints + 0.1 * torch.randn(joints.shape, generator=generator)
    found = {}
    hands = {"samples of the prior": sampled, "hands of the test split": joints, "the same, shaken": noise}
    for name, given in hands.items():
        sides = [limits.valid(given, torch.full((len(given),), side)) for side in (1.0, 0.0)]
        valid = {key: (sides[0][key] | sides[1][key]).float() for key in sides[0]}
        whole = torch.stack([torch.stack(list(s.values())).all(0) for s in sides]).any(0).float().numpy()
        low, high = bootstrap_interval(whole, lambda x: float(x.mean()))
        found[name] = {key: 100 * float(value.mean()) for key, value in valid.items()}
        penalty = torch.stack([limits.penalty(given, torch.full((len(given),), side)) for side in (1.0, 0.0)])
        found[name]["violation"] = 100 * float(penalty.amin(0).mean())
        found[name] |= {"all": 100 * float(whole.mean()), "low": 100 * low, "high": 100 * high}
        found[name]["nearest"] = float(nearest_hand(given, known).mean())
    return found


@torch.no_grad()
def coverage(model: CrossModal, joints: Tensor, known: Tensor, latent: int, seed: int = 0) -> dict[str, float]:
    """How near the nearest of SAMPLES hands is to hands `joints` (N, 21, 3), mm, palms laid over each other: to samples
    of the prior, and to as many of `known` hands."""
    generator = torch.Generator().manual_seed(seed)
    sampled = model.decode("joints", torch.randn(SAMPLES, latent, generator=generator))
    return {
        "samples": float(nearest_hand(joints, sampled).mean()),
        "known": float(nearest_hand(joints, known[:SAMPLES]).mean()),
    }


def nearest_hand(joints: Tensor, others: Tensor) -> Tensor:
    """Root mean square distance of joints (N,), mm of a hand of mean size, to the nearest of `others` (K, 21, 3), both
    in their palms' frames."""
    a, b = (split_palm(x)[0].flatten(1) for x in (joints, others))
    return torch.cdist(a, b).amin(1) / 21**0.5 * MEAN_BONE_M * 1000


def embed(latents: Mapping[str, Array], hands: int, seed: int = 0) -> dict[str, Array]:
    """t-SNE (hands, 2) of the first `hands` latents, by modality."""
    together = np.concatenate([z[:hands] for z in latents.values()])
    flat = TSNE(perplexity=30, init="pca", random_state=seed).fit_transform(together)
    return dict(zip(latents, flat.reshape(len(latents), -1, 2), strict=True))


@torch.no_grad()
def walk(model: CrossModal, start: Array, end: Array, steps: int) -> dict[str, Array]:
    """What every decoder makes of `steps` latents on the way from `start` (D,) to `end` (D,): (steps, ...)."""
    share = torch.linspace(0, 1, steps)[:, None]
    z = (1 - share) * torch.from_numpy(start) + share * torch.from_numpy(end)
    return {modality: model.decode(modality, z).numpy() for modality in model.decoders}


@torch.no_grad()
def posterior_draws(model: CrossModal, mean: Array, log_var: Array, draws: int, seed: int = 0) -> Array:
    """Joints (draws, 21, 3) of latents drawn from one posterior, mean and log variance (D,)."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(draws, len(mean), generator=generator)
    z = torch.from_numpy(mean) + noise * torch.from_numpy(np.exp(0.5 * log_var))
    return model.decode("joints", z).numpy()


def summary(
    model: CrossModal, row: Row, encoded: Mapping[str, tuple[Array, Array]], joints: Tensor, known: Tensor,
    limits: Limits, within: int = 10,
) -> dict[str, Any]:  # fmt: skip
    """The numbers of this module for one trained model on a test split. encoded: what `encode_all` gives of it; joints
    (N, 21, 3), known (K, 21, 3): its hands, and training hands."""
    rng = np.random.default_rng(0)
    drawn = {m: mean + rng.normal(size=mean.shape) * np.exp(0.5 * log_var) for m, (mean, log_var) in encoded.items()}
    some = {m: (mean[:RETRIEVED], log_var[:RETRIEVED]) for m, (mean, log_var) in encoded.items()}
    return {
        "hands": len(joints),
        "retrieved": min(RETRIEVED, len(joints)),
        "within": within,
        "modality": {
            "means": modality_accuracy({m: mean for m, (mean, _) in encoded.items()}),
            "samples": modality_accuracy(drawn),
        },
        "retrieval": retrieval(some, within),
        "validity": validity(model, limits, joints, known, row.latent),
        "coverage": coverage(model, joints, known, row.latent),
    }
