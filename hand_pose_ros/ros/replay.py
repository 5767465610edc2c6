"""Plays a bag into ROS, for machines without `ros2 bag`, and with stamps moved to now where latency is measured."""

from __future__ import annotations

import importlib
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock

from hand_pose_ros.recordings import bags
from hand_pose_ros.types import HandPoseError

#: Messages read ahead of their time, so that decompressing does not delay them: some 30 MB of 640x480 RGB-D.
READ_AHEAD = 40
#: /clock ticks at least this often, seconds.
CLOCK_PERIOD = 0.01
#: How long to wait for the subscribers that were asked for, seconds.
DISCOVERY_TIMEOUT = 15.0


@dataclass(frozen=True)
class Replayed:
    """messages: published. latest_s: the worst delay of a message behind its time. offset_ns: added to the stamps.
    skipped: topics left out because their message type is not installed."""

    messages: int
    latest_s: float
    offset_ns: int
    skipped: tuple[str, ...]


def replay(
    path: str | Path,
    *,
    rate: float = 1.0,
    loop: bool = False,
    clock: bool = False,
    restamp: bool = False,
    topics: Collection[str] | None = None,
    wait_for: Collection[str] = (),
    stop: threading.Event | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Replayed:
    """Publishes a bag's messages at their recorded distances in time, divided by `rate`.

    loop: again and again, until `stop` is set. clock: also publish /clock, in the bag's time. restamp: move the
    headers' stamps to the present, all by the same offset, as if the camera were live (messages that begin with a
    header; not with loop or clock). topics: only these. wait_for: topics that need a subscriber before it starts.
    on_progress: called with the seconds of the bag that were played. Raises HandPoseError for an unreadable bag, and
    when nobody subscribes to the topics in `wait_for`.
    """
    if not rate > 0:
        raise HandPoseError(f"rate is {rate}; choose a positive number")
    if restamp and (loop or clock):
        raise HandPoseError("stamps are moved to the present, so neither loop nor clock can be had; leave restamp out")
    there = bags.topics(path)
    recorded = {name: topic for name, topic in there.items() if topics is None or name in topics}
    if not recorded:
        raise HandPoseError(f"{path}: has none of the topics {sorted(topics or ())}; it has {', '.join(there)}")
    stop = stop or threading.Event()
    with own_node("hand_pose_replay") as node:
        publishers, skipped = {}, []
        for name, topic in recorded.items():
            kind = find_type(topic.type_name)
            if kind is None:
                skipped.append(name)
                continue
            latched = name.endswith("tf_static")
            durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
            publishers[name] = (node.create_publisher(kind, name, QoSProfile(depth=10, durability=durability)), kind)
        ticker = node.create_publisher(Clock, "/clock", QoSProfile(depth=10)) if clock else None
        _wait_for_subscribers({name: publisher for name, (publisher, _) in publishers.items()}, wait_for)

        count, latest, offset = 0, 0.0, 0
        while not stop.is_set():
            begin, first_ns = 0.0, None
            for message in _read_ahead(path, set(publishers)):
                if first_ns is None:
                    # Only now: what it took to open the bag must not make the stamps later than their messages.
                    begin, first_ns = time.monotonic(), message.stamp_ns
                    offset = time.time_ns() - first_ns if restamp else 0
                due = begin + (message.stamp_ns - first_ns) * 1e-9 / rate
                while (left := due - time.monotonic()) > 0 and not stop.is_set():
                    if ticker is not None:
                        ticker.publish(_clock(message.stamp_ns - int(left * rate * 1e9)))
                    time.sleep(min(left, CLOCK_PERIOD) if ticker is not None else min(left, 0.2))
                if stop.is_set():
                    break
                if ticker is not None:
                    ticker.publish(_clock(message.stamp_ns))
                publisher, kind = publishers[message.topic]
                publisher.publish(_moved(message.cdr, kind, round(offset)) if restamp else message.cdr)
                count, latest = count + 1, max(latest, time.monotonic() - due)
                if on_progress is not None:
                    on_progress((message.stamp_ns - first_ns) * 1e-9)
            if not loop:
                break
        # Reliable delivery needs the writer alive until the last message is acknowledged.
        for publisher, _ in publishers.values():
            publisher.wait_for_all_acked(rclpy.duration.Duration(seconds=2))
        return Replayed(count, latest, offset, tuple(skipped))


@contextmanager
def own_node(name: str) -> Iterator[Node]:
    """A bare node in a context of its own, so that it neither needs nor disturbs an rclpy.init elsewhere."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node(name, context=context, enable_rosout=False, start_parameter_services=False, use_global_arguments=False)
    try:
        yield node
    finally:
        node.destroy_node()
        context.try_shutdown()


def find_type(type_name: str) -> Any:
    """The Python class of 'package/msg/Type', or None where its package is not installed."""
    package, _, name = type_name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError):
        return None


def _wait_for_subscribers(publishers: Mapping[str, Publisher], names: Collection[str]) -> None:
    deadline = time.monotonic() + DISCOVERY_TIMEOUT
    for name in names:
        if name not in publishers:
            raise HandPoseError(f"{name} is to be waited for but not replayed; wait for one of {', '.join(publishers)}")
        # Matched with this very publisher, which comes later than being seen in the graph.
        while publishers[name].get_subscription_count() == 0:
            if time.monotonic() > deadline:
                raise HandPoseError(
                    f"nobody subscribes to {name} within {DISCOVERY_TIMEOUT:.0f} s; start the node that should, "
                    "in the same ROS_DOMAIN_ID"
                )
            time.sleep(0.02)
    if names:
        time.sleep(0.3)  # the subscriber's side may still be matching


def _read_ahead(path: str | Path, names: Collection[str]) -> Iterator[bags.RawMessage]:
    """Reads on a thread of its own; ends it when the consumer stops."""
    queue: Queue[bags.RawMessage | BaseException | None] = Queue(READ_AHEAD)
    done = threading.Event()

    def read() -> None:
        try:
            for message in bags.read_messages(path, names):
                if done.is_set():
                    return
                queue.put(message)
            queue.put(None)
        except BaseException as error:  # handed to the consumer
            queue.put(error)

    reader = threading.Thread(target=read, name="bag_reader", daemon=True)
    reader.start()
    # A full queue first: otherwise the first messages compete with reading, come late, and then in a burst.
    while not queue.full() and reader.is_alive():
        time.sleep(0.01)
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        done.set()
        while not queue.empty():
            queue.get_nowait()


def _clock(now_ns: int) -> Clock:
    message = Clock()
    message.clock.sec, message.clock.nanosec = divmod(now_ns, 1_000_000_000)
    return message


def _moved(cdr: bytes, kind: Any, offset_ns: int) -> bytes:
    """The message with its stamp moved, if it begins with a header (4 bytes, then int32 sec and uint32 nanosec)."""
    if next(iter(kind.get_fields_and_field_types().values()), "") != "std_msgs/Header":
        return cdr
    layout = "<iI" if cdr[1] == 1 else ">iI"
    sec, nanosec = struct.unpack_from(layout, cdr, 4)
    moved = bytearray(cdr)
    struct.pack_into(layout, moved, 4, *divmod(sec * 1_000_000_000 + nanosec + offset_ns, 1_000_000_000))
    return bytes(moved)
