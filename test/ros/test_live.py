"""What runs the node for a demo keeps it apart from all others on the machine."""

import subprocess
import sys

import pytest

from hand_pose_ros.ros import live
from hand_pose_ros.types import HandPoseError

HOLD = """
import os
from hand_pose_ros.ros import live
live.DOMAINS = range(20, 22)
live.isolate()
print(os.environ["ROS_DOMAIN_ID"], flush=True)
input()
"""


@pytest.fixture
def no_domain(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    monkeypatch.setattr(live, "DOMAINS", range(20, 22))
    monkeypatch.setattr(live, "_held", [])


def test_no_two_that_run_at_once_hear_each_other(no_domain):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    holders = [subprocess.Popen([sys.executable, "-c", HOLD], **pipes) for _ in range(2)]
    try:
        taken = {int(holder.stdout.readline()) for holder in holders}
        assert taken == {20, 21}
        with pytest.raises(HandPoseError, match="20 to 21 are all taken; set ROS_DOMAIN_ID"):
            live.isolate()
    finally:
        for holder in holders:
            holder.communicate("\n")
    live.isolate()  # who ends gives it back


def test_what_the_user_set_is_kept(no_domain, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    live.isolate()
    assert live.os.environ["ROS_DOMAIN_ID"] == "7" and not live._held
