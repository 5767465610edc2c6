"""The stages of training. First the latent space (poses and surfaces, no pictures), then each encoder is taught to
put its posterior where the joints' own posterior is, with the decoders frozen, so encoders train apart from each
other and still share one space.

The teacher is q(z | joints). An encoder minimises KL(q(z | joints) || q(z | x)) (Yang et al. 2019, alignment by KL,
the joints taking the part of the richer modality): that direction covers the teacher, so q(z | x) is as wide as what x
leaves open. Its mean is also held to decode to the right joints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from training.backbones import PretrainedEncoder
from training.hands.samples import HALF
from training.networks import CloudDecoder, DepthEncoder, Expert, JointsDecoder, JointsEncoder, normalise, posterior
from training.objectives import detection, joints_nll, kl_between, kl_to_prior, pose_error, votes_error

Batch = dict[str, Tensor]
#: Weights that bring nats (tens) to the size of the errors in centimetres (ones).
NATS = 0.01
#: How much the terms of an encoder's loss count.
WEIGHTS = {"pose": 1.0, "kl": NATS, "votes": 0.5, "found": 0.1}


class LatentSpace(nn.Module):
    """The teacher and the decoders: a variational autoencoder of joints that also decodes surfaces."""

    def __init__(self) -> None:
        super().__init__()
        self.joints_encoder = JointsEncoder()
        self.joints_decoder = JointsDecoder()
        self.cloud_decoder = CloudDecoder()

    def teach(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean and log variance (B, D) of q(z | joints)."""
        expert = self.joints_encoder(batch["joints"], batch["joints_2d"])
        return posterior((expert.mean, expert.log_var))

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """ELBO of the joints from their own posterior, with the surface decoded beside them."""
        mean, log_var = self.teach(batch)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        predicted = self.joints_decoder(z)
        nll = joints_nll(predicted, batch["joints"], batch["joints_2d"]).mean()
        kl = kl_to_prior(mean, log_var).mean()
        cloud = (self.cloud_decoder(z) - batch["surface"]).norm(dim=-1).mean() * 100
        error = (predicted[0] - batch["joints"]).norm(dim=-1).mean() * 1000
        total = NATS * (nll + kl) + 0.3 * cloud
        return total, {"mm": error.item(), "kl": kl.item(), "surface_cm": cloud.item()}


class ImageEncoder(Protocol):
    """What a student teaches: `look` gives the expert and the votes for the joints (B, 21, 3)."""

    def look(self, *seen: Tensor) -> tuple[Expert, Tensor]: ...


class Student(nn.Module):
    """An encoder of one modality, learning to point into a frozen latent space. `see` takes its inputs off a batch;
    `vote` what its votes should be. weights: of the terms of its loss."""

    def __init__(
        self,
        encoder: nn.Module,
        see: Callable[[Batch], tuple[Tensor, ...]],
        vote: Callable[[Batch], Tensor],
        weights: Mapping[str, float] = WEIGHTS,
    ):
        super().__init__()
        self.encoder = encoder
        self.see = see
        self.vote = vote
        self.weights = weights

    def joints(self, batch: Batch, space: LatentSpace) -> Tensor:
        """(B, 21, 3) in metres, decoded from the mean of what it sees."""
        expert, _ = cast(ImageEncoder, self.encoder).look(*self.see(batch))
        mean, _ = posterior((expert.mean, expert.log_var))
        return cast(Tensor, space.joints_decoder(mean)[0])

    def loss(self, batch: Batch, space: LatentSpace) -> tuple[Tensor, dict[str, float]]:
        """Pose of the mean, alignment of the posterior, votes, side and presence."""
        with torch.autocast(batch["joints"].device.type, torch.bfloat16):
            expert, votes = cast(ImageEncoder, self.encoder).look(*self.see(batch))
        mean, log_var = posterior((expert.mean, expert.log_var))
        labelled = batch["right"] * batch["present"]
        with torch.no_grad():
            teacher = space.teach(batch)
        predicted = space.joints_decoder(mean)
        kl = _masked_mean(kl_between(*teacher, mean, log_var), labelled)
        pose = _masked_mean(pose_error(predicted, batch["joints"], batch["joints_2d"]), labelled)
        voted = _masked_mean(votes_error(votes, self.vote(batch)), labelled)
        found = detection(expert.side_logit, expert.presence_logit, batch["right"], batch["present"])
        relative, reference = (j - j[:, :1] for j in (predicted[0], batch["joints"]))
        error = _masked_mean((relative - reference).norm(dim=-1).mean(1), labelled) * 1000
        terms = {"pose": pose, "kl": kl, "votes": voted, "found": found}
        total = cast(Tensor, sum(self.weights[name] * term for name, term in terms.items()))
        logged = {"mm": error, "pose_cm": pose, "kl": kl, "votes_cm": voted, "found": found}
        return total, {name: value.item() for name, value in logged.items()}


#: What each stage's encoder is shown of a batch, in the order of its inputs.
SHOWN: dict[str, Callable[[Batch], tuple[Tensor, ...]]] = {
    "depth": lambda batch: (batch["depth"][:, None], batch["tan_half"]),
    "rgb": lambda batch: (normalise(batch["rgb"]),),
}


def build_student(stage: str, size: int, further: int = 0, weights: Mapping[str, float] = WEIGHTS) -> Student:
    """The encoder that a stage trains, for crops of `size` pixels; further: blocks of a larger one for colour
    (backbones.Lite0). Raises KeyError for a stage that trains none."""
    if stage == "depth":
        student = Student(DepthEncoder(size), SHOWN[stage], lambda batch: batch["joints"] / HALF, weights)
    elif stage == "rgb":
        student = Student(
            PretrainedEncoder(size, further),
            SHOWN[stage],
            lambda batch: torch.cat([batch["joints_2d"], batch["joints"][..., 2:] / HALF], 2),
            weights,
        )
    else:
        raise KeyError(stage)
    return student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)
