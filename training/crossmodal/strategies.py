"""How a shared latent space is trained: Algorithm 1 of Spurr et al. (2018), and the strategies of Yang et al. (2019).

A row of an experiment becomes a list of steps, each a loss with the hands it may look at and one update of the
weights. Names: x the source, w its auxiliary modalities, y the joints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from training.crossmodal.bones import Limits
from training.crossmodal.config import Row
from training.crossmodal.distances import reconstruction
from training.crossmodal.modalities import LABELS
from training.crossmodal.model import CrossModal, Gaussian, Seen
from training.crossmodal.networks import JOINTS
from training.networks import posterior
from training.objectives import kl_between, kl_to_prior

#: Draws standard normal numbers (B, D) for the batch at hand.
Noise = Callable[[int, int], Tensor]
#: What is to be lowered, and the numbers to write down.
Scored = tuple[Tensor, dict[str, float]]


@dataclass(frozen=True)
class Batch:
    """What a loss is given: the model, the hands as it sees them, noise for them, how far training is (0 to 1)."""

    model: CrossModal
    seen: Seen
    noise: Noise
    progress: float

    def encode(self, modality: str) -> Gaussian:
        """Mean and log variance (B, D) of q(z | modality) for these hands."""
        return self.model.encode(modality, self.seen)


Loss = Callable[[Batch], Scored]


@dataclass(frozen=True)
class Step:
    """One update: `loss` on a batch from the hands of `pool` (labelled, all, or real pictures without labels), of which
    it looks at `modalities`."""

    loss: Loss
    pool: str
    modalities: tuple[str, ...]


#: Updates of the teacher alone for each with its pupils: it costs next to nothing, and no pupil gets beyond it.
LESSONS = 15


def steps_of(row: Row, limits: Limits | None) -> list[Step]:
    """The steps of one round of training; limits: for biomechanical constraints, where the row wants them."""
    if row.strategy == "pairs":
        steps = []
        for source, target in row.pairs:
            needs_labels = any(m in LABELS and m != row.source for m in (source, target))
            pool = "labelled" if needs_labels else "all"
            steps.append(Step(partial(_pair, row, limits, source, target), pool, tuple({source, target})))
        if row.real_pictures:
            steps.append(Step(partial(_pair, row, None, row.source, "rgb"), "real", tuple({row.source, "rgb"})))
        return steps
    seen = {row.source, *row.auxiliary}
    if row.strategy == "teach":
        pupils = tuple(sorted(seen - {"joints"}))
        targets = ("joints", *(m for m in row.auxiliary if m in row.decoders))
        cheap = tuple(m for m in targets if m in JOINTS)
        lesson = Step(partial(_teach, row, limits, cheap, ()), "labelled", cheap)
        practice = Step(partial(_teach, row, limits, targets, pupils), "labelled", ("joints", *pupils))
        return [lesson] * LESSONS + [practice]
    if row.strategy == "decode":
        return [Step(partial(_decode, row), "labelled", tuple({"joints", *row.auxiliary}))]
    loss = {"cross": _cross, "joint": _joint, "align_kl": _align_kl, "align_poe": _align_poe}[row.strategy]
    steps = [Step(partial(loss, row, limits, ("joints", *row.auxiliary)), "labelled", tuple({"joints"} | seen))]
    if row.labelled < 1 and row.weak:
        # hands without a pose still have a picture and a cloud
        steps.append(Step(partial(loss, row, None, row.auxiliary), "all", tuple(seen)))
    return steps


def _pair(row: Row, limits: Limits | None, source: str, target: str, given: Batch) -> Scored:
    """-ELBO of one pair (Spurr et al. 2018, eq. 5): only q(z | source) and p(target | z) get gradients."""
    expert = given.encode(source)
    return _elbo(row, limits, (target,), given, expert, [expert])


def _cross(row: Row, limits: Limits | None, targets: tuple[str, ...], given: Batch) -> Scored:
    """S1: ELBO(x; y, w)."""
    expert = given.encode(row.source)
    return _elbo(row, limits, targets, given, expert, [expert])


def _joint(row: Row, limits: Limits | None, targets: tuple[str, ...], given: Batch) -> Scored:
    """S2: ELBO(x, w; y, w), q(z | x, w) the product of the prior and both experts."""
    joint = posterior(*(given.encode(m) for m in (row.source, *row.auxiliary)))
    return _elbo(row, limits, targets, given, joint, [joint])


def _align_kl(row: Row, limits: Limits | None, targets: tuple[str, ...], given: Batch) -> Scored:
    """S3a: ELBO(x, w; y, w) + ELBO(x; y, w) - β' KL(q(z | x, w) || q(z | x)), the decoders shared;
    β' rises from 0, or the joint posterior would give in to the source's before either means anything."""
    single = given.encode(row.source)
    joint = posterior(single, *(given.encode(m) for m in row.auxiliary))
    both, _ = _elbo(row, limits, targets, given, joint, [joint])
    alone, logged = _elbo(row, limits, targets, given, single, [single])
    gap = kl_between(*joint, *single).mean()
    return both + alone + row.beta_align * given.progress * gap, logged | {"gap": gap.item()}


def _align_poe(row: Row, limits: Limits | None, targets: tuple[str, ...], given: Batch) -> Scored:
    """S3b: ELBO(x; y, w) + ELBO(w; y, w) + ELBO(x, w; y, w), the prior's KL of the single posteriors alone."""
    single = given.encode(row.source)
    others = [given.encode(m) for m in row.auxiliary]
    total, logged = _elbo(row, limits, targets, given, single, [single])
    for expert in others:
        total = total + _elbo(row, limits, targets, given, expert, [expert])[0]
    return total + _elbo(row, limits, targets, given, posterior(single, *others), [])[0], logged


