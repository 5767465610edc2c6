"""`hand-pose-train render`: complete samples into tar files that WebDataset readers read, or a check of such files.

Goes on where it was interrupted. The same seed gives the same samples, whatever their number and the number of
processes.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

HELP = "render complete samples into shards, or check them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the shards")
    parser.add_argument("--count", type=int, default=1024, metavar="N", help="samples, up to whole shards of 1,024")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--size", type=int, default=128, metavar="PX", help="of the pictures (default: %(default)s)")
    parser.add_argument("--skins", metavar="DIR", help="skin textures; without them skins are painted")
    parser.add_argument("--backgrounds", metavar="DIR", help="photos; without them backgrounds are painted")
    parser.add_argument("--poses", type=Path, metavar="DIR", help="bank of real poses; without it, sampled ones alone")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="render nothing, look for missing and damaged shards")


def run(arguments: argparse.Namespace) -> int:
    if arguments.check:
        return _check(arguments.out)
    from training.hands.scene import SceneSettings
    from training.shards.write import Recipe, render_shards

    settings = SceneSettings(poses=arguments.poses)
    recipe = Recipe(arguments.seed, arguments.size, arguments.skins, arguments.backgrounds, settings=settings)
    tell = partial(print, flush=True)
    count = render_shards(arguments.out, arguments.count, recipe, arguments.workers, tell)
    print(f"{count} samples in {arguments.out}")
    return 0


def _check(out: Path) -> int:
    from training.shards.read import check_shards
    from training.shards.write import read_manifest

    found = check_shards(out)
    for sentence in found:
        print(sentence)
    remedy = "; render again, and they are made anew" if found else ""
    print(f"{out}: {len(found)} of {len(read_manifest(out)['shards'])} shards are missing or damaged{remedy}")
    return 1 if found else 0
