"""What setup.py says, found by running it with a `setup` that only takes notes."""

import os
import runpy
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]


@cache
def setup_arguments() -> dict[str, Any]:
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        with mock.patch("setuptools.setup") as setup:
            runpy.run_path("setup.py")
    finally:
        os.chdir(before)
    return dict(setup.call_args.kwargs)


def installed_files() -> set[str]:
    """Where data_files go, below the installation's root."""
    return {f"{folder}/{Path(file).name}" for folder, files in setup_arguments()["data_files"] for file in files}


def executables() -> dict[str, str]:
    """The module:function of each executable."""
    scripts = setup_arguments()["entry_points"]["console_scripts"]
    return dict(script.replace(" ", "").split("=") for script in scripts)
