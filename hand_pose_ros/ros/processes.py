"""Processes that were started beside this one."""

from __future__ import annotations

import signal
import subprocess


def end(process: subprocess.Popen, patience_s: float) -> None:
    """Politely, and after `patience_s` not."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
