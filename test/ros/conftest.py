"""The node beside a camera, in one executor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
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


@pytest.fixture
def ros() -> Iterator[None]:
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
        chosen = {"model": str(bundle), "diagnostics_period": 0.1} | parameters
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