def _teach(row: Row, limits: Limits | None, targets: tuple[str, ...], pupils: tuple[str, ...], given: Batch) -> Scored:
    """ELBO(y; y, w) + β' Σ KL(q(z | y) || q(z | m)) over the pupils m, whom the teacher q(z | y) does not follow. In
    this direction a pupil covers what it cannot know instead of guessing, and so all posteriors together lie where the
    teacher's do.

    Theirs must lie where the prior does, or samples of the prior are no hands: the latents' moments over the batch are
    drawn to the prior's (DIP-VAE-II, Kumar et al. 2018). With limits, samples of the prior pay for not being hands."""
    teacher = given.encode("joints")
    total, logged = _elbo(row, None, targets, given, teacher, [teacher])
    spread = prior_gap(*teacher)
    total = total + row.moments * spread
    logged["moments"] = spread.item()
    mean, log_var = (x.detach() for x in teacher)
    for modality in pupils:
        gap = kl_between(mean, log_var, *given.encode(modality)).mean()
        total = total + row.beta_align * gap
        logged[f"gap_{modality}"] = gap.item()
    if limits is not None:
        sampled = given.model.decode("joints", given.noise(*mean.shape).to(mean))
        penalty = limits.penalty(sampled, given.seen["right"]).mean()
        total = total + row.bones * penalty
        logged["bones"] = penalty.item()
    return total, logged


def _decode(row: Row, given: Batch) -> Scored:
    """Reconstructions of the auxiliary modalities from q(z | y), which they do not move: their decoders alone learn."""
    with torch.no_grad():
        teacher = given.encode("joints")
    return _elbo(row, None, row.auxiliary, given, teacher, [])


def prior_gap(mean: Tensor, log_var: Tensor) -> Tensor:
    """By how much mean and covariance of latents drawn from a batch's posteriors (B, D), B well above D, miss those of
    the prior: squares summed over all entries, over D."""
    centred = mean - mean.mean(0)
    covariance = centred.T @ centred / (len(mean) - 1) + torch.diag(log_var.exp().mean(0))
    missed = covariance - torch.eye(len(covariance), device=mean.device)
    return (missed.square().sum() + mean.mean(0).square().sum()) / len(covariance)


def _elbo(
    row: Row, limits: Limits | None, targets: tuple[str, ...], given: Batch, q: Gaussian, priors: list[Gaussian]
) -> Scored:
    """Reconstructions of `targets` from a sample of `q`, plus β KL(p || prior) for each of `priors`."""
    mean, log_var = q
    z = mean + given.noise(*mean.shape).to(mean) * (0.5 * log_var).exp()
    total, logged = mean.new_zeros(()), {}
    for target in targets:
        predicted = given.model.decode(target, z)
        squared = row.strategy in ("pairs", "teach", "decode")
        error = reconstruction(target, predicted, given.seen[target], squared, row.emd_share)
        total = total + row.weights.get(target, 1.0) * error
        logged[target] = error.item()
        if target == "joints" and limits is not None:
            penalty = limits.penalty(predicted, given.seen["right"]).mean()
            total = total + row.bones * penalty
            logged["bones"] = penalty.item()
    for prior in priors:
        kl = kl_to_prior(*prior).mean()
        total = total + row.beta_at(given.progress) * kl
        logged["kl"] = kl.item()
    return total, logged
