"""Processes are ended politely, and those that do not listen all the same."""

import subprocess
import sys

from hand_pose_ros.ros.processes import end

SAY = "print('ready', flush=True); time.sleep(60)"
POLITE = f"import time\ntry:\n    {SAY}\nexcept KeyboardInterrupt:\n    raise SystemExit(7)"
DEAF = f"import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); {SAY}"


def ended(code: str, patience_s: float) -> int:
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        end(process, patience_s)
        end(process, patience_s)  # of one that has ended nothing is asked
        return process.wait(10)


def test_a_process_may_tidy_up() -> None:
    assert ended(POLITE, 20) == 7


def test_one_that_does_not_listen_is_killed() -> None:
    assert ended(DEAF, 0.2) == -9
