"""`hand-pose-train sheet` and `hand-pose-train bench-hands`: look at synthetic pictures, and count them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

COMMANDS = ("sheet", "bench-hands")


def add_parsers(commands: Any) -> None:
    """Add both commands to the sub-parsers of `hand-pose-train`."""
    sheet = commands.add_parser("sheet", help="draw synthetic RGB-D samples, beside real ones, as one picture")
    sheet.add_argument("picture", type=Path, help="JPEG or PNG to write")
    sheet.add_argument("--count", type=int, default=100, help="samples (default: %(default)s)")
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--size", type=int, default=96, help="pixels of a sample (default: %(default)s)")
    sheet.add_argument(
        "--real", type=Path, nargs="*", default=[], help="frames folders with labels to draw beside them"
    )
    sheet.add_argument("--labels", action="store_true", help="draw joints and boxes over colour, parts for depth")
    bench = commands.add_parser("bench-hands", help="measure how many complete samples are made in a second")
    bench.add_argument("--samples", type=int, default=10_000, help="of all processes together (default: %(default)s)")
    bench.add_argument("--size", type=int, default=128, help="pixels of a sample (default: %(default)s)")
    bench.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    for parser in (sheet, bench):
        parser.add_argument("--skins", type=Path, help="folder of skin textures; procedural without one")
        parser.add_argument("--backgrounds", type=Path, help="folder of photos; painted without one")


def run(args: argparse.Namespace) -> int:
    """Run the command; raises HandPoseError for folders that cannot be read."""
    if args.command == "sheet":
        from training.hands.sheet import draw_sheet

        draw_sheet(args.picture, args.count, args.seed, args.size, args.skins, args.backgrounds, args.real, args.labels)
        print(f"{args.count} samples in {args.picture}")
        return 0
    from training.hands.bench import bench

    print(json.dumps(bench(args.samples, args.size, args.workers, args.skins, args.backgrounds)))
    return 0
