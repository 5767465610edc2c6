"""Model bundles: a folder of ONNX files and a `manifest.yaml` (docs/architecture.md), verified before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hand_pose_ros.crop import TURNS, CropSpec
from hand_pose_ros.manifest import MANIFEST, ManifestReader, read_manifest, short_hash, verify_files
from hand_pose_ros.skeleton import JOINT_COUNT, JOINT_NAMES
from hand_pose_ros.types import FloatArray, Modality

#: Which encoders each run-time modality may use.
ENCODERS_OF: dict[Modality, tuple[str, ...]] = {
    "rgbd": ("rgb", "depth", "cloud"),
    "rgb": ("rgb",),
    "depth": ("depth", "cloud"),
}


@dataclass(frozen=True)
class CovarianceSpec:
    """Joint covariance = scale[j] * (spread / typical_m2) ** power * latent covariance + floor_m2[j] * I, where the
    spread is the trace of the latent covariance, in the mean over the hand's joints. scale, floor_m2: (21,).

    With power 0 the errors grow as the posterior says; with more, faster: a posterior that is twice as wide as usual
    may err more than twice as much.
    """

    scale: FloatArray
    floor_m2: FloatArray
    power: float = 0.0
    typical_m2: float = 1.0

    def calibrate(self, latent_covariance: FloatArray) -> FloatArray:
        """The joints' covariances (..., 21, 3, 3) in m² from those of decoded samples of the posterior."""
        spread = np.trace(latent_covariance, axis1=-2, axis2=-1).mean(axis=-1)
        growth = (spread / self.typical_m2) ** self.power
        scale = self.scale * growth[..., None]
        return scale[..., None, None] * latent_covariance + self.floor_m2[:, None, None] * np.eye(3)


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle.

    encoders: files by name, of `rgb`, `depth`, `cloud`. decoders: files of `joints` and `cloud`.
    weights: of each expert's precision in the product, by modality and encoder, 1 where not named (a generalised
    product of experts; Cao and Fleet 2014): experts that err together must not be counted as if they erred apart.
    Colour's beside depth may be 0: then colour is looked at only where there is no depth.
    looks: how often the model is best shown a hand, 1 to 3, as EstimatorOptions tells; more would not pay.
    rgb_mean, rgb_std: (3,), of colour values 0..1. cloud_points: points in a decoded cloud.
    """

    folder: Path
    name: str
    version: str
    latent_size: int
    crop: CropSpec
    encoders: Mapping[str, Path]
    decoders: Mapping[str, Path]
    cloud_points: int
    covariance: Mapping[Modality, CovarianceSpec]
    weights: Mapping[Modality, Mapping[str, float]]
    looks: int
    rgb_mean: FloatArray
    rgb_std: FloatArray
    card: Mapping[str, Any] = field(repr=False)

    def expert_weight(self, modality: Modality, encoder: str) -> float:
        """The weight of an encoder's expert where the hand is seen through `modality`."""
        return self.weights.get(modality, {}).get(encoder, 1.0)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The run-time modalities that this bundle can serve."""
        return supported_modalities(self.encoders)

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that name this bundle: the manifest's sha256, which covers the hash of every file."""
        return short_hash(self.folder / MANIFEST)


def supported_modalities(encoders: Mapping[str, object]) -> tuple[Modality, ...]:
    """The run-time modalities served by encoders of these names."""
    colour, depth = "rgb" in encoders, "depth" in encoders or "cloud" in encoders
    served: dict[Modality, bool] = {"rgbd": colour and depth, "rgb": colour, "depth": depth}
    return tuple(modality for modality, yes in served.items() if yes)


def load_bundle(name_or_path: str | Path) -> Bundle:
    """Read a bundle's manifest and verify it and every file it names. Raises HandPoseError saying what is wrong."""
    manifest = read_manifest(name_or_path)
    if manifest.get("skeleton", list) != list(JOINT_NAMES):
        manifest.fail("skeleton", "differs from hand_pose_ros.skeleton.JOINT_NAMES; export the model for this skeleton")

    encoders = {key: manifest.child("encoders", key) for key in ENCODERS_OF["rgbd"] if key in manifest.get("encoders")}
    unknown = set(manifest.get("encoders")) - set(encoders)
    if unknown or not encoders:
        manifest.fail(
            "encoders", f"must name some of rgb, depth, cloud and nothing else (got {sorted(unknown) or 'none'})"
        )
    decoders = {key: manifest.child("decoders", key) for key in ("joints", "cloud")}
    covariance = {
        modality: _read_covariance(manifest.child("covariance", modality))
        for modality in supported_modalities(encoders)
    }
    weights: dict[Modality, dict[str, float]] = {}
    for modality in manifest.get("weights") if "weights" in manifest.content else {}:
        entry = manifest.child("weights", modality)
        weights[modality] = {
            key: entry.positive(key) if entry.content[key] != 0 or (modality, key) != ("rgbd", "rgb") else 0.0
            for key in entry.content
        }
    rgb, crop = encoders.get("rgb"), manifest.child("crop")
    bundle = Bundle(
        folder=manifest.path.parent,
        name=manifest.get("name", str),
        version=manifest.get("version", str),
        latent_size=manifest.positive("latent_size", int),
        crop=CropSpec(
            size_m=crop.positive("size_m"),
            box_scale=crop.positive("box_scale"),
            rgb_size=rgb.positive("size", int) if rgb else None,
            depth_size=encoders["depth"].positive("size", int) if "depth" in encoders else None,
            points=encoders["cloud"].positive("points", int) if "cloud" in encoders else None,
            rgb_beside_depth=weights.get("rgbd", {}).get("rgb", 1.0) > 0,
        ),
        encoders={key: entry.file() for key, entry in encoders.items()},
        decoders={key: entry.file() for key, entry in decoders.items()},
        cloud_points=decoders["cloud"].positive("points", int),
        covariance=covariance,
        weights=weights,
        looks=manifest.positive("looks", int) if "looks" in manifest.content else 1,
        rgb_mean=rgb.numbers("mean", 3) if rgb else np.zeros(3),
        rgb_std=rgb.numbers("std", 3) if rgb else np.ones(3),
        card=manifest.get("card"),
    )
    if not (bundle.rgb_std > 0).all():
        manifest.fail("encoders.rgb.std", "must be positive")
    if bundle.looks > len(TURNS):
        manifest.fail("looks", f"must be at most {len(TURNS)}, not {bundle.looks}")
    verify_files(manifest, [*bundle.encoders.values(), *bundle.decoders.values()])
    return bundle


def _read_covariance(entry: ManifestReader) -> CovarianceSpec:
    growth = {key: entry.positive(key) for key in ("power", "typical_m2") if key in entry.content}
    return CovarianceSpec(entry.numbers("scale", JOINT_COUNT), entry.numbers("floor_m2", JOINT_COUNT), **growth)
