"""Encode and fuse: from crops to the posteriors of their latents, and which side and how surely a hand each shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.backend import Network
from hand_pose_ros.bundle import Bundle
from hand_pose_ros.crop import mirror
from hand_pose_ros.latent import product_of_experts
from hand_pose_ros.types import FloatArray, HandCrop, Modality

#: A side's logit from which on the mirror image need not be looked at: 98 %, by its own word.
_SURE = 4.0


@dataclass
class Encoded:
    """The crops of N hands and what the encoders say of them: mean, variance (N, D); logits (N,)."""

    crops: list[HandCrop]
    mean: FloatArray
    variance: FloatArray
    side_logit: FloatArray
    presence_logit: FloatArray

    def pick(self, which: Sequence[int]) -> Encoded:
        """Only the hands with these numbers."""
        own = (self.mean, self.variance, self.side_logit, self.presence_logit)
        return Encoded([self.crops[k] for k in which], *(values[list(which)] for values in own))

    def take(self, other: Encoded, pairs: Sequence[tuple[int, int]]) -> None:
        """Replace hand i by hand j of `other`, for each (i, j)."""
        for mine, theirs in pairs:
            self.crops[mine] = other.crops[theirs]
            for name in ("mean", "variance", "side_logit", "presence_logit"):
                getattr(self, name)[mine] = getattr(other, name)[theirs]


def vote_on_sides(first: Encoded, further: Encoded, shown: Sequence[int], open_side: Sequence[bool]) -> list[int]:
    """Which of the further looks, crop j at hand shown[j] of `first`, see the side that a hand's looks together see.

    Logits are added. Where they outvote the first look, the first of those that agree takes its place in `first`. Of
    hands whose side is not open all looks are kept.
    """
    agrees = np.array([first.crops[k].mirrored == crop.mirrored for k, crop in zip(shown, further.crops, strict=True)])
    kept: list[int] = []
    for k, is_open in enumerate(open_side):
        own = [j for j, hand in enumerate(shown) if hand == k]
        if is_open:
            mean = (first.side_logit[k] + np.where(agrees, 1, -1)[own] @ further.side_logit[own]) / (1 + len(own))
            own = [j for j in own if agrees[j] == (mean >= 0)]
            if mean < 0:
                first.take(further, [(k, own.pop(0))])
            first.side_logit[k] = abs(mean)
        kept += own
    return kept


class HandEncoder:
    """A bundle's encoders, their experts multiplied. threads: of them, and of shares of the hands, that run at once."""

    def __init__(self, bundle: Bundle, networks: dict[str, Network], threads: int) -> None:
        self._bundle = bundle
        self._networks = networks
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._rgb_scale = (1.0 / (255.0 * bundle.rgb_std)).astype(np.float32)
        self._rgb_shift = (-bundle.rgb_mean / bundle.rgb_std).astype(np.float32)

    def encode(self, crops: list[HandCrop], either_side: list[bool]) -> Encoded:
        """The posteriors of the crops as they are or, where the side is open, of the mirror image if that looks more
        like a right hand. Comparing the two cancels whatever the model expects before it looks."""
        encoded = self._as_is(crops)
        doubtful = [k for k, auto in enumerate(either_side) if auto and encoded.side_logit[k] < _SURE]
        if doubtful:
            other = self._as_is([mirror(crops[k]) for k in doubtful])
            gain = (other.side_logit - encoded.side_logit[doubtful]) / 2
            encoded.take(other, [(old, new) for new, old in enumerate(doubtful) if gain[new] > 0])
            encoded.side_logit[doubtful] = np.abs(gain)
        return encoded

    def experts(self, crops: Sequence[HandCrop]) -> Iterator[tuple[str, NDArray[np.intp], dict[str, NDArray]]]:
        """What the encoders say: an encoder's name, the numbers (M,) of the crops that it was shown, and its outputs,
        (M, D) or (M,) each. Crops that have nothing for an encoder are not shown to it."""
        jobs, shown = [], []
        for key, network in self._networks.items():
            there = [k for k, crop in enumerate(crops) if _seen(key, crop) is not None]
            for share in np.array_split(np.array(there, dtype=np.intp), min(len(there), self._threads) or 1):
                if len(share):
                    shown.append((key, share))
                    jobs.append(partial(network.run, **self.inputs(key, [crops[k] for k in share])))
        for (key, share), said in zip(shown, self._run(jobs), strict=True):
            yield key, share, said

    def inputs(self, encoder: str, crops: Sequence[HandCrop]) -> dict[str, FloatArray]:
        """The inputs of an encoder, by name, for crops that have something for it."""
        seen = np.stack([x for crop in crops if (x := _seen(encoder, crop)) is not None])
        if encoder == "depth":
            seen = seen[:, None]
        elif encoder == "rgb":
            seen = self._normalised(seen)
        inputs: dict[str, FloatArray] = {"x": seen}
        if "tan_half" in self._networks[encoder].inputs:
            inputs["tan_half"] = np.array([crop.tan_half for crop in crops], dtype=np.float32)
        return inputs

    def _as_is(self, crops: list[HandCrop]) -> Encoded:
        count, size = len(crops), self._bundle.latent_size
        means, log_vars, logits, votes = [], [], np.zeros((2, count)), np.zeros(count)
        for key, there, said in self.experts(crops):
            mean: FloatArray = np.zeros((count, size))
            log_var: FloatArray = np.full((count, size), np.inf)
            weights = [self._bundle.expert_weight(modality_of(crops[k]), key) for k in there]
            mean[there], log_var[there] = said["mean"], said["log_var"] - np.log(weights)[:, None]
            means.append(mean)
            log_vars.append(log_var)
            logits[:, there] += said["side_logit"], said["presence_logit"]
            votes[there] += 1
        mean, variance = product_of_experts(means, log_vars)
        return Encoded(list(crops), mean, variance, *(logits / votes))

    def _run(self, jobs: Sequence[Callable[[], dict[str, NDArray]]]) -> list[dict[str, NDArray]]:
        if self._pool is None or len(jobs) == 1:
            return [job() for job in jobs]
        return [running.result() for running in [self._pool.submit(job) for job in jobs]]

    def _normalised(self, rgb: NDArray[np.uint8]) -> FloatArray:
        """Pictures (M, S, S, 3) as the colour encoder takes them, (M, 3, S, S)."""
        channels = np.empty((len(rgb), 3, *rgb.shape[1:3]), dtype=np.float32)
        for c, (scale, shift) in enumerate(zip(self._rgb_scale, self._rgb_shift, strict=True)):
            np.multiply(rgb[..., c], scale, out=channels[:, c])
            channels[:, c] += shift
        return channels


def _seen(encoder: str, crop: HandCrop) -> NDArray[Any] | None:
    """What an encoder looks at of a crop, None where the crop has nothing for it."""
    return {"cloud": crop.points, "depth": crop.depth, "rgb": crop.rgb}[encoder]


def modality_of(crop: HandCrop) -> Modality:
    """What the hand in a crop is seen through."""
    if crop.distance_m is None:
        return "rgb"
    return "depth" if crop.rgb is None else "rgbd"
