"""Trained stages to a model bundle: ONNX files checked against torch, calibrated covariances, manifest and card."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from hand_pose_ros.backend import Network
from hand_pose_ros.bundle import Bundle, CovarianceSpec, load_bundle
from hand_pose_ros.encode import HandEncoder
from hand_pose_ros.manifest import sha256
from hand_pose_ros.quantise import ARITHMETIC, to_int8
from hand_pose_ros.skeleton import JOINT_COUNT, JOINT_NAMES
from hand_pose_ros.types import HandRegion, Modality
from training.calibrate import calibrate, choose_weight, moved_mm, report
from training.detector.photos import Scene
from training.hands.model import Array
from training.hands.pictures import RgbdBatch, rgbd_batches
from training.hands.scene import CROP_SIZE_M, SceneSettings
from training.held_out import BATCH, Hand, crops_of_batches, crops_of_folder, open_encoder, see
from training.networks import LATENT, RGB_MEAN, RGB_STD, ExpertHead
from training.onnx_export import ROUNDED_WEIGHTS, export_network, round_weights
from training.presence import believed, fit_presence, look_through, places_of_scenes, sample_places
from training.provenance import provenance
from training.run import load_space, load_student, read_experiment, rgb_folders, scene_settings

#: Without depth the crop's side is the box's times this; the middle of what training framed.
BOX_SCALE = 1.25
#: Far from the seeds that training uses.
VALIDATION_SEED = 987_654_321
VALIDATION_BATCHES = 32
#: Pictures from which the ranges of an int8 encoder's activations are taken.
RANGE_PICTURES = 192
#: Crops to fit presence on, and as many again to report on; whole batches.
PLACES = 6144
#: How often a hand is looked at, the picture turned in between.
LOOKS = 3
#: What colour has to better joints by to be looked at beside depth on a CPU: as much as the further looks with depth
#: alone that fit in the same time.
WORTH_ON_CPU = 0.05
ENCODER_OUTPUTS = ("mean", "log_var", "side_logit", "presence_logit")
MODALITIES: tuple[Modality, ...] = ("rgbd", "rgb", "depth")


def export(
    experiment: Path,
    runs: Path,
    bundle: Path,
    name: str,
    version: str,
    *,
    calibrate_on: Sequence[Path] = (),
    unseen: Sequence[Path] = (),
    scenes: Sequence[Scene] = (),
    int8: bool = False,
) -> dict[str, Any]:
    """Write the trained stages in `runs` as a bundle to the folder `bundle`; returns its manifest.

    Fusion and covariances are fitted on half of the generator's held-out hands and of the frames folders
    `calibrate_on`; reported are the other halves and all of `unseen`. scenes: pictures with hands, in which, beside the
    generator's crops, presence is fitted to what is a hand and what is not. int8: the encoders in 8-bit integers, for
    CPUs. Raises HandPoseError where an exported network differs from torch's by a relative error of 1e-3 or more.
    """
    config = read_experiment(experiment)
    bundle.mkdir(parents=True, exist_ok=True)
    parity = _write_networks(config, runs, bundle)
    as_it_comes = CovarianceSpec(np.ones(JOINT_COUNT), np.zeros(JOINT_COUNT))
    manifest: dict[str, Any] = {
        "format_version": 1,
        "name": name,
        "version": version,
        "skeleton": list(JOINT_NAMES),
        "latent_size": LATENT,
        "looks": LOOKS,
        "crop": {"size_m": CROP_SIZE_M, "box_scale": BOX_SCALE},
        "encoders": {
            "rgb": {
                "file": "encoder_rgb.onnx",
                "size": config["rgb"]["size"],
                "mean": list(RGB_MEAN),
                "std": list(RGB_STD),
            },
            "depth": {"file": "encoder_depth.onnx", "size": config["depth"]["size"]},
        },
        "decoders": {
            "joints": {"file": "decoder_joints.onnx"},
            "cloud": {"file": "decoder_cloud.onnx", "points": 256},
        },
        "covariance": {modality: _plain(as_it_comes) for modality in MODALITIES},
        "weights": {},
        "sha256": {},
        "card": provenance(config, runs, parity),
    }
    _sign(bundle, manifest)

    # from here on as the estimator sees: with a bundle
    pictures = list(crops_of_batches(_validation_batches(config)))
    shown = pictures[:RANGE_PICTURES]
    trained = [key for key in manifest["encoders"] if not config[key].get("keep")]
    changed = _round_encoders(bundle, manifest, shown) if int8 else _pack_encoders(bundle, manifest, shown, trained)
    manifest["card"]["encoders"] = changed
    written, places = load_bundle(bundle), look_through(scenes)
    manifest["card"]["presence"] = {
        key: _fit_presence(written, key, config[key], places) for key in manifest["encoders"]
    }
    _sign(bundle, manifest)
    opened = load_bundle(bundle)
    sources: dict[str, Iterable[Hand]] = {"synthetic": pictures}
    sources |= {folder.name: crops_of_folder(folder, opened) for folder in (*calibrate_on, *unseen)}
    encoder, decoder = open_encoder(opened), Network(opened.decoders["joints"])
    seen = {name: see(encoder, hands) for name, hands in sources.items()}
    fitted = {name: seen[name] for name in ("synthetic", *(folder.name for folder in calibrate_on))}
    weight, by_weight = choose_weight(decoder, list(fitted.values()), WORTH_ON_CPU if int8 else 0.0)
    manifest["weights"] = {"rgbd": {"rgb": weight}}
    manifest["card"]["wrist_relative_mm_by_weight_of_colour"] = {w: round(mm, 2) for w, mm in by_weight.items()}
    reports: dict[str, dict[str, Any]] = {name: {"hands": len(hands.joints)} for name, hands in seen.items()}
    for modality in MODALITIES:
        weights = manifest["weights"].get(modality, {})
        spec = calibrate(decoder, list(fitted.values()), modality, weights)
        manifest["covariance"][modality] = _plain(spec)
        for name, hands in seen.items():
            unfitted = hands if name in fitted else hands.all_held_out()
            reports[name][modality] = vars(report(spec, decoder, unfitted, modality, weights))
    manifest["card"]["accuracy"] = {"held_out": reports}
    _sign(bundle, manifest)
    return manifest


def _write_networks(config: dict[str, Any], runs: Path, bundle: Path) -> dict[str, float]:
    """The encoders and decoders as ONNX files; the relative errors against torch of those that were trained."""
    space = load_space(runs)
    torch.manual_seed(0)
    latents = {"z": torch.randn(2, LATENT)}
    jobs: dict[str, tuple[nn.Module, dict[str, Tensor], tuple[str, ...]]] = {
        "decoder_joints": (space.joints_decoder, latents, ("joints", "joints_2d")),
        "decoder_cloud": (space.cloud_decoder, latents, ("cloud",)),
    }
    for stage, channels in (("rgb", 3), ("depth", 1)):
        if config[stage].get("keep"):
            shutil.copyfile(config[stage]["keep"], bundle / f"encoder_{stage}.onnx")
            continue
        size = config[stage]["size"]
        encoder = load_student(runs, stage, config[stage]).encoder
        forget_side_prior(cast(ExpertHead, encoder.head))
        seen = {"x": torch.rand(2, channels, size, size) * 2 - 1}
        if stage == "depth":
            seen["tan_half"] = torch.rand(2) * 0.4
        jobs[f"encoder_{stage}"] = encoder, seen, ENCODER_OUTPUTS
    return {key: export_network(bundle / f"{key}.onnx", *job) for key, job in jobs.items()}


def forget_side_prior(head: ExpertHead) -> None:
    """Take out of the side's logit that training shows more right hands than left ones: a robot sees as many."""
    with torch.no_grad():
        mirrored = SceneSettings().mirrored
        head.out.bias[-2] -= math.log((1 - mirrored) / mirrored)


