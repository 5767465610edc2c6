"""The network that finds hands in whole pictures, from photos with boxes and rendered rooms to a bundle.

PHOTOS is a folder with `images/` and a table of boxes (file, orig_w, orig_h, class, xmin, ymin, xmax, ymax). One in
four of its films, by the hash of the film's name, is held out from everything but `evaluate`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hand_pose_ros.types import HandPoseError

HELP = "train, export and score the detector"
RUNS = Path("runs/detector")
#: Of the columns of the table of scores, in characters.
WIDTHS = (9, 7, 7, 11, 8, 8, 7, 7, 6)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True)
    render = steps.add_parser("render", help="render rooms with hands to learn from, or to be held out")
    render.add_argument("rooms", type=Path, help="folder to write")
    render.add_argument("--count", type=int, default=2000, help="(default: %(default)s)")
    render.add_argument("--seed", type=int, default=7, help="(default: %(default)s)")
    render.add_argument("--skins", type=Path, help="folder of skin textures; without one the skin is procedural")
    render.add_argument("--photos", type=Path, help="photos whose patches without hands are the backgrounds")

    train = steps.add_parser("run", help="train; resumes where it stopped")
    train.add_argument("--photos", type=Path, help="photos with boxes")
    train.add_argument("--rooms", type=Path, help="rendered rooms")
    train.add_argument("--out", type=Path, default=RUNS, help="folder of checkpoints and logs (default: %(default)s)")
    train.add_argument("--minutes", type=float, default=60, help="in all (default: %(default)s)")
    train.add_argument("--workers", type=int, default=1, help="processes that make samples (default: %(default)s)")

    export = steps.add_parser("export", help="write the trained network as a bundle, checked and scored")
    export.add_argument("--runs", type=Path, default=RUNS, help="folder of checkpoints (default: %(default)s)")
    export.add_argument("--bundle", type=Path, default=Path("models/detector"), help="folder (default: %(default)s)")
    export.add_argument("--version", default="0.1.0")
    export.add_argument("--note", help="for the card: what else is to be known about this training")
    export.add_argument("--threshold", type=float, default=0.4, help="least confidence (default: %(default)s)")
    export.add_argument("--photos", type=Path, help="photos with boxes, to score the held-out ones for the card")
    export.add_argument("--rooms", type=Path, help="rendered rooms that were not trained on, to score for the card")

    evaluate = steps.add_parser("evaluate", help="score a bundle on held-out photos and rooms: a table and JSON")
    evaluate.add_argument("--bundle", default="detector", help="name or folder (default: %(default)s)")
    evaluate.add_argument("--photos", type=Path, help="photos with boxes, of which only the held-out ones are used")
    evaluate.add_argument("--rooms", type=Path, help="rendered rooms that were not trained on")


def run(args: argparse.Namespace) -> int:
    from training.detector.photos import read_photos

    learnt, held_out = read_photos(args.photos) if getattr(args, "photos", None) else ([], [])
    if args.step == "render":
        from training.detector.rendered import render_rooms

        table = next(iter(sorted(args.photos.glob("*.csv"))), None) if args.photos else None
        render_rooms(args.rooms, args.count, args.seed, args.skins, learnt, table)
        print(f"{args.count} rooms in {args.rooms}")
        return 0
    from training.detector.rendered import read_rooms

    rooms = read_rooms(args.rooms) if args.rooms else []
    if args.step == "run":
        if not learnt and not rooms:
            raise HandPoseError("there is nothing to learn from; give --photos or --rooms or both")
        import torch

        from training.detector.run import run as train

        torch.set_num_threads(1)
        train(learnt, rooms, args.out, args.minutes, args.workers)
        return 0
    if args.step == "export":
        from training.detector.run import export

        notes = {"note": args.note} if args.note else {}
        export(args.runs, args.bundle, args.version, args.threshold, notes)
        accuracy = _scores(str(args.bundle), held_out, rooms)
        if accuracy:
            export(args.runs, args.bundle, args.version, args.threshold, notes | {"accuracy": accuracy})
        print(f"{args.bundle}")
        return 0
    if not held_out and not rooms:
        raise HandPoseError("there is nothing to score on; give --photos or --rooms or both")
    print(json.dumps(_scores(args.bundle, held_out, rooms), indent=2))
    return 0


def _scores(bundle: str, photos: list, rooms: list) -> dict[str, dict]:
    """A table on the terminal, and the same as plain data: by what was looked at."""
    from hand_pose_ros.detector import HandDetector
    from training.detector.evaluate import as_row, evaluate

    detector = HandDetector(bundle)
    rows = {}
    names = ("pictures", "hands", "AP", "precision", "recall", "middle", "none", "side", "ms")
    print(" " * 24 + "".join(f"{name:>{width}}" for name, width in zip(names, WIDTHS, strict=True)))
    given = [("held_out_photos", "rgb", [photo.read() for photo in photos])] if photos else []
    given += [(f"rooms_{seen}", seen, rooms) for seen in ("rgbd", "rgb", "depth")] if rooms else []
    for name, seen, scenes in given:
        scores, median_ms = evaluate(detector, scenes, seen)
        rows[name] = as_row(scores)
        counts, shares = (scores.pictures, scores.hands), list(vars(scores).values())[2:]
        values = [*map(str, counts), *(f"{share:.3f}" for share in shares), f"{median_ms:.1f}"]
        print(f"{name:<24}" + "".join(f"{value:>{width}}" for value, width in zip(values, WIDTHS, strict=True)))
    return rows
