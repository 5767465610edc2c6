"""Encode and fuse: from crops to the posteriors of their latents, and which side and how surely a hand each shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

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

    def take(self, other: Encoded, pairs: Sequence[tuple[int, int]]) -> None:
        """Replace hand i by hand j of `other`, for each (i, j)."""
        for mine, theirs in pairs:
            self.crops[mine] = other.crops[theirs]
            for name in ("mean", "variance", "side_logit", "presence_logit"):
                getattr(self, name)[mine] = getattr(other, name)[theirs]


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

    def _as_is(self, crops: list[HandCrop]) -> Encoded:
        count, size = len(crops), self._bundle.latent_size
        jobs, shown = [], []
        for key in self._networks:
            pictures = {k: x for k, crop in enumerate(crops) if (x := self._input(key, crop)) is not None}
            # with one encoder at work, threads share its hands
            shares = np.array_split(list(pictures), min(len(pictures), self._threads) or 1)
            for there in shares:
                if len(there):
                    shown.append((key, there))
                    jobs.append(self._job(key, [crops[k] for k in there], [pictures[k] for k in there]))
        means, log_vars, logits, votes = [], [], np.zeros((2, count)), np.zeros(count)
        for (key, there), said in zip(shown, self._run(jobs), strict=True):
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

    def _job(
        self, encoder: str, crops: list[HandCrop], pictures: list[FloatArray]
    ) -> Callable[[], dict[str, FloatArray]]:
        network = self._networks[encoder]
        inputs = {"x": np.stack(pictures)}
        if "tan_half" in network.inputs:
            inputs["tan_half"] = np.array([crop.tan_half for crop in crops], dtype=np.float32)
        return lambda: network.run(**inputs)

    def _run(self, jobs: list[Callable[[], dict[str, FloatArray]]]) -> list[dict[str, FloatArray]]:
        if self._pool is None or len(jobs) == 1:
            return [job() for job in jobs]
        return [running.result() for running in [self._pool.submit(job) for job in jobs]]

    def _input(self, encoder: str, crop: HandCrop) -> FloatArray | None:
        """What an encoder is shown of a crop, None where the crop has nothing for it."""
        if encoder == "cloud":
            return crop.points
        if encoder == "depth":
            return None if crop.depth is None else crop.depth[None]
        if crop.rgb is None:
            return None
        return np.ascontiguousarray((crop.rgb * self._rgb_scale + self._rgb_shift).transpose(2, 0, 1))


def modality_of(crop: HandCrop) -> Modality:
    """What the hand in a crop is seen through."""
    if crop.distance_m is None:
        return "rgb"
    return "depth" if crop.rgb is None else "rgbd"
