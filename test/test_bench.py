"""The benchmark runs to its end on any bundle."""

import subprocess
import sys
from pathlib import Path

from bundles import make_test_bundle

ROOT = Path(__file__).resolve().parents[1]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "bench.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_every_modality_of_the_bundle_is_timed(tmp_path: Path) -> None:
    done = bench("--model", str(make_test_bundle(tmp_path / "bundle", ("depth", "cloud"))), "--frames", "2")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("rgb", "depth", "joint"))]
    assert [line.split(",")[0] for line in lines] == ["depth"] * 3 + ["joint angles"]
    for line in lines:
        median, p99 = map(float, line.split()[-2:])
        assert 0 < median <= p99


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    done = bench("--model", str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert done.stderr.startswith("bench: no model bundle") and "nothing" in done.stderr
