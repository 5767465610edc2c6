"""The real node fed at 30 Hz over DDS, beside a subscriber that does nothing and beside MediaPipe as a node.

    .venv/bin/python tools/bench_node.py [--seconds 20] [--rounds 3] [--model BUNDLE] [--recording FOLDER]
        [--part baseline|hands]

All get the same pictures in the same session, in alternating rounds, so that a busy minute of the machine hits all
alike; a ratio is of one round, and the lowest and the highest of all rounds stand beside the median. Latency is from
the picture's stamp, the moment before it is published, to the received answer. "CPU ms" is what an answer costs on all
threads; it alone means something where other programs keep the machine busy. "lost" counts pictures whose stamp never
came back, and says by the node's own counts what became of them. Errors are against the recording's ground truth;
MediaPipe's landmarks lie on the skin, and get the better of nothing and 8 mm added along the ray. Its environment, with
NumPy 1, is made on the first call. The second part is the node with one, two and four hands and with each modality.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from node_harness import RATE, ROOT, Run, measure

from hand_pose_ros.evaluate import evaluate
from hand_pose_ros.predict import Predictions
from hand_pose_ros.recordings import open_recording
from hand_pose_ros.ros.live import isolate
from hand_pose_ros.skeleton import JOINT_COUNT
from hand_pose_ros.types import HandPoseError

BASELINE = ROOT / "tools" / "baseline"
VENV = ROOT / ".cache" / "mediapipe_node"
SKIN_M = (0.0, 0.008)
#: The node as it comes, which looks at a hand as often as its model's bundle says, and at its fastest.
NODES: dict[str, dict[str, int]] = {"hand_pose_node": {}, "hand_pose_node, looks: 1": {"looks": 1}}
COLUMNS = (
    ("median", 8),
    ("p99 ms", 8),
    ("CPU %", 7),
    ("CPU ms", 8),
    ("MB", 6),
    ("found", 7),
    ("abs mm", 8),
    ("aligned", 8),
)
HEADER = " " * 28 + "".join(f"{name:>{width}}" for name, width in COLUMNS) + "  lost of"


@dataclass(frozen=True)
class Figures:
    """One run in numbers. found: share of answers with a hand; errors in mm, NaN where none was found."""

    median_ms: float
    p99_ms: float
    cpu: float
    cpu_ms: float
    memory_mb: float
    found: float
    absolute_mm: float
    aligned_mm: float


def make_environment() -> None:
    """MediaPipe's virtual environment with ROS in it, unless it is there; raises HandPoseError where it cannot be."""
    wanted = [BASELINE / "requirements.txt", ROOT / "requirements" / "ros.txt", BASELINE / "requirements_node.txt"]
    stamp, key = VENV / "requirements.txt", "".join(path.read_text() for path in wanted)
    if stamp.is_file() and stamp.read_text() == key:
        return
    print(f"making {VENV} ...", file=sys.stderr, flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", VENV],
        [VENV / "bin" / "pip", "install", "-q", "-r", wanted[-1]],
    ):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode:
            raise HandPoseError(f"MediaPipe cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    stamp.write_text(key)


def figures(run: Run, recording: Path, skins: tuple[float, ...] = (0.0,)) -> Figures:
    """skins: metres to try along the ray, of which the best counts."""
    median, p99 = np.percentile(run.latency_ms, [50, 99])
    found = float(np.mean([answer.hands > 0 for answer in run.answers]))
    errors = min((_errors(run, recording, skin) for skin in skins), default=(np.nan, np.nan))
    return Figures(float(median), float(p99), run.cpu, run.cpu_ms, run.memory_mb, found, *errors)


def _errors(run: Run, recording: Path, skin_m: float) -> tuple[float, float]:
    """Mean absolute and aligned error of the first hand of each answer, in mm."""
    opened = open_recording(recording)
    names, truth = [named.name for named in opened.frames()], opened.truth()
    frame_of = {int(stamp): int(frame) for stamp, frame in zip(run.sent, run.frames, strict=True)}
    seen = [answer for answer in run.answers if answer.joints_m is not None]
    if not seen or not truth:
        return np.nan, np.nan
    joints = np.stack([answer.joints_m for answer in seen if answer.joints_m is not None])
    joints = joints + skin_m * joints / np.linalg.norm(joints, axis=2, keepdims=True)
    count = len(seen)
    predictions = Predictions(
        np.array([names[frame_of[answer.stamp_ns]] for answer in seen]),
        joints,
        np.full((count, JOINT_COUNT, 3, 3), np.nan),
        np.full(count, "right"),
        np.ones(count),
        np.zeros(count),
    )
    scores = evaluate(predictions, truth).scores
    return (np.nan, np.nan) if scores is None else (scores["absolute"].mean_mm, scores["aligned"].mean_mm)


def line(name: str, run: Run, found: Figures) -> str:
    costs = f"{found.median_ms:8.1f}{found.p99_ms:8.1f}{100 * found.cpu:7.0f}{found.cpu_ms:8.1f}{found.memory_mb:6.0f}"
    answers = (
        f"{100 * found.found:6.0f}%{found.absolute_mm:8.1f}{found.aligned_mm:8.1f}{run.lost:6d} of {len(run.sent)}"
    )
    return f"{name:28}{costs}{answers}  {run.losses()}".rstrip()


def node_command(model: str, **parameters: str | int) -> list[str]:
    command = [sys.executable, "-m", "hand_pose_ros.ros.node", "--ros-args", "--log-level", "warn"]
    for name, value in {"model": model, **parameters}.items():
        command += ["-p", f"{name}:={value}"]
    return command


def compare(arguments: argparse.Namespace) -> None:
    """The node, the empty subscriber and MediaPipe in alternating rounds, and the ratios."""
    make_environment()

    def mediapipe(complexity: int) -> Callable[[], Run]:
        script = str(BASELINE / "mediapipe_node.py")
        command = [str(VENV / "bin" / "python"), script, "--complexity", str(complexity)]
        # Its Python must not meet our packages.
        clean = ["env", "-u", "PYTHONPATH", "-u", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "-u", "AMENT_PREFIX_PATH"]
        topic = "/mediapipe_hands/joints"
        return lambda: measure(
            [*clean, *command], arguments.recording, arguments.seconds, topic=topic, log=VENV / "node.log"
        )

    def node(**parameters: int) -> Callable[[], Run]:
        return lambda: measure(node_command(arguments.model, **parameters), arguments.recording, arguments.seconds)

    empty = [sys.executable, str(ROOT / "tools" / "node_harness.py"), "empty"]
    competitors: dict[str, Callable[[], Run]] = {
        "empty subscriber": lambda: measure(empty, arguments.recording, arguments.seconds),
        **{name: node(**parameters) for name, parameters in NODES.items()},
        "MediaPipe lite + depth": mediapipe(0),
        "MediaPipe full + depth": mediapipe(1),
    }
    print(HEADER, flush=True)
    rounds: dict[str, list[Figures]] = {name: [] for name in competitors}
    for _ in range(arguments.rounds):
        for name, work in competitors.items():
            run = work()
            skins = SKIN_M if name.startswith("MediaPipe") else (0.0,)
            rounds[name].append(figures(run, arguments.recording, skins))
            print(line(name, run, rounds[name][-1]), flush=True)
    heads = "".join(f"{head:>18}" for head in ("median", "p99", "CPU", "memory", "absolute", "aligned"))
    for ours in NODES:
        print(f"\n{f'times {ours}:':31}{heads}")
        for name in competitors:
            if name.startswith("MediaPipe"):
                fields = ("median_ms", "p99_ms", "cpu_ms", "memory_mb", "absolute_mm", "aligned_mm")
                print(f"{name:31}" + "".join(f"{ratio(rounds[name], rounds[ours], field):>18}" for field in fields))


def ratio(theirs: list[Figures], ours: list[Figures], field: str) -> str:
    """Median of the rounds' ratios, with the lowest and the highest."""
    ratios = [getattr(a, field) / getattr(b, field) for a, b in zip(theirs, ours, strict=True)]
    return f"{np.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def crowds(arguments: argparse.Namespace) -> None:
    """The node alone with one, two and four hands, with each modality."""
    print(HEADER, flush=True)
    for modalities in ("rgbd", "depth", "rgb"):
        for hands in (1, 2, 4):
            command = node_command(arguments.model, modalities=modalities, max_hands=hands)
            run = measure(command, arguments.recording, arguments.seconds, hands)
            found = figures(run, arguments.recording, (0.0,) if hands == 1 else ())
            mean = np.mean([answer.hands for answer in run.answers])
            print(line(f"{modalities}, {hands} hands, {mean:.1f} found", run, found), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="hand", help="model bundle: a name under models/ or a path")
    parser.add_argument("--recording", type=Path, default=ROOT / "demo" / "recording", help="frames folder with labels")
    parser.add_argument("--part", choices=("baseline", "hands"), help="only this one")
    arguments = parser.parse_args()
    isolate()
    import rclpy

    rclpy.init()
    print(f"{arguments.seconds:.0f} s at {RATE:.0f} Hz, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    try:
        if arguments.part != "hands":
            compare(arguments)
        if arguments.part != "baseline":
            crowds(arguments)
    except HandPoseError as error:
        print(f"bench_node: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
