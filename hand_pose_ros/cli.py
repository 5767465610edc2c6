"""`hand-pose`: the offline commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from hand_pose_ros.commands import (
    ablate,
    analyse,
    bench_model,
    calibration,
    demo,
    estimate,
    evaluate,
    overlay,
    quantise,
    record_folder,
    replay,
    track,
    urdf,
    view,
)
from hand_pose_ros.types import HandPoseError

COMMANDS: dict[str, ModuleType] = {
    "estimate": estimate,
    "evaluate": evaluate,
    "calibration": calibration,
    "track": track,
    "analyse": analyse,
    "ablate": ablate,
    "overlay": overlay,
    "quantise": quantise,
    "bench-model": bench_model,
    "record-folder": record_folder,
    "replay": replay,
    "urdf": urdf,
    "view": view,
    "demo": demo,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, or 1 or 2 after one line on stderr about what failed or was wrong with the input."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except HandPoseError as error:
        print(f"hand-pose {arguments.command}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(
            f"hand-pose {arguments.command}: needs the Python package '{error.name}', which is not installed here; "
            "run make setup, source your ROS 2 installation, or install it with pip or apt",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print(f"hand-pose {arguments.command}: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hand-pose", description="Hand pose from RGB-D recordings.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
