"""`hand-pose-train`: the offline commands that make the weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from hand_pose_ros.types import HandPoseError
from training.ablation import command as ablation_command
from training.datasets import command as dataset_command
from training.detector import command as detector_command
from training.hands import command as hands_command
from training.hands.torch_engine import command as bench_command
from training.pseudo import command as pseudo_command
from training.shards import command as shards_command
from training.test_sets import command as test_set_command

EXPERIMENT = Path(__file__).parent / "experiments" / "hand.yaml"
RESULTS = EXPERIMENT.parent / "results"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="hand-pose-train", description="Train hand pose models on synthetic hands.")
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="train an experiment; resumes where it stopped")
    run.add_argument("experiment", type=Path, nargs="?", default=EXPERIMENT)
    run.add_argument("--out", type=Path, help="folder of checkpoints and logs (default: runs/EXPERIMENT's name)")
    run.add_argument("--stages", default="latent,depth,rgb", help="comma-separated, in order (default: %(default)s)")
    run.add_argument("--workers", type=int, default=1, help="processes that make samples (default: %(default)s)")
    run.add_argument("--device", default="cpu", help="cpu or cuda, where the networks run (default: %(default)s)")
    run.add_argument(
        "--stop-after", type=float, metavar="MINUTES", help="end then, to be gone on with by the same command"
    )
    run.add_argument("--rows", default="", help="of a study: comma-separated rows (default: all)")
    run.add_argument("--results", type=Path, help="of a study: folder of records to add to (default: --out)")
    run.add_argument("--frames", type=Path, nargs="*", default=[], help="of a study: frames folders to measure on, too")
    run.add_argument("--threads", type=int, default=1, help="threads of the networks (default: %(default)s)")

    space = commands.add_parser("space", help="look into a trained latent space: numbers and pictures")
    space.add_argument("experiment", type=Path, nargs="?", default=EXPERIMENT.parent / "space.yaml")
    space.add_argument("--row", default="all", help="(default: %(default)s)")
    space.add_argument("--seed", type=int, default=1)
    space.add_argument("--runs", type=Path, help="folder of checkpoints (default: runs/EXPERIMENT's name)")
    space.add_argument("--results", type=Path, default=RESULTS, help="folder to write numbers to")
    space.add_argument("--images", type=Path, default=Path("docs/images"), help="(default: %(default)s)")

    table = commands.add_parser("table", help="write the study's results from its recorded runs")
    table.add_argument("--results", type=Path, default=RESULTS, help="folder of records (default: the repository's)")
    table.add_argument(
        "--page", type=Path, default=Path("docs/results.md"), help="file to write (default: %(default)s)"
    )

    ablation = commands.add_parser("ablation", help=ablation_command.HELP, description=ablation_command.__doc__)
    ablation_command.add_arguments(ablation)

    export = commands.add_parser(
        "export", help="write trained stages as a model bundle, checked and calibrated; of a study, a row's networks"
    )
    export.add_argument("experiment", type=Path, nargs="?", default=EXPERIMENT)
    export.add_argument("--runs", type=Path, help="folder of checkpoints (default: runs/EXPERIMENT's name)")
    export.add_argument(
        "--bundle", type=Path, help="folder to write (default: models/hand; of a study, runs/EXPERIMENT's name/ROW)"
    )
    export.add_argument("--row", default="all", help="of a study: (default: %(default)s)")
    export.add_argument("--seed", type=int, default=1, help="of a study: (default: %(default)s)")
    export.add_argument("--version", default="0.2.0")
    export.add_argument("--int8", action="store_true", help="encoders in 8-bit integers, for CPUs")
    export.add_argument(
        "--calibrate-on",
        type=Path,
        nargs="*",
        default=[],
        help="rendered test sets to fit covariances and weights on, beside the generator's hands",
    )
    export.add_argument("--unseen", type=Path, nargs="*", default=[], help="rendered test sets to measure for the card")
    export.add_argument(
        "--rooms",
        type=Path,
        nargs="*",
        default=[],
        help="rendered rooms, of those that detectors learn from, to fit presence in, too",
    )
    export.add_argument("--photos", type=Path, help="photos with boxes, whose films to learn from are used likewise")
    export.add_argument("--real", type=Path, nargs="*", default=[], help="real frames folders to measure for the card")
    export.add_argument("--sheets", type=Path, help="draw the best, median and worst of what was measured here")

    record = commands.add_parser("record", help="film a moving synthetic hand with ground truth")
    record.add_argument("folder", type=Path, metavar="OUT", help="frames folder, or with .mcap at its end a rosbag2")
    record.add_argument("--frames", type=int, default=60, help="at 30 Hz (default: %(default)s)")
    record.add_argument("--seed", type=int, default=11, help="shape, light and noise (default: %(default)s)")
    record.add_argument("--still", type=float, metavar="0..1", help="keep still at this moment of the motion")
    record.add_argument("--gestures", action="store_true", help="fingers wander through random gestures")
    record.add_argument("--skins", type=Path, help="folder of skin textures; without one the skin is procedural")

    dataset = commands.add_parser("dataset", help=dataset_command.HELP, description=dataset_command.__doc__)
    dataset_command.add_arguments(dataset)
    detector = commands.add_parser("detector", help=detector_command.HELP, description=detector_command.__doc__)
    detector_command.add_arguments(detector)
    render = commands.add_parser("render", help=shards_command.HELP, description=shards_command.__doc__)
    shards_command.add_arguments(render)

    label = commands.add_parser("label", help=pseudo_command.HELP, description=pseudo_command.__doc__)
    pseudo_command.add_arguments(label)

    bench = commands.add_parser("bench-engine", help=bench_command.HELP, description=bench_command.__doc__)
    bench_command.add_arguments(bench)

    test_set = commands.add_parser("test-set", help=test_set_command.HELP, description=test_set_command.__doc__)
    test_set_command.add_arguments(test_set)
    hands_command.add_parsers(commands)

    args = parser.parse_args(argv)
    try:
        return _dispatch(args)
    except HandPoseError as error:
        print(f"hand-pose-train: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        # training is a set of packages that a robot does without
        print(f"hand-pose-train: {error.name} is not installed; run `make setup-training`", file=sys.stderr)
        return 2


def _dispatch(args: argparse.Namespace) -> int:
    if args.command == "dataset":
        return dataset_command.run(args)
    if args.command == "label":
        return pseudo_command.run(args)
    if args.command == "ablation":
        return ablation_command.run(args)
    if args.command == "detector":
        return detector_command.run(args)
    if args.command == "export":
        return _export(args)
    if args.command == "space":
        from training.crossmodal.space import describe_space

        runs = args.runs or Path("runs") / args.experiment.stem
        record = args.results / f"{args.experiment.stem}.json"
        describe_space(args.experiment, args.row, args.seed, runs, record, args.images)
        print(f"{record}, and pictures in {args.images}")
        return 0
    if args.command == "table":
        from training.crossmodal.table import write_results

        names = write_results(EXPERIMENT.parent, args.results, args.page, args.page.parent / "images")
        print(f"{args.page}: {', '.join(names)}")
        return 0
    if args.command == "record":
        from training.hands.recording import Film, record

        if args.frames < 2:
            raise HandPoseError(f"--frames {args.frames}: a recording of motion needs at least 2")
        if args.still is not None and not 0 <= args.still <= 1:
            raise HandPoseError(f"--still {args.still}: name a moment of the motion, from 0 to 1")
        if args.still is not None and args.gestures:
            raise HandPoseError("--still keeps the fingers as they are, --gestures moves them: give one of them")
        film = Film(args.frames, args.seed, args.skins, args.still, args.gestures)
        if args.folder.suffix == ".mcap":
            from training.hands.bag import record_bag

            bag = record_bag(args.folder.with_suffix(""), film)
            print(f"{args.frames} frames in the bag {bag}")
            return 0
        record(args.folder, film)
        print(f"{args.frames} frames in {args.folder}")
        return 0
    if args.command in hands_command.COMMANDS:
        return hands_command.run(args)
    if args.command == "render":
        return shards_command.run(args)
    if args.command == "bench-engine":
        return bench_command.run(args)
    if args.command == "test-set":
        return test_set_command.run(args)
    import torch

    torch.set_num_threads(args.threads)
    out = args.out or Path("runs") / args.experiment.stem
    if _kind(args.experiment) == "crossmodal":
        from training.crossmodal.run import run_study

        run_study(args.experiment, out, tuple(filter(None, args.rows.split(","))), args.results, args.frames)
        return 0
    from training.run import run

    run(args.experiment, out, tuple(args.stages.split(",")), args.workers, args.device, args.stop_after)
    return 0


def _kind(experiment: Path) -> str | None:
    """The `kind` that an experiment names, None for the stages of the shipped model and for what cannot be read."""
    try:
        content = yaml.safe_load(experiment.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # whoever reads it next says what is wrong
    return content.get("kind") if isinstance(content, dict) else None


def _export(args: argparse.Namespace) -> int:
    runs = args.runs or Path("runs") / args.experiment.stem
    if _kind(args.experiment) == "crossmodal":
        from training.crossmodal.export import export_row

        out = args.bundle or runs / args.row
        print(yaml.safe_dump(export_row(args.experiment, args.row, args.seed, runs, out), sort_keys=False))
        return 0
    from training.card import draw, measure, weaknesses
    from training.detector.photos import read_photos
    from training.detector.rendered import read_rooms
    from training.export import add_to_card, export

    bundle = args.bundle or Path("models/hand")
    scenes = [room for folder in args.rooms for room in read_rooms(folder)]
    scenes += [photo.read() for photo in read_photos(args.photos)[0]] if args.photos else []
    manifest = export(
        args.experiment, runs, bundle, bundle.name, args.version,
        calibrate_on=args.calibrate_on, unseen=args.unseen, scenes=scenes, int8=args.int8,
    )  # fmt: skip
    print(yaml.safe_dump(manifest["card"], sort_keys=False))
    rendered = [*args.calibrate_on, *args.unseen]
    for kind, recordings in (("unseen_hands", rendered), ("real", args.real)):
        if recordings:
            add_to_card(bundle, measure(bundle, recordings), kind, "accuracy")
            if args.sheets:
                draw(bundle, recordings, args.sheets)
    if rendered:
        add_to_card(bundle, weaknesses(bundle, rendered), "weaknesses_mm")
    return 0


if __name__ == "__main__":
    sys.exit(main())