def _validation_batches(config: dict[str, Any]) -> Iterator[RgbdBatch]:
    folders, settings = rgb_folders(config["rgb"]), scene_settings(config["rgb"])
    sizes = config["rgb"]["size"], config["depth"]["size"]
    return islice(rgbd_batches(VALIDATION_SEED, BATCH, *sizes, **folders, settings=settings), VALIDATION_BATCHES)


def _round_encoders(bundle: Path, manifest: dict[str, Any], pictures: Sequence[Hand]) -> dict[str, Any]:
    """The bundle's encoders in 8-bit integers, in place; for the card, how that moves the joints of these hands."""

    def to_integers(encoder: HandEncoder, key: str, path: Path) -> None:
        inputs = encoder.inputs(key, [crop for crop, _ in pictures])
        to_int8(path, [{name: x[k : k + 1] for name, x in inputs.items()} for k in range(len(pictures))])

    return {
        "arithmetic": ARITHMETIC,
        "ranges_from_pictures": len(pictures),
        "joints_moved_mm": _change_encoders(bundle, manifest, pictures, to_integers),
    }


def _pack_encoders(
    bundle: Path, manifest: dict[str, Any], pictures: Sequence[Hand], keys: Sequence[str]
) -> dict[str, Any]:
    """Those encoders' weights in 7 bits, in place; for the card, how that moves these hands' joints."""

    def pack(_: HandEncoder, key: str, path: Path) -> None:
        if key in keys:
            round_weights(path)

    return {
        "arithmetic": f"{ROUNDED_WEIGHTS} ({', '.join(keys)})",
        "joints_moved_mm": _change_encoders(bundle, manifest, pictures, pack),
    }


