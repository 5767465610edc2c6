"""The network that finds hands in whole pictures, from photos with boxes and rendered rooms to a bundle.

PHOTOS is a folder with `images/` and a table of boxes (file, orig_w, orig_h, class, xmin, ymin, xmax, ymax). One in
four of its films, by the hash of the film's name, is held out from everything but the score. HANDS is a folder of
pictures of single right hands on a plain background, `IMG_<number>.JPG`, which are cut out and put into other pictures;
one in four hundreds of numbers is held out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hand_pose_ros.types import HandPoseError

if TYPE_CHECKING:
    from hand_pose_ros.types import Modality, RgbdFrame
    from training.detector.cutouts import Cutout
    from training.detector.photos import Photo, Scene

HELP = "train, export and score the detector"
RUNS = Path("runs/detector")
#: Hands that a hand model looks for in a picture.
MOST_HANDS = 4
#: Pictures that the ranges of an int8 network's activations are taken from.
RANGE_ROOMS, RANGE_PHOTOS = 48, 24
#: Of the columns of the table of scores, in characters.
WIDTHS = (9, 7, 7, 11, 8, 8, 7, 6)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True)
    render = steps.add_parser("render", help="render rooms with hands to learn from, or to be held out")
    render.add_argument("rooms", type=Path, help="folder to write")
    render.add_argument("--count", type=int, default=2000, help="(default: %(default)s)")
    render.add_argument("--seed", type=int, default=7, help="(default: %(default)s)")
    render.add_argument("--skins", type=Path, help="folder of skin textures; without one the skin is procedural")
    render.add_argument("--photos", type=Path, help="photos whose patches without hands are the backgrounds")
    render.add_argument(
        "--nearest", type=float, default=0.2, metavar="M", help="distance of the nearest hands (default: %(default)s)"
    )
    render.add_argument(
        "--farthest", type=float, default=1.5, metavar="M", help="and of the farthest (default: %(default)s)"
    )

    train = steps.add_parser("run", help="train; resumes where it stopped")
    train.add_argument("--photos", type=Path, help="photos with boxes")
    train.add_argument("--rooms", type=Path, help="rendered rooms")
    train.add_argument("--hands", type=Path, help="single hands to put into the pictures")
    train.add_argument("--start", type=Path, help="an exported detector (*.onnx) to go on from")
    train.add_argument("--out", type=Path, default=RUNS, help="folder of checkpoints and logs (default: %(default)s)")
    train.add_argument("--minutes", type=float, default=60, help="in all (default: %(default)s)")
    train.add_argument("--workers", type=int, default=1, help="processes that make samples (default: %(default)s)")

    export = steps.add_parser("export", help="write the trained network as a bundle, checked and scored")
    export.add_argument("--runs", type=Path, default=RUNS, help="folder of checkpoints (default: %(default)s)")
    export.add_argument("--bundle", type=Path, default=Path("models/detector"), help="folder (default: %(default)s)")
    export.add_argument("--version", default="0.1.0")
    export.add_argument("--note", help="for the card: what else is to be known about this training")
    export.add_argument("--threshold", type=float, default=0.4, help="least confidence (default: %(default)s)")
    export.add_argument(
        "--int8", type=Path, metavar="ROOMS", help="8-bit integers, with ranges from rooms and --photos learnt from"
    )
    export.add_argument("--photos", type=Path, help="photos with boxes, to score the held-out ones for the card")
    export.add_argument("--rooms", type=Path, help="rendered rooms that were not trained on, to score for the card")
    export.add_argument("--near-rooms", type=Path, help="such rooms with hands near the camera, as well")
    export.add_argument("--hands", type=Path, help="single hands, to score the held-out ones in held-out photos")

    evaluate = steps.add_parser("evaluate", help="score a bundle on held-out photos and rooms: a table and JSON")
    evaluate.add_argument("--bundle", default="detector", help="name or folder (default: %(default)s)")
    evaluate.add_argument(
        "--model", help="a hand model, name or folder: the side of hands, and hands elsewhere, as it sees them"
    )
    evaluate.add_argument("--photos", type=Path, help="photos with boxes, of which only the held-out ones are used")
    evaluate.add_argument("--rooms", type=Path, help="rendered rooms that were not trained on")
    evaluate.add_argument("--near-rooms", type=Path, help="such rooms with hands near the camera")
    evaluate.add_argument(
        "--hands", type=Path, help="single hands, of which the held-out ones are put into such photos"
    )


def run(args: argparse.Namespace) -> int:
    from training.detector.photos import read_photos

    learnt, held_out = read_photos(args.photos) if getattr(args, "photos", None) else ([], [])
    if args.step == "render":
        from training.detector.rendered import render_rooms

        table = next(iter(sorted(args.photos.glob("*.csv"))), None) if args.photos else None
        render_rooms(args.rooms, args.count, args.seed, args.skins, learnt, table, args.nearest, args.farthest)
        print(f"{args.count} rooms in {args.rooms}")
        return 0
    from training.detector.cutouts import read_cutouts
    from training.detector.rendered import read_rooms

    rooms = read_rooms(args.rooms) if args.rooms else []
    hands, held_out_hands = read_cutouts(args.hands) if args.hands else ([], [])
    if args.step == "run":
        if not learnt and not rooms:
            raise HandPoseError("there is nothing to learn from; give --photos or --rooms or both")
        import torch

        from training.detector.run import run as train
        from training.detector.samples import Sources

        torch.set_num_threads(1)
        train(Sources(learnt, rooms, hands), args.out, args.minutes, args.workers, args.start)
        return 0
    scenes = _held_out(held_out, held_out_hands, rooms, read_rooms(args.near_rooms) if args.near_rooms else [])
    if args.step == "export":
        from training.detector.run import export
        from training.export import write_manifest

        notes = {"note": args.note} if args.note else {}
        frames = _seen_in_training(read_rooms(args.int8), learnt) if args.int8 else []
        manifest = export(args.runs, args.bundle, args.version, args.threshold, notes, frames)
        accuracy = _scores(str(args.bundle), scenes)
        if accuracy:
            manifest["card"]["accuracy"] = accuracy
            write_manifest(args.bundle, manifest)
        print(f"{args.bundle}")
        return 0
    if not scenes:
        raise HandPoseError("there is nothing to score on; give --photos or --rooms or both")
    rows = _scores(args.bundle, scenes)
    if args.model:
        rows["hand_model"] = _scores_of_model(args.model, args.bundle, scenes)
    print(json.dumps(rows, indent=2))
    return 0


def _seen_in_training(rooms: list[Scene], photos: list[Photo]) -> list[RgbdFrame]:
    """Some of the rooms, in turn as either camera and both see them, and some of the photos."""
    from training.detector.evaluate import frame_of

    seen: tuple[Modality, ...] = ("rgbd", "rgb", "depth")
    frames = [frame_of(room, seen[k % 3]) for k, room in enumerate(rooms[:: -(-len(rooms) // RANGE_ROOMS)])]
    return frames + [frame_of(photo.read(), "rgb") for photo in photos[:: max(1, len(photos) // RANGE_PHOTOS)]]


def _held_out(
    photos: list[Photo], hands: list[Cutout], rooms: list[Scene], near_rooms: list[Scene]
) -> dict[str, tuple[Modality, list[Scene]]]:
    """By name: what is to be shown of the scenes, and the scenes."""
    import numpy as np

    from training.detector.cutouts import put_in
    from training.detector.samples import small
    from training.detector.windows import beside_hands, close_ups

    given: dict[str, tuple[Modality, list[Scene]]] = {}
    if photos:
        scenes = [photo.read() for photo in photos]
        rng = np.random.default_rng(0)
        given["held_out_photos"] = "rgb", scenes
        given["held_out_close_ups"] = "rgb", [window for scene in scenes for window in close_ups(rng, scene)]
        given["held_out_no_hands"] = "rgb", [beside for scene in scenes if (beside := beside_hands(scene)) is not None]
    if photos and hands:
        rng = np.random.default_rng(0)
        given["held_out_people"] = "rgb", [put_in(rng, small(scene, 1.0), hands) for scene in scenes]
    every: tuple[Modality, ...] = ("rgbd", "rgb", "depth")
    for name, held_out in (("rooms", rooms), ("near_rooms", near_rooms)):
        given |= {f"{name}_{seen}": (seen, held_out) for seen in every if held_out}
    return given


def _scores(bundle: str, scenes: dict[str, tuple[Modality, list[Scene]]]) -> dict[str, dict[str, Any]]:
    """Tables on the terminal, of all hands and by their size, and the same as plain data."""
    from hand_pose_ros.detector import HandDetector
    from training.detector.evaluate import SIZES, as_row, evaluate

    detector = HandDetector(bundle)
    made = {name: evaluate(detector, held_out, seen) for name, (seen, held_out) in scenes.items()}
    names = ("pictures", "hands", "AP", "precision", "recall", "middle", "none", "ms")
    print(" " * 24 + "".join(f"{name:>{width}}" for name, width in zip(names, WIDTHS, strict=True)))
    for name, result in made.items():
        scores = result.of_all
        counts, shares = (scores.pictures, scores.hands), list(vars(scores).values())[2:]
        values = [*map(str, counts), *(f"{share:.3f}" for share in shares), f"{result.median_ms:.1f}"]
        print(f"{name:<24}" + "".join(f"{value:>{width}}" for value, width in zip(values, WIDTHS, strict=True)))
    print(f"\n{'':<46}{'hands':>6}{'recall':>9}")
    for name, result in made.items():
        for part, low in zip(result.of_sizes, SIZES[:-1], strict=True):
            size = f"{name}, from {low:.0%} of the width"
            print(f"{size:<46}{part.hands:>6}{part.recall:>9.3f}")
    return {name: as_row(result) for name, result in made.items()}


def _scores_of_model(
    model: str, bundle: str, scenes: dict[str, tuple[Modality, list[Scene]]]
) -> dict[str, dict[str, Any]]:
    """A table on the terminal, and the same as plain data."""
    from hand_pose_ros.bundle import load_bundle
    from hand_pose_ros.detector import HandDetector
    from hand_pose_ros.detector.finders import automatic
    from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
    from training.detector.evaluate import SIZES, evaluate_model, row_of_model

    detector, hand_model = HandDetector(bundle), load_bundle(model)
    finder = automatic(detector, hand_model.crop.box_scale)
    estimator = HandEstimator(hand_model, options=EstimatorOptions(finder=finder, max_hands=MOST_HANDS))
    sizes = "".join(f"{f'from {low:.0%}':>11}" for low in SIZES[:-1])
    heads = "".join(f"{head:>11}" for head in ("found", "false", "none", "believed", "elsewhere", "of places"))
    print(f"\n{'the hand model':<24}{heads}   side right {sizes}")
    rows: dict[str, dict[str, Any]] = {}
    for name, (seen, held_out) in scenes.items():
        said = evaluate_model(estimator, detector, held_out, seen)
        values = (said.found, said.false, said.empty_right, said.hands_believed, said.places_believed, said.places)
        cells = "".join(f"{value:>11}" if isinstance(value, int) else f"{value:>11.3f}" for value in values)
        print(f"{name:<24}{cells}              " + "".join(f"{share:>11.3f}" for share in said.side))
        rows[name] = row_of_model(said)
    return rows
