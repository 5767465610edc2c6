"""Arguments and progress shared by the commands that run the estimator."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hand_pose_ros.types import HandPoseError

if TYPE_CHECKING:
    from hand_pose_ros.estimator import HandEstimator
    from hand_pose_ros.recordings import NamedFrame, Recording

DEFAULT_MODEL = "hand"


def add_estimator_arguments(parser: argparse.ArgumentParser) -> None:
    """--model, --modalities, --side, --providers, --threads, --looks and --detector."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="BUNDLE",
        help="model bundle: a folder with a manifest.yaml, or the name of an installed one (default: %(default)s)",
    )
    parser.add_argument(
        "--modalities",
        choices=("rgbd", "rgb", "depth"),
        default="rgbd",
        help="what to look at; rgbd takes whatever each frame has of the two (default: %(default)s)",
    )
    parser.add_argument(
        "--side",
        choices=("auto", "left", "right"),
        default="auto",
        help="which hand it is; auto lets the model decide (default: %(default)s)",
    )
    add_providers_argument(parser)
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="CPU threads of the encoders (default: %(default)s)"
    )
    parser.add_argument(
        "--looks",
        type=int,
        choices=(1, 2, 3),
        metavar="N",
        help="how often each hand is looked at, 1 to 3, the picture turned in between (default: as the bundle says, "
        "less often from the third hand on)",
    )
    add_detector_argument(parser)


def add_detector_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detector",
        choices=("auto", "learned", "depth"),
        default="auto",
        help="what looks for hands in frames without a box: a network; blobs of the depth picture (without depth the "
        "whole picture is the hand); or the network, and blobs where it finds nothing in depth alone "
        "(default: %(default)s)",
    )


def add_boxes_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ignore-boxes", action="store_true", help="look for the hands also in frames that bring a box around theirs"
    )


def frames_of(recording: Recording, arguments: argparse.Namespace) -> Iterator[NamedFrame]:
    """The recording's frames, without their boxes where the arguments say so."""
    for frame in recording.frames():
        yield replace(frame, box=None) if arguments.ignore_boxes else frame


def add_providers_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--providers",
        type=lambda text: text.split(","),
        metavar="NAME,...",
        help="what runs the networks, tried in this order: ONNX Runtime's execution providers, TorchCUDA, TorchCPU "
        "(default: ONNX Runtime on CUDA, then on the CPU)",
    )


def make_estimator(arguments: argparse.Namespace) -> HandEstimator:
    """The estimator that the arguments ask for; says which of the providers asked for do not run."""
    from hand_pose_ros.backend import DEFAULT_PROVIDERS
    from hand_pose_ros.bundle import load_bundle
    from hand_pose_ros.detector.detector import HandDetector
    from hand_pose_ros.detector.finders import by_network
    from hand_pose_ros.estimator import EstimatorOptions, HandEstimator

    providers, finder = arguments.providers or DEFAULT_PROVIDERS, None
    bundle = load_bundle(arguments.model)
    if arguments.detector != "depth":
        detector = HandDetector(providers=providers, threads=arguments.threads)
        finder = by_network(arguments.detector, detector, bundle.crop.box_scale)
    options = EstimatorOptions(max_hands=getattr(arguments, "max_hands", 1), looks=arguments.looks, finder=finder)
    estimator = HandEstimator(bundle, providers=providers, threads=arguments.threads, options=options)
    if arguments.providers:
        for name, why in estimator.passed_over.items():
            print(f"{name} does not run: {why}", file=sys.stderr)
    return estimator


def show_progress(what: str) -> Callable[[int], None]:
    """A callback that counts frames on one line of a terminal, and is silent elsewhere."""

    def show(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{what}: {done} frames", end="", file=sys.stderr, flush=True)

    return show


def end_progress() -> None:
    """Ends the line of `show_progress`."""
    if sys.stderr.isatty():
        print(file=sys.stderr)


def write_json(path: Path, figures: dict[str, Any]) -> None:
    """Raises HandPoseError where the file cannot be written."""
    write_text(path, json.dumps(figures, indent=2, allow_nan=False) + "\n", "--json")


def write_text(path: Path, text: str, option: str = "-o") -> None:
    """option: that of the command with which another place is chosen. Raises HandPoseError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HandPoseError(f"{path}: cannot be written ({error}); choose another place with {option}") from error


def or_none(value: float) -> float | None:
    """For JSON, which knows no NaN."""
    return value if math.isfinite(value) else None
