"""What encoders say of hands that nothing was trained on: the generator's, and those of test sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from hand_pose_ros.backend import Network
from hand_pose_ros.bundle import ENCODERS_OF, Bundle
from hand_pose_ros.crop import make_crop, to_crop
from hand_pose_ros.encode import HandEncoder
from hand_pose_ros.frames_folder import open_folder, read_labels
from hand_pose_ros.latent import product_of_experts
from hand_pose_ros.region import region_from_joints
from hand_pose_ros.types import HandCrop, HandPoseError, Modality
from training.hands.model import Array
from training.hands.pictures import RgbdBatch
from training.hands.scene import CROP_SIZE_M

#: A crop of a right hand, and its joints (21, 3) in metres from the cube's centre, crop frame.
Hand = tuple[HandCrop, Array]
BATCH = 64
#: How far off, on each axis, hands are looked for that are followed from picture to picture.
OFF_CENTRE_M = 0.008


@dataclass(frozen=True)
class Seen:
    """What the encoders say of N hands: by encoder, mean and log variance (N, D) of its expert. joints: (N, 21, 3) true
    ones. fit: (N,) whether a hand is there to fit on, or to report on."""

    experts: Mapping[str, tuple[Array, Array]]
    joints: Array
    fit: Array

    def all_held_out(self) -> Seen:
        """The same, with every hand to report on."""
        return replace(self, fit=np.zeros(len(self.fit), dtype=bool))


def crops_of_batches(batches: Iterable[RgbdBatch]) -> Iterator[Hand]:
    """The generator's hands as crops, with their joints."""
    for batch in batches:
        for k, tan_half in enumerate(batch.tan_half):
            distance_m = CROP_SIZE_M / 2 / float(tan_half)
            yield (
                HandCrop(np.eye(3), float(tan_half), CROP_SIZE_M, False, distance_m, batch.rgb[k], batch.depth[k]),
                batch.joints[k],
            )


def crops_of_folder(folder: Path, bundle: Bundle, seed: int = 0) -> Iterator[Hand]:
    """The hands of a frames folder with depth as crops, framed as followed hands are, and their joints.

    Raises HandPoseError for a folder without labels.
    """
    frames, labels = open_folder(folder), read_labels(folder)
    if labels is None or labels.side is None:
        raise HandPoseError(f"{folder}: needs joints_m and side in its labels.npz, to calibrate on them")
    rng = np.random.default_rng(seed)
    for k, (joints_m, side) in enumerate(zip(labels.joints_m, labels.side, strict=True)):
        frame = frames.read(k)
        region = region_from_joints(joints_m + rng.normal(0, OFF_CENTRE_M, 3), frame.camera)
        crop = region and make_crop(frame, region, bundle.crop, mirrored=side == "left")
        if crop and crop.distance_m is not None:
            yield crop, to_crop(crop, joints_m) - (0, 0, crop.distance_m)


def open_encoder(bundle: Bundle) -> HandEncoder:
    """The encoders of a bundle, on the CPU."""
    return HandEncoder(bundle, {key: Network(path) for key, path in bundle.encoders.items()}, threads=1)


def see(encoder: HandEncoder, hands: Iterable[Hand]) -> Seen:
    """Each encoder's word on the hands; every other one is to fit on."""
    said: dict[str, list[tuple[Array, Array]]] = {}
    joints: list[Array] = []
    for batch in _batches(hands):
        for key, _, outputs in encoder.experts([crop for crop, _ in batch]):
            said.setdefault(key, []).append((outputs["mean"], outputs["log_var"]))
        joints += [truth for _, truth in batch]
    experts = {
        key: (np.concatenate([mean for mean, _ in parts]), np.concatenate([log_var for _, log_var in parts]))
        for key, parts in said.items()
    }
    return Seen(experts, np.array(joints), np.arange(len(joints)) % 2 == 0)


def fuse(seen: Seen, modality: Modality, weights: Mapping[str, float]) -> tuple[Array, Array]:
    """The posteriors' means and variances (N, D)."""
    used = [key for key in ENCODERS_OF[modality] if key in seen.experts and weights.get(key, 1.0) > 0]
    means = [seen.experts[key][0] for key in used]
    return product_of_experts(means, [seen.experts[key][1] - np.log(weights.get(key, 1.0)) for key in used])


def _batches(hands: Iterable[Hand]) -> Iterator[list[Hand]]:
    rest = iter(hands)
    while batch := list(islice(rest, BATCH)):
        yield batch
