"""Runs the real node in a process of its own, replays a bag to it over DDS and records what it publishes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from multiprocessing import get_context
from pathlib import Path
from tempfile import gettempdir
from typing import IO

from hand_pose_ros.inputs.frames import split_transport
from hand_pose_ros.manifest import models_folder
from hand_pose_ros.recordings import bags
from hand_pose_ros.recordings.bag_recording import DEPTH_TOPIC, INFO_TOPIC, RGB_TOPIC, CameraTopics
from hand_pose_ros.ros.processes import end
from hand_pose_ros.ros.recorder import Recorder
from hand_pose_ros.ros.replay import Replayed, replay
from hand_pose_ros.types import HandPoseError

NODE = "/hand_pose"
HANDS = f"{NODE}/hands"
OUTPUTS = {
    HANDS: bags.HAND_ARRAY,
    f"{NODE}/points": "sensor_msgs/msg/PointCloud2",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
#: What no default and few robots use.
DOMAINS = range(20, 101)
_held: list[IO[str]] = []
#: Loading ONNX Runtime and a model on a busy machine.
START_TIMEOUT = 60.0
#: What is on its way when the replay ends arrives within this time, seconds; and one more diagnostics report.
DRAIN = 1.2


def isolate() -> None:
    """Keeps what this process and its children say to themselves: own domain, this machine, enough shared memory.

    Fast DDS's default shared memory segment is smaller than a camera image, so that pictures get lost. Call it
    before anything of ROS is initialised. What the user has set is kept. Raises HandPoseError where no domain is free.
    """
    if "ROS_DOMAIN_ID" not in os.environ:
        os.environ["ROS_DOMAIN_ID"] = str(_free_domain())
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    profile = models_folder().parent / "config" / "fastdds_shm.xml"
    if profile.is_file():
        for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):  # Jazzy's and Kilted's
            os.environ.setdefault(name, str(profile))


def _free_domain() -> int:
    """A ROS domain that no other isolated process of this user has, for as long as this process runs."""
    for number in random.sample(DOMAINS, len(DOMAINS)):
        lock = (Path(gettempdir()) / f"hand_pose_ros_domain_{os.getuid()}_{number}").open("w")
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)  # closing it would give the domain back
        return number
    raise HandPoseError(f"the ROS domains {DOMAINS[0]} to {DOMAINS[-1]} are all taken; set ROS_DOMAIN_ID yourself")


def run_live(
    bag: str | Path,
    topics: CameraTopics,
    outputs: str | Path,
    *,
    parameters: Mapping[str, str],
    log: str | Path,
    on_progress: Callable[[int], None],
) -> Replayed:
    """Replays the camera's topics in real time, stamped with the present, and records the node's OUTPUTS.

    parameters: of the node. log: file for what the node prints. on_progress: told the number of answers so far.
    Raises HandPoseError when the node does not start, or ends before the replay does.
    """
    inputs = {RGB_TOPIC: topics.rgb, DEPTH_TOPIC: topics.depth, INFO_TOPIC: topics.camera_info}
    names = [theirs for theirs in inputs.values() if theirs is not None]
    remappings = {ours: split_transport(theirs)[0] for ours, theirs in inputs.items() if theirs is not None}
    streams = {"rgb_transport": topics.rgb, "depth_transport": topics.depth}
    transports = {name: split_transport(topic)[1] for name, topic in streams.items() if topic is not None}
    parameters = transports | dict(parameters)
    # The replay has a process of its own, so that it neither slows the recorder nor is slowed by it.
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with _node_process(remappings, parameters, Path(log)) as node, Recorder(outputs, OUTPUTS) as recorder, pool:
        _wait_until_ready(node, recorder, Path(log))
        replayed = pool.submit(replay, bag, restamp=True, topics=names, wait_for=names)
        while not replayed.done():
            if node.poll() is not None:
                raise HandPoseError(f"the node ended with status {node.returncode} while it was fed; see {log}")
            on_progress(recorder.counts[HANDS])
            time.sleep(0.2)
        time.sleep(DRAIN)
        on_progress(recorder.counts[HANDS])
        return replayed.result()


@contextmanager
def _node_process(
    remappings: Mapping[str, str], parameters: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "hand_pose_ros.ros.node", "--ros-args"]
    for ours, theirs in remappings.items():
        command += ["-r", f"{ours}:={theirs}"]
    for name, value in parameters.items():
        command += ["-p", f"{name}:={value}"]
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT) as node:
        try:
            yield node
        finally:
            end(node, 10)


def _wait_until_ready(node: subprocess.Popen[bytes], recorder: Recorder, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            return recorder.wait_for_publishers(0.5)
        except HandPoseError as error:
            if node.poll() is None and time.monotonic() < deadline:
                continue
            said = log.read_text(errors="replace").strip().splitlines() or ["nothing was printed"]
            raise HandPoseError(f"the node did not start: {said[-1]} (all of it in {log})") from error
