"""The benchmarks of the node: what they count, and that a camera, the node and a listener really meet in them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bundles import make_test_bundle

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import bench_node  # noqa: E402
import soak  # noqa: E402
from node_harness import crowd, losses  # noqa: E402

ACCOUNTS = {"pairs": 96, "pairs answered": 90, "pairs superseded": 4, "pairs unusable": 2, "/rgb lost on the way": 3}


def test_every_picture_that_was_not_heard_of_again_is_explained():
    assert losses(100, 89, ACCOUNTS) == (
        "4 never became a pair, 3 /rgb lost on the way, 4 pairs superseded, 2 pairs unusable, 1 answered but not heard"
    )
    assert losses(96, 96, {"pairs": 96, "pairs answered": 96, "pairs superseded": 0}) == ""


def test_a_crowd_is_the_same_hand_at_twice_the_distance():
    rgb = np.zeros((48, 64, 3), np.uint8)
    depth_m = np.zeros((48, 64), np.float32)
    rgb[20:28, 30:40], depth_m[20:28, 30:40] = 200, 0.5
    for hands in (1, 2, 4):
        crowded_rgb, crowded_m = crowd(rgb, depth_m, hands)
        assert crowded_m.shape == depth_m.shape and crowded_rgb.shape == rgb.shape
        shrunk, farther = (1, 1) if hands == 1 else (4, 2)
        assert np.count_nonzero(crowded_m) == np.count_nonzero(depth_m) * hands / shrunk
        assert crowded_m.max() == 0.5 * farther
        assert np.array_equal(crowded_rgb[..., 0] > 0, crowded_m > 0)


def test_ratios_are_of_one_round():
    def round_of(median_ms: float) -> bench_node.Figures:
        return bench_node.Figures(median_ms, *[1.0] * 7)

    ours, theirs = [round_of(10), round_of(20), round_of(40)], [round_of(20), round_of(60), round_of(40)]
    assert bench_node.ratio(theirs, ours, "median_ms") == "2.00 (1.00-3.00)"


@pytest.mark.parametrize(
    ("last", "answers", "superseded", "ended", "words"),
    [
        (soak.Use(203.0, 300.0, 40, 12), 1000, 0, False, ""),
        (soak.Use(210.0, 300.0, 40, 12), 1000, 0, False, "memory grew by 9.0 MB"),
        (soak.Use(203.0, 300.0, 43, 13), 1000, 0, False, "3 descriptors more; 1 threads more"),
        (soak.Use(203.0, 300.0, 40, 12), 900, 100, False, "more than 5% of the pictures lost"),
        (soak.Use(203.0, 300.0, 40, 12), 990, 8, False, "2 pictures lost that no newer one overtook"),
        (soak.Use(203.0, 300.0, 40, 12), 1000, 0, True, "the node ended"),
    ],
)
def test_a_soak_finds_what_grows_and_what_is_lost(last, answers, superseded, ended, words):
    uses = [soak.Use(180.0, 300.0, 30, 10), soak.Use(201.0, 300.0, 40, 12), last]
    assert "; ".join(soak.faults(uses, answers, 1000, superseded, ended)) == words


SCRIPT = """
import sys
from pathlib import Path
from hand_pose_ros.ros.live import isolate
isolate()
import rclpy
rclpy.init()
import bench_node
from node_harness import measure
recording = Path(sys.argv[2])
run = measure(bench_node.node_command(sys.argv[1]), recording, 3.0)
print(len(run.sent), len(run.answers), run.accounts["pairs"], run.memory_mb > 50, run.cpu > 0)
print(run.losses() or "none")
print(bench_node.figures(run, recording).absolute_mm > 0)
"""


def test_camera_node_and_listener_meet_and_every_picture_is_accounted_for(tmp_path):
    bundle = make_test_bundle(tmp_path / "bundle")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools")])}
    command = [sys.executable, "-c", SCRIPT, str(bundle), str(ROOT / "demo" / "recording")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    counts, lost, errs = done.stdout.splitlines()[-3:]
    sent, answers, pairs, *used = counts.split()
    assert used == ["True", "True"] and errs == "True"
    assert 0 < int(answers) <= int(pairs) <= int(sent) <= 120
    assert lost == "none" or "not heard" not in lost
