"""Model bundles: a folder of ONNX files and a `manifest.yaml` (docs/architecture.md), verified before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hand_pose_ros.crop import CropSpec
from hand_pose_ros.skeleton import JOINT_COUNT, JOINT_NAMES
from hand_pose_ros.types import FloatArray, HandPoseError, Modality

FORMAT_VERSION = 1
MANIFEST = "manifest.yaml"
#: Which encoders each run-time modality may use.
ENCODERS_OF: dict[Modality, tuple[str, ...]] = {
    "rgbd": ("rgb", "depth", "cloud"),
    "rgb": ("rgb",),
    "depth": ("depth", "cloud"),
}


@dataclass(frozen=True)
class CovarianceSpec:
    """Joint covariance = scale[j] * latent covariance + floor_m2[j] * I; both (21,)."""

    scale: FloatArray
    floor_m2: FloatArray


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle.

    encoders: files by name, of `rgb`, `depth`, `cloud`. decoders: files of `joints` and `cloud`.
    weights: of each expert's precision in the product, by modality and encoder, 1 where not named (a generalised
    product of experts; Cao and Fleet 2014): experts that err together must not be counted as if they erred apart.
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
        return _sha256(self.folder / MANIFEST)[:12]


def supported_modalities(encoders: Mapping[str, object]) -> tuple[Modality, ...]:
    """The run-time modalities served by encoders of these names."""
    colour, depth = "rgb" in encoders, "depth" in encoders or "cloud" in encoders
    served: dict[Modality, bool] = {"rgbd": colour and depth, "rgb": colour, "depth": depth}
    return tuple(modality for modality, yes in served.items() if yes)


def models_folder() -> Path:
    """Where the installed models are: the package's share in a ROS installation, else `models/` of the checkout."""
    try:
        from ament_index_python.packages import get_package_share_directory

        share = Path(get_package_share_directory("hand_pose_ros")) / "models"
        if share.is_dir():
            return share
    except (ImportError, LookupError, OSError):  # OSError: no ROS environment is set up
        pass
    return Path(__file__).resolve().parents[1] / "models"


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a bundle, given as a path or as the name of an installed model.

    Raises HandPoseError when there is no such bundle, naming those that exist.
    """
    for folder in (Path(name_or_path).expanduser(), models_folder() / name_or_path):
        if (folder / MANIFEST).is_file():
            return folder
    installed = sorted(path.parent.name for path in models_folder().glob(f"*/{MANIFEST}"))
    raise HandPoseError(
        f"no model bundle '{name_or_path}' (a folder with a {MANIFEST}) as a path or under {models_folder()}; "
        f"installed there: {', '.join(installed) or 'none'}"
    )


def load_bundle(name_or_path: str | Path) -> Bundle:
    """Read a bundle's manifest and verify it and every file it names. Raises HandPoseError saying what is wrong."""
    folder = find_bundle(name_or_path)
    path = folder / MANIFEST
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise HandPoseError(f"{path} cannot be read ({reason}); restore the bundle from its source") from error
    manifest = _Reader(path, content)
    version = manifest.get("format_version", int)
    if version != FORMAT_VERSION:
        manifest.fail(
            "format_version", f"is {version}, this software reads {FORMAT_VERSION}; update the older of the two"
        )
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
        modality: CovarianceSpec(
            scale=(entry := manifest.child("covariance", modality)).numbers("scale", JOINT_COUNT),
            floor_m2=entry.numbers("floor_m2", JOINT_COUNT),
        )
        for modality in supported_modalities(encoders)
    }
    weights: dict[Modality, dict[str, float]] = {}
    for modality in manifest.get("weights") if "weights" in content else {}:
        entry = manifest.child("weights", modality)
        weights[modality] = {key: entry.positive(key) for key in entry.content}
    rgb, crop = encoders.get("rgb"), manifest.child("crop")
    bundle = Bundle(
        folder=folder,
        name=manifest.get("name", str),
        version=manifest.get("version", str),
        latent_size=manifest.positive("latent_size", int),
        crop=CropSpec(
            size_m=crop.positive("size_m"),
            box_scale=crop.positive("box_scale"),
            rgb_size=rgb.positive("size", int) if rgb else None,
            depth_size=encoders["depth"].positive("size", int) if "depth" in encoders else None,
            points=encoders["cloud"].positive("points", int) if "cloud" in encoders else None,
        ),
        encoders={key: entry.file() for key, entry in encoders.items()},
        decoders={key: entry.file() for key, entry in decoders.items()},
        cloud_points=decoders["cloud"].positive("points", int),
        covariance=covariance,
        weights=weights,
        rgb_mean=rgb.numbers("mean", 3) if rgb else np.zeros(3),
        rgb_std=rgb.numbers("std", 3) if rgb else np.ones(3),
        card=manifest.get("card"),
    )
    if not (bundle.rgb_std > 0).all():
        manifest.fail("encoders.rgb.std", "must be positive")
    _verify_files(manifest, [*bundle.encoders.values(), *bundle.decoders.values()])
    return bundle


def _verify_files(manifest: _Reader, files: list[Path]) -> None:
    expected = manifest.get("sha256")
    for file in files:
        if file.name not in expected:
            manifest.fail("sha256", f"has no entry for {file.name}; export the bundle again")
        if not file.is_file():
            raise HandPoseError(
                f"{file} is missing though {manifest.path} names it; restore the bundle from its source"
            )
        if _sha256(file) != expected[file.name]:
            raise HandPoseError(
                f"{file} ({file.stat().st_size} bytes) is truncated or altered: its sha256 is not the one in "
                f"{MANIFEST}; restore the bundle from its source"
            )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Reader:
    """A mapping of the manifest that names file and field when something is not as it should be."""

    def __init__(self, path: Path, content: object, prefix: str = "") -> None:
        self.path, self.prefix = path, prefix
        if not isinstance(content, dict):
            raise HandPoseError(
                f"{path}: '{prefix.rstrip('.') or 'the manifest'}' must be a mapping; export the bundle again"
            )
        self.content = content

    def fail(self, key: str, problem: str) -> None:
        raise HandPoseError(f"{self.path}: '{self.prefix}{key}' {problem}")

    def get(self, key: str, kind: type = dict) -> Any:
        value = self.content.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = {dict: "a mapping", list: "a list", str: "a text", int: "a whole number"}.get(kind, "a number")
            self.fail(key, f"must be {wanted}, not {value!r}; export the bundle again")
        return value

    def child(self, *keys: str) -> _Reader:
        reader = self
        for key in keys:
            reader = _Reader(self.path, reader.get(key), f"{reader.prefix}{key}.")
        return reader

    def positive(self, key: str, kind: type = object) -> Any:
        value = self.get(key, kind)
        if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            self.fail(key, f"must be a positive number, not {value!r}; export the bundle again")
        return value

    def numbers(self, key: str, count: int) -> FloatArray:
        values = self.get(key, list)
        if len(values) != count or not all(isinstance(v, (int, float)) and 0 <= v < float("inf") for v in values):
            self.fail(key, f"must be {count} numbers, finite and not negative; export the bundle again")
        return np.array(values, dtype=np.float64)

    def file(self) -> Path:
        """The file this entry names: a plain name, so that a bundle cannot reach outside its folder."""
        name = self.get("file", str)
        if not name or Path(name).name != name or name in (".", "..") or "\\" in name:
            self.fail("file", f"must be a plain file name, not {name!r}")
        return self.path.parent / name
