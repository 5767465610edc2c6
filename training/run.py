"""`hand-pose-train run`: an experiment file's stages, one after the other or one alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from hand_pose_ros.types import HandPoseError
from training.backbones import PretrainedEncoder, load_imagenet
from training.engine import fit
from training.hands.samples import depth_batches, pose_batches
from training.hands.scene import SceneSettings
from training.stages import WEIGHTS, LatentSpace, Student, build_student
from training.warm_start import start_from

STAGES = ("latent", "depth", "rgb")
#: What each stage must be told.
NEEDED = {
    "latent": ("minutes", "batch", "lr"),
    "depth": ("minutes", "batch", "lr", "size"),
    "rgb": ("minutes", "batch", "lr", "size", "facing", "skins", "backgrounds"),
}


def run(
    experiment: Path,
    folder: Path,
    stages: tuple[str, ...] = STAGES,
    workers: int = 1,
    device: str = "cpu",
    stop_after: float | None = None,
) -> None:
    """Run `stages` of an experiment into `folder`; each resumes where it stopped, and one that says which exported
    encoder to `keep` is passed over. What `device` and `stop_after` (minutes, of all stages together) mean is told in
    `engine.fit`.

    Raises HandPoseError where the experiment lacks a stage or a setting, or an encoder is asked for before the latent
    space.
    """
    config = read_experiment(experiment)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config["seed"])
    end = math.inf if stop_after is None else time.monotonic() + 60 * stop_after
    known = [stage for stage in STAGES if stage in config]
    for stage in stages:
        if stage not in known:
            raise HandPoseError(f"{experiment} has no stage '{stage}'; it has {', '.join(known)}")
        settings = config[stage]
        if settings.get("keep"):  # an exported encoder, which `export` takes over as it is
            continue
        lacking = [key for key in NEEDED[stage] if key not in settings]
        if lacking:
            raise HandPoseError(f"{experiment}: the stage '{stage}' lacks {', '.join(lacking)}")
        left = (end - time.monotonic()) / 60
        if left <= 0:
            return
        common: dict[str, Any] = {"folder": folder, "name": stage, "workers": workers}
        common |= {"device": device, "stop_after": left}
        common |= {key: settings[key] for key in ("minutes", "lr")}
        if stage == "latent":
            poses = partial(pose_batches, batch=settings["batch"], settings=scene_settings(settings))
            fit(new_space(settings), LatentSpace.loss, poses, seed=config["seed"], **common)
            continue
        space = load_space(folder).to(device)
        student = build_encoder(stage, settings)
        make = batch_maker(stage, settings)
        if not (folder / f"{stage}.ckpt").exists():
            start(student, settings, make)
        for part in settings.get("frozen", ()):
            student.encoder.get_submodule(part).requires_grad_(False).eval()
        loss = partial(Student.loss, space=space)
        fit(student, loss, make, seed=config["seed"] + 1 + STAGES.index(stage), **common)


def new_space(settings: dict[str, Any]) -> LatentSpace:
    """A latent space to be trained; where the setting `start_from` names a bundle's decoder of joints, around that one
    as it is, so that the bundle's encoders keep their meaning and can be trained further. The decoder of the surface
    beside it is trained on."""
    space = LatentSpace()
    if settings.get("start_from"):
        decoder = Path(settings["start_from"])
        start_from(space.joints_decoder, decoder)
        start_from(space.cloud_decoder, decoder.with_name("decoder_cloud.onnx"))
        space.joints_decoder.requires_grad_(False)
    return space


def start(student: Student, settings: dict[str, Any], make: Callable[[int], Iterator[Any]]) -> None:
    """Give a new encoder the best weights there are: those of the exported one that the setting `start_from` names,
    else for colour ImageNet's."""
    if settings.get("start_from"):
        batch = {name: torch.from_numpy(array) for name, array in vars(next(make(0))).items()}
        start_from(student.encoder, Path(settings["start_from"]), *student.see(batch))
    elif isinstance(student.encoder, PretrainedEncoder):
        load_imagenet(student.encoder)


def batch_maker(stage: str, settings: dict[str, Any]) -> Callable[[int], Iterator[Any]]:
    """The generator of an encoder's training batches, from its seed."""
    if stage == "depth":
        given = {key: settings[key] for key in ("batch", "size")}
        return partial(depth_batches, **given, settings=scene_settings(settings))
    from training.hands.pictures import rgb_batches

    given = {key: settings[key] for key in ("batch", "size", "facing", "cubes") if key in settings}
    folders = rgb_folders(settings)
    make = partial(rgb_batches, **given, **folders, settings=scene_settings(settings))
    if not settings.get("pseudo_labels"):
        return make
    from training.pseudo.batches import beside

    real = {"labels": Path(settings["pseudo_labels"]), "batch": settings["pseudo_batch"], "size": settings["size"]}
    return partial(beside, synthetic=make, **real, backgrounds=folders["backgrounds"])


def scene_settings(settings: dict[str, Any]) -> SceneSettings:
    """What a stage's settings say of its scenes: the bank of real poses, where they name one, and the share `empty`."""
    said = {"empty": settings["empty"]} if "empty" in settings else {}
    return SceneSettings(poses=Path(settings["poses"]) if settings.get("poses") else None, **said)


def rgb_folders(settings: dict[str, Any]) -> dict[str, Any]:
    """The paths of the skins and the background photos, None for procedural ones."""
    return {key: Path(settings[key]) if settings[key] else None for key in ("skins", "backgrounds")}


def read_experiment(path: Path) -> dict[str, Any]:
    """The experiment's settings; raises HandPoseError where the file is missing or is no mapping with a seed."""
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise HandPoseError(f"cannot read the experiment {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise HandPoseError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict) or "seed" not in config:
        raise HandPoseError(f"{path} is no experiment: it needs a 'seed' and at least one stage")
    return config


def load_space(folder: Path) -> LatentSpace:
    """The frozen latent space of `folder`; raises HandPoseError where it was not trained yet."""
    space = LatentSpace()
    load_average(folder / "latent.ckpt", space)
    return space.eval().requires_grad_(False)


def build_encoder(stage: str, settings: dict[str, Any]) -> Student:
    """The encoder that a stage's settings ask for, not trained yet."""
    return build_student(stage, settings["size"], settings.get("further", 0), settings.get("weights", WEIGHTS))


def load_student(folder: Path, stage: str, settings: dict[str, Any]) -> Student:
    """A trained encoder of `folder`; raises HandPoseError where it was not trained yet."""
    student = build_encoder(stage, settings)
    load_average(folder / f"{stage}.ckpt", student)
    return student.eval().requires_grad_(False)


def load_average(path: Path, module: torch.nn.Module) -> None:
    """Load the moving average of a checkpoint into `module`."""
    if not path.exists():
        raise HandPoseError(f"{path} does not exist: run the stage '{path.stem}' first")
    state = torch.load(path, weights_only=True, map_location="cpu")
    prefix = "module."
    module.load_state_dict({k.removeprefix(prefix): v for k, v in state["average"].items() if k.startswith(prefix)})
