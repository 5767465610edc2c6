"""MediaPipe Hands over a frames folder, in an environment of its own, since it needs NumPy 1."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from hand_pose_ros.benchmark.runs import Run
from hand_pose_ros.manifest import models_folder
from hand_pose_ros.predict import Predictions
from hand_pose_ros.types import HandPoseError

#: What is added along the ray because landmarks lie on the skin; the better of the two is the one to beat.
SKIN_M = (0.0, 0.008)


class MediaPipe:
    """MediaPipe's environment, made where it is not there yet. Raises HandPoseError where it cannot be, or outside of a
    checkout."""

    def __init__(self) -> None:
        checkout = models_folder().parent
        self._script = checkout / "tools" / "baseline" / "mediapipe_hands.py"
        wanted = self._script.with_name("requirements.txt")
        if not wanted.is_file():
            raise HandPoseError(f"{wanted} is not here; run the comparison with MediaPipe in a checkout")
        self._venv = checkout / ".cache" / "mediapipe"
        stamp = self._venv / "requirements.txt"
        if stamp.is_file() and stamp.read_text() == wanted.read_text():
            return
        print(f"making {self._venv} ...", file=sys.stderr, flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", self._venv],
            [self._venv / "bin" / "pip", "install", "-q", "-r", wanted],
        ):
            _succeed(command, "MediaPipe cannot be installed")
        stamp.write_text(wanted.read_text())

    def run(self, folder: Path, complexity: int, tracking: bool, skin_m: float) -> Run:
        """Twice through the folder, of which the second time counts. complexity: 0 lite, 1 full."""
        output = self._venv / "predictions.npz"
        command = [self._venv / "bin" / "python", self._script, folder, "-o", output, "--complexity", complexity]
        command += ["--skin", skin_m, "--rounds", 2, *(["--tracking"] if tracking else [])]
        _succeed(command, f"MediaPipe failed on {folder}")
        with np.load(output) as data:
            return Run(Predictions(**{name: data[name] for name in Predictions.__dataclass_fields__}), data["cpu_ms"])


def _succeed(command: list, failure: str) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise HandPoseError(f"{failure}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
