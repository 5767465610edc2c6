"""`hand-pose-train ablation`: train the rows of ablations and write what they tell.

An experiment of kind `ablation` leaves out parts of the generator (run.py), one of kind `student_ablation` parts of
training (students.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = (
    "what parts of the generator and of training are worth: train without them, or write the page of what is recorded"
)
EXPERIMENTS = Path(__file__).parent.parent / "experiments"
NAMES = ("ablation_depth", "ablation_rgb")
STUDENT_NAMES = ("ablation_student_depth", "ablation_student_rgb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", type=Path, nargs="?", help="to train (without one: write the page)")
    parser.add_argument("--rows", default="", help="comma-separated (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=Path, nargs="*", default=[], help="labelled frames folders to measure on")
    parser.add_argument("--first", type=Path, default=Path("runs/first"), help="folder for the first delivery's code")
    parser.add_argument("--space", type=Path, default=Path("runs/hand"), help="a run's folder, for its latent space")
    parser.add_argument("--results", type=Path, default=EXPERIMENTS / "results" / "ablation", help="folder of records")
    parser.add_argument("--page", type=Path, default=Path("docs/ablation.md"), help="file to write (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.experiment is None:
        from training.ablation.page import write_page

        generator, students = ([EXPERIMENTS / f"{name}.yaml" for name in names] for names in (NAMES, STUDENT_NAMES))
        write_page(generator, students, arguments.results, arguments.page)
        print(arguments.page)
        return 0
    import torch

    from training.ablation.run import run_ablation
    from training.ablation.students import is_of_students, run_students

    torch.set_num_threads(1)
    rows = tuple(filter(None, arguments.rows.split(",")))
    record = arguments.results / f"{arguments.experiment.stem}.jsonl"
    if is_of_students(arguments.experiment):
        run_students(arguments.experiment, rows, arguments.seed, arguments.frames, arguments.space, record)
    else:
        run_ablation(arguments.experiment, rows, arguments.seed, arguments.frames, arguments.first, record)
    return 0
