"""The node beside a camera, in one executor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fcntl import LOCK_EX, LOCK_NB, flock
from itertools import cycle, islice
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
import rclpy
from bundles import make_test_bundle
from rclpy.parameter import Parameter
from ros_bench import Bench

from hand_pose_ros.ros.node import HandPoseNode


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_test_bundle(tmp_path_factory.mktemp("model") / "bundle")


_domains = cycle(range(1, 102))
for _ in range(os.getpid() % 101):
    next(_domains)


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ROS domain that no other test has, of this run or of another on this machine, inherited by child processes.

    A process that was killed stays in the graph for its lease of 20 s; so nobody else may look there.
    """
    for number in islice(_domains, 101):
        with (Path(gettempdir()) / f"hand_pose_ros_domain_{os.getuid()}_{number}").open("w") as taken:
            try:
                flock(taken, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                continue
            monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
            yield
            return
    raise RuntimeError("no ROS domain is free on this machine")


@pytest.fixture
def ros(domain: None) -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def bench(ros: None) -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.destroy_node()


@pytest.fixture
def make_node(bench: Bench, bundle: Path) -> Iterator[Callable[..., HandPoseNode]]:
    """Makes the node with parameters, in the bench's executor; not yet configured."""
    nodes = []

    def make(**parameters: Any) -> HandPoseNode:
        # their made-up pictures show a blob of depth, which no network takes for a hand
        chosen = {"model": str(bundle), "detector": "depth", "diagnostics_period": 0.1} | parameters
        node = HandPoseNode(parameter_overrides=[Parameter(name, value=value) for name, value in chosen.items()])
        bench.executor_.add_node(node)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        bench.executor_.remove_node(node)
        node.destroy_node()


@pytest.fixture
def active(make_node: Callable[..., HandPoseNode], bench: Bench) -> Callable[..., HandPoseNode]:
    """Makes the node, active and connected to the bench."""

    def make(**parameters: Any) -> HandPoseNode:
        node = make_node(**parameters)
        node.trigger_configure()
        node.trigger_activate()
        bench.wait_for_node(node)
        return node

    return make
