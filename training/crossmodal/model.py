"""A model of one latent space: the encoders and decoders that an experiment names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError
from training.crossmodal.drawn import Skeleton
from training.crossmodal.modalities import MODALITIES
from training.crossmodal.networks import JOINTS, build_decoder, build_encoder

Gaussian = tuple[Tensor, Tensor]
Seen = Mapping[str, Tensor]


class CrossModal(nn.Module):
    """encoders: q(z | x) by modality; decoders: p(x | z) by modality.

    `forward` hands the module to a loss, so that gradients are shared between processes whatever the loss uses. What
    the loss looks at is bound to it: in mixed precision Fabric would round tensors that it is handed, targets too.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], decoders: Mapping[str, nn.Module]):
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.decoders = nn.ModuleDict(decoders)

    def forward(self, loss: Callable[[CrossModal], Any]) -> Any:
        return loss(self)

    def encode(self, modality: str, seen: Seen) -> Gaussian:
        """Mean and log variance (B, D) of q(z | x) for x of `modality`."""
        with _precise(modality, seen[modality]):
            return self.encoders[modality](seen[modality], seen["right"])

    def decode(self, modality: str, z: Tensor) -> Tensor:
        with _precise(modality, z):
            return self.decoders[modality](z)


def _precise(modality: str, x: Tensor) -> AbstractContextManager[Any]:
    """Joints keep their precision in mixed precision, too: eight bits of a hand's width are a millimetre."""
    return torch.autocast(x.device.type, enabled=False) if modality in JOINTS else nullcontext()


def build_model(
    encoders: Mapping[str, Mapping[str, Any]], decoders: Mapping[str, Mapping[str, Any]], latent: int, handed: bool,
    size: int,
) -> CrossModal:  # fmt: skip
    """The model of an experiment's `encoders` and `decoders`: settings by modality, the network's name under `net`.

    Raises HandPoseError for a modality, a network or a setting that does not exist.
    """
    parts: list[dict[str, nn.Module]] = []
    for kind, settings in (("encoder", encoders), ("decoder", decoders)):
        built: dict[str, nn.Module] = {}
        # joints first: others may be drawn about them
        for modality, given in sorted(settings.items(), key=lambda item: item[0] != "joints"):
            if modality not in MODALITIES:
                raise HandPoseError(f"there is no modality '{modality}'; there are {', '.join(MODALITIES)}")
            try:
                if kind == "encoder":
                    built[modality] = build_encoder(modality, latent, handed, size, **given)
                else:
                    skeleton = Skeleton(built["joints"]) if "joints" in built else None
                    built[modality] = build_decoder(modality, latent, size, skeleton=skeleton, **given)
            except KeyError as error:
                raise HandPoseError(f"'{modality}' has no {kind} called {error}") from error
            except TypeError as error:
                raise HandPoseError(
                    f"the {kind} of '{modality}' was given settings that do not fit: {error}"
                ) from error
        parts.append(built)
    # twice as fast on a CPU in mixed precision
    return CrossModal(*parts).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
