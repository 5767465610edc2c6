"""How long the estimator takes, one frame after another, without reading files: median and 99th percentile.

.venv/bin/python tools/bench.py [--model BUNDLE] [--frames N] [--threads N]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.kinematics.model import MEAN_SHAPE, joints_from_angles
from hand_pose_ros.kinematics.solve import solve_angles
from hand_pose_ros.types import HandPoseError, HandRegion, Modality, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(fx=600.0, fy=600.0, cx=319.5, cy=239.5, width=640, height=480)
DISTANCE_M = 0.5


def frame_with_hands(count: int) -> tuple[RgbdFrame, list[HandRegion]]:
    """Hand-sized discs side by side before an empty background, in noise: the time does not depend on the content."""
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (CAMERA.height, CAMERA.width, 3), dtype=np.uint8)
    depth_m = np.zeros((CAMERA.height, CAMERA.width), dtype=np.float32)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    regions = []
    for k in range(count):
        center = ((k + 0.5) * CAMERA.width / count, CAMERA.cy)
        disc = np.hypot(u - center[0], v - center[1]) < 70
        depth_m[disc] = DISTANCE_M + 0.005 * random.standard_normal(int(disc.sum()), dtype=np.float32)
        regions.append(HandRegion(center_px=center, box_px=220.0, distance_m=DISTANCE_M))
    return RgbdFrame(CAMERA, rgb, depth_m), regions


def milliseconds(work: Callable[[], object], frames: int) -> tuple[float, float]:
    times = []
    for _ in range(frames):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    median, p99 = np.percentile(times, [50, 99])
    return float(median), float(p99)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hand", help="model bundle: a name under models/ or a path")
    parser.add_argument("--frames", type=int, default=300, help="frames per line")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of a network")
    arguments = parser.parse_args()
    try:
        started = time.perf_counter()
        estimator = HandEstimator(arguments.model, threads=arguments.threads)
    except HandPoseError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    print(f"{estimator.bundle.name} {estimator.bundle.version} on {estimator.provider}, {arguments.threads} thread(s)")
    print(f"ready after {time.perf_counter() - started:.2f} s")
    print(f"{'':28}{'median':>9}{'p99':>9}  ms")

    def line(name: str, work: Callable[[], object]) -> None:
        milliseconds(work, 10)
        median, p99 = milliseconds(work, arguments.frames)
        print(f"{name:28}{median:9.2f}{p99:9.2f}", flush=True)

    def estimate(hands: int, modality: Modality, search: bool) -> Callable[[], object]:
        frame, regions = frame_with_hands(hands)
        given = None if search else regions
        return partial(estimator.estimate, frame, regions=given, side="right", modalities=modality)

    for modality in estimator.bundle.modalities:
        line(f"{modality}, 1 hand, known region", estimate(1, modality, search=False))
        line(f"{modality}, 4 hands", estimate(4, modality, search=False))
        line(f"{modality}, looking for it", estimate(1, modality, search=True))
    bent = joints_from_angles(np.full(21, 0.3), MEAN_SHAPE)
    line("joint angles, 1 hand", partial(solve_angles, bent, MEAN_SHAPE, np.tile(np.eye(3) * 1e-5, (21, 1, 1))))
    print(f"resident memory, at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
