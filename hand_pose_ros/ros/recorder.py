"""Writes topics to a bag as they come, serialised as they are, for machines without `ros2 bag`."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from hand_pose_ros.recordings import bags
from hand_pose_ros.ros.replay import find_type, own_node
from hand_pose_ros.types import HandPoseError

#: Camera drivers may offer no more than best effort.
_BEST_EFFORT = (bags.IMAGE, bags.CAMERA_INFO)


class Recorder:
    """Records from entering to leaving: `with Recorder(path, {"/hand_pose/hands": bags.HAND_ARRAY}) as recorder: ...`.

    topics: message types by name. Messages are stamped with the system time of their reception; `counts` has how many
    of each topic were written. Raises HandPoseError where the bag exists already or a type is not installed.
    """

    def __init__(self, path: str | Path, topics: Mapping[str, str]) -> None:
        self.counts: Counter[str] = Counter()
        self._topics = topics
        self._bag = bags.BagWriter(path, compress=False)
        self._open = ExitStack()

    def __enter__(self) -> Recorder:
        with ExitStack() as opening:
            opening.enter_context(self._bag)
            node = opening.enter_context(own_node("hand_pose_recorder"))
            for name, type_name in self._topics.items():
                self._subscribe(node, name, type_name)
            executor = SingleThreadedExecutor(context=node.context)
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,), name="recorder", daemon=True)
            thread.start()
            opening.callback(thread.join)
            opening.callback(executor.shutdown)
            self._node = node
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def wait_for_publishers(self, timeout_s: float = 15.0) -> None:
        """Returns when every topic has a publisher; raises HandPoseError naming the one that has none in time."""
        deadline = time.monotonic() + timeout_s
        for name in self._topics:
            while self._node.count_publishers(name) == 0:
                if time.monotonic() > deadline:
                    raise HandPoseError(f"nobody publishes {name} within {timeout_s:.0f} s; is its node active?")
                time.sleep(0.02)

    def _subscribe(self, node: Node, name: str, type_name: str) -> None:
        kind = find_type(type_name)
        if kind is None:
            raise HandPoseError(f"{name}: message type {type_name} is not installed; build or install its package")

        def write(cdr: Any, info: Any) -> None:  # rclpy also passes what it knows about the message
            self._bag.write(name, type_name, info["received_timestamp"], cdr)
            self.counts[name] += 1

        best_effort = type_name in _BEST_EFFORT
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        node.create_subscription(kind, name, cast(Any, write), QoSProfile(depth=100, reliability=reliability), raw=True)

    @staticmethod
    def _spin(executor: SingleThreadedExecutor) -> None:
        with suppress(ExternalShutdownException):
            executor.spin()