def _change_encoders(
    bundle: Path, manifest: dict[str, Any], pictures: Sequence[Hand], change: Callable[[HandEncoder, str, Path], None]
) -> dict[str, float]:
    """Change each encoder's file in place; how many mm that moves the joints of these hands, by modality."""
    opened = load_bundle(bundle)
    encoder = open_encoder(opened)
    before = see(encoder, pictures)
    for key, path in opened.encoders.items():
        change(encoder, key, path)
    _sign(bundle, manifest)
    after = see(open_encoder(load_bundle(bundle)), pictures)
    decoder = Network(opened.decoders["joints"])
    return {m: round(moved_mm(decoder, before, after, m), 2) for m in ("rgb", "depth")}


def _fit_presence(
    opened: Bundle, stage: str, settings: dict[str, Any], scenes: Sequence[tuple[Scene, list[HandRegion]]]
) -> dict[str, Any]:
    """Fit an encoder's presence, in place, to the generator's crops and to places in pictures; for the card, what is
    believed of crops that nothing was fitted to."""
    graph = opened.encoders[stage]
    to_fit, rest = (partial(sample_places, stage, settings, VALIDATION_SEED + k, PLACES) for k in range(2))
    before = believed(graph, rest())
    count = fit_presence(graph, chain(to_fit(), places_of_scenes(opened, stage, scenes)))
    shares = {"believed": believed(graph, rest()), "as_learnt_beside_the_pose": before}
    return {"fitted_to": {"crops": PLACES, "places_in_pictures": count - PLACES}, "places": PLACES} | {
        name: {key: round(value, 3) for key, value in share.items()} for name, share in shares.items()
    }


def add_to_card(bundle: Path, found: dict[str, Any], entry: str, *within: str) -> None:
    """Write what was found of a bundle into its card, as `entry` of the entries `within` each other that it lies in."""
    manifest = yaml.safe_load((bundle / "manifest.yaml").read_text())
    holder = manifest["card"]
    for name in within:
        holder = holder[name]
    holder[entry] = found
    write_manifest(bundle, manifest)


def write_manifest(bundle: Path, manifest: dict[str, Any]) -> None:
    (bundle / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False, width=120))


def _sign(bundle: Path, manifest: dict[str, Any]) -> None:
    files = sorted(bundle.glob("*.onnx"))
    manifest["sha256"] = {file.name: sha256(file) for file in files}
    write_manifest(bundle, manifest)


def _plain(spec: CovarianceSpec) -> dict[str, Any]:
    """As the manifest has it."""
    entry: dict[str, Any] = {"scale": _rounded(spec.scale, 5), "floor_m2": _rounded(spec.floor_m2, 9)}
    if spec.power > 0:
        entry |= {"power": spec.power, "typical_m2": float(f"{spec.typical_m2:.4e}")}
    return entry


def _rounded(values: Array, digits: int) -> list[float]:
    return [round(float(v), digits) for v in values]
