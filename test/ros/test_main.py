"""The executable, as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy
from lifecycle_msgs.srv import GetState
from ros_bench import DEADLINE, hand_depth

from hand_pose_ros.ros import node

pytestmark = pytest.mark.usefixtures("domain")


@contextmanager
def process(*parameters: str) -> Iterator[subprocess.Popen]:
    arguments = [item for parameter in parameters for item in ("-p", parameter)]
    command = [sys.executable, "-m", "hand_pose_ros.ros.node", "--ros-args", *arguments]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def state(bench) -> str:
    client = bench.create_client(GetState, "/hand_pose/get_state")
    for _ in range(10):
        assert bench.spin_until(client.service_is_ready)
        future = client.call_async(GetState.Request())
        # A service may be seen before it can answer, and then this answer never comes.
        if bench.spin_until(future.done, DEADLINE / 10):
            return future.result().current_state.label
    raise AssertionError("no answer from /hand_pose/get_state")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_starts_by_itself_works_and_ends_cleanly(bench, bundle, how):
    with process(f"model:={bundle}", "detector:=depth") as running:
        answer = bench.first_answer(hand_depth())
        assert answer is not None and len(answer.hands) == 1
        assert state(bench) == "active"
        running.send_signal(how)
        output, _ = running.communicate(timeout=DEADLINE)
    assert running.returncode == 0, output
    assert "Traceback" not in output


def test_waits_for_a_lifecycle_manager_without_autostart(bench, bundle):
    with process(f"model:={bundle}", "autostart:=false") as running:
        assert state(bench) == "unconfigured"
        assert running.poll() is None


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("model:=/no/such/model", "no model bundle '/no/such/model'"),
        ("side:=up", "side is 'up'; choose one of auto, left, right"),
        ("threads:=0", "threads"),
    ],
)
def test_what_cannot_start_ends_with_a_sentence(parameter, words):
    with process(parameter) as running:
        output, _ = running.communicate(timeout=DEADLINE)
    assert running.returncode == 1
    assert words in output and "Traceback" not in output


@pytest.mark.parametrize("moment", ["spin", "_start"])
def test_a_shutdown_is_clean_wherever_it_strikes(bundle, monkeypatch, moment):
    def struck(*_):
        rclpy.shutdown()
        raise RuntimeError("failed to initialize wait set: the given context is not valid")

    monkeypatch.setattr(rclpy if moment == "spin" else node, moment, struck)
    assert node.main(["--ros-args", "-p", f"model:={bundle}"]) == 0


def test_a_shutdown_while_it_starts_is_no_failure(bundle, monkeypatch):
    def stopped(*_):
        rclpy.shutdown()
        return False

    monkeypatch.setattr(node, "_start", stopped)
    assert node.main(["--ros-args", "-p", f"model:={bundle}"]) == 0


def test_an_error_while_nothing_was_shut_down_is_not_hidden(bundle, monkeypatch):
    def broken(_):
        raise RuntimeError("a real one")

    monkeypatch.setattr(rclpy, "spin", broken)
    with pytest.raises(RuntimeError, match="a real one"):
        node.main(["--ros-args", "-p", f"model:={bundle}"])
