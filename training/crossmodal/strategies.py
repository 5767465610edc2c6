"""How a shared latent space is trained: Algorithm 1 of Spurr et al. (2018), and the strategies of Yang et al. (2019).

A row of an experiment becomes a list of steps, each a loss with the hands it may look at and one update of the
weights. Names: x the source, w its auxiliary modalities, y the joints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from training.crossmodal.bones import Limits
from training.crossmodal.config import Row
from training.crossmodal.distances import reconstruction
from training.crossmodal.modalities import LABELS
from training.crossmodal.model import CrossModal, Gaussian, Seen
from training.networks import posterior
from training.objectives import kl_between, kl_to_prior

#: Draws standard normal numbers (B, D) for the batch at hand.
Noise = Callable[[int, int], Tensor]
#: The last argument is how far training is, 0 to 1.
Loss = Callable[[CrossModal, Seen, Noise, float], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True)
class Step:
    """One update: `loss` on a batch from the hands of `pool` (labelled, all, or real pictures without labels)."""

    loss: Loss
    pool: str


def steps_of(row: Row, limits: Limits | None) -> list[Step]:
    """The steps of one round of training; limits: for biomechanical constraints, where the row wants them."""
    if row.strategy == "pairs":
        steps = []
        for source, target in row.pairs:
            needs_labels = any(m in LABELS and m != row.source for m in (source, target))
            steps.append(Step(partial(_pair, row, limits, source, target), "labelled" if needs_labels else "all"))
        if row.real_pictures:
            steps.append(Step(partial(_pair, row, None, "rgb", "rgb"), "real"))
        return steps
    loss = {"cross": _cross, "joint": _joint, "align_kl": _align_kl, "align_poe": _align_poe}[row.strategy]
    steps = [Step(partial(loss, row, limits, ("joints", *row.auxiliary)), "labelled")]
    if row.labelled < 1 and row.weak:
        # hands without a pose still have a picture and a cloud
        steps.append(Step(partial(loss, row, None, row.auxiliary), "all"))
    return steps


def _pair(
    row: Row,
    limits: Limits | None,
    source: str,
    target: str,
    model: CrossModal,
    seen: Seen,
    noise: Noise,
    progress: float,
) -> tuple[Tensor, dict[str, float]]:
    """-ELBO of one pair (Spurr et al. 2018, eq. 5): only q(z | source) and p(target | z) get gradients."""
    expert = model.encode(source, seen)
    return _elbo(row, limits, (target,), model, seen, expert, [expert], noise, progress)


def _cross(
    row: Row,
    limits: Limits | None,
    targets: tuple[str, ...],
    model: CrossModal,
    seen: Seen,
    noise: Noise,
    progress: float,
) -> tuple[Tensor, dict[str, float]]:
    """S1: ELBO(x; y, w)."""
    expert = model.encode(row.source, seen)
    return _elbo(row, limits, targets, model, seen, expert, [expert], noise, progress)


def _joint(
    row: Row,
    limits: Limits | None,
    targets: tuple[str, ...],
    model: CrossModal,
    seen: Seen,
    noise: Noise,
    progress: float,
) -> tuple[Tensor, dict[str, float]]:
    """S2: ELBO(x, w; y, w), q(z | x, w) the product of the prior and both experts."""
    joint = posterior(*(model.encode(m, seen) for m in (row.source, *row.auxiliary)))
    return _elbo(row, limits, targets, model, seen, joint, [joint], noise, progress)


def _align_kl(
    row: Row,
    limits: Limits | None,
    targets: tuple[str, ...],
    model: CrossModal,
    seen: Seen,
    noise: Noise,
    progress: float,
) -> tuple[Tensor, dict[str, float]]:
    """S3a: ELBO(x, w; y, w) + ELBO(x; y, w) - β' KL(q(z | x, w) || q(z | x)), the decoders shared;
    β' rises from 0, or the joint posterior would give in to the source's before either means anything."""
    single = model.encode(row.source, seen)
    joint = posterior(single, *(model.encode(m, seen) for m in row.auxiliary))
    both, _ = _elbo(row, limits, targets, model, seen, joint, [joint], noise, progress)
    alone, logged = _elbo(row, limits, targets, model, seen, single, [single], noise, progress)
    gap = kl_between(*joint, *single).mean()
    return both + alone + row.beta_align * progress * gap, logged | {"gap": gap.item()}


def _align_poe(
    row: Row,
    limits: Limits | None,
    targets: tuple[str, ...],
    model: CrossModal,
    seen: Seen,
    noise: Noise,
    progress: float,
) -> tuple[Tensor, dict[str, float]]:
    """S3b: ELBO(x; y, w) + ELBO(w; y, w) + ELBO(x, w; y, w), the prior's KL of the single posteriors alone."""
    single = model.encode(row.source, seen)
    others = [model.encode(m, seen) for m in row.auxiliary]
    total, logged = _elbo(row, limits, targets, model, seen, single, [single], noise, progress)
    for expert in others:
        total = total + _elbo(row, limits, targets, model, seen, expert, [expert], noise, progress)[0]
    return total + _elbo(row, limits, targets, model, seen, posterior(single, *others), [], noise, progress)[0], logged


def _elbo(
    row: Row, limits: Limits | None, targets: tuple[str, ...], model: CrossModal, seen: Seen, q: Gaussian,
    priors: list[Gaussian], noise: Noise, progress: float,
) -> tuple[Tensor, dict[str, float]]:  # fmt: skip
    """Reconstructions of `targets` from a sample of `q`, plus β KL(p || prior) for each of `priors`."""
    mean, log_var = q
    z = mean + noise(*mean.shape).to(mean) * (0.5 * log_var).exp()
    total, logged = mean.new_zeros(()), {}
    for target in targets:
        predicted = model.decode(target, z)
        error = reconstruction(target, predicted, seen[target], row.strategy == "pairs", row.emd_share)
        total = total + row.weights.get(target, 1.0) * error
        logged[target] = error.item()
        if target == "joints" and limits is not None:
            penalty = limits.penalty(predicted, seen["right"]).mean()
            total = total + row.bones * penalty
            logged["bones"] = penalty.item()
    for prior in priors:
        kl = kl_to_prior(*prior).mean()
        total = total + row.beta_at(progress) * kl
        logged["kl"] = kl.item()
    return total, logged
