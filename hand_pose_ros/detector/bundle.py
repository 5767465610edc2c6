"""A detector's bundle: a folder with one ONNX file and a `manifest.yaml`, verified before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hand_pose_ros.manifest import MANIFEST, read_manifest, short_hash, verify_files
from hand_pose_ros.types import FloatArray


@dataclass(frozen=True)
class DetectorBundle:
    """width, height: pixels of what the network is shown. stride: of these pixels a cell of its maps is wide.
    rgb_mean, rgb_std: (3,), of colour values 0..1. depth_span_m: depth is shown as z / depth_span_m - 1, at most 1.
    threshold: confidence from which on a hand is counted.
    """

    folder: Path
    name: str
    version: str
    network: Path
    width: int
    height: int
    stride: int
    rgb_mean: FloatArray
    rgb_std: FloatArray
    depth_span_m: float
    threshold: float
    card: Mapping[str, Any] = field(repr=False)

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that name this bundle."""
        return short_hash(self.folder / MANIFEST)


def load_detector_bundle(name_or_path: str | Path) -> DetectorBundle:
    """Read a detector's manifest and verify it and its file. Raises HandPoseError saying what is wrong."""
    manifest = read_manifest(name_or_path)
    if manifest.get("kind", str) != "detector":
        manifest.fail("kind", "must be 'detector'; name the folder of a detector, not of a hand model")
    network = manifest.child("network")
    bundle = DetectorBundle(
        folder=manifest.path.parent,
        name=manifest.get("name", str),
        version=manifest.get("version", str),
        network=network.file(),
        width=network.positive("width", int),
        height=network.positive("height", int),
        stride=network.positive("stride", int),
        rgb_mean=network.numbers("rgb_mean", 3),
        rgb_std=network.numbers("rgb_std", 3),
        depth_span_m=network.positive("depth_span_m"),
        threshold=network.positive("threshold"),
        card=manifest.get("card"),
    )
    if not (bundle.rgb_std > 0).all():
        manifest.fail("network.rgb_std", "must be positive")
    if bundle.width % (2 * bundle.stride) or bundle.height % (2 * bundle.stride):
        manifest.fail("network.stride", "must divide half of width and height; export the bundle again")
    verify_files(manifest, [bundle.network])
    return bundle
