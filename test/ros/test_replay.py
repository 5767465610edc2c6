"""Bags through DDS: what is replayed arrives, in order and in time, and can be recorded again."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ros_bench import DEADLINE
from rosgraph_msgs.msg import Clock

from hand_pose_ros.recordings import bags
from hand_pose_ros.ros.recorder import Recorder
from hand_pose_ros.ros.replay import own_node, replay
from hand_pose_ros.types import HandPoseError

pytestmark = pytest.mark.usefixtures("domain")

STAMPED = "geometry_msgs/msg/PointStamped"
PERIOD_NS = 20_000_000
COUNT = 25
START_NS = 1_600_000_000_123_456_789


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    types = {name: bags.message_type(name) for name in (STAMPED, "geometry_msgs/msg/Point", "std_msgs/msg/Header")}
    time_type = bags.message_type("builtin_interfaces/msg/Time")
    path = tmp_path / "bag"
    with bags.BagWriter(path) as writer:
        for index in range(COUNT):
            stamp_ns = START_NS + index * PERIOD_NS
            sec, nanosec = divmod(stamp_ns, 10**9)
            header = types["std_msgs/msg/Header"](stamp=time_type(sec=sec, nanosec=nanosec), frame_id="camera")
            point = types["geometry_msgs/msg/Point"](x=float(index), y=0.0, z=0.0)
            for topic in ("/one", "/two"):
                writer.write(topic, STAMPED, stamp_ns, types[STAMPED](header=header, point=point))
            writer.write("/text", "std_msgs/msg/String", stamp_ns, bags.message_type("std_msgs/msg/String")(data="x"))
    return path


def replay_into_recorder(bag: Path, out: Path, **options) -> tuple[list[bags.RawMessage], object]:
    with Recorder(out, {"/one": STAMPED, "/two": STAMPED}) as recorder:
        done = replay(bag, topics=("/one", "/two"), wait_for=("/one", "/two"), **options)
        deadline = time.monotonic() + DEADLINE
        while sum(recorder.counts.values()) < done.messages and time.monotonic() < deadline:
            time.sleep(0.02)
    return list(bags.read_messages(out)), done


def test_every_message_arrives_byte_for_byte(bag, tmp_path):
    received, done = replay_into_recorder(bag, tmp_path / "out")
    assert done.messages == 2 * COUNT and done.offset_ns == 0
    for topic in ("/one", "/two"):
        sent = [message.cdr for message in bags.read_messages(bag, [topic])]
        assert [message.cdr for message in received if message.topic == topic] == sent


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_rate_stretches_time(bag, tmp_path, rate):
    received, _ = replay_into_recorder(bag, tmp_path / "out", rate=rate)
    stamps = [message.stamp_ns for message in received if message.topic == "/one"]
    # Never faster than asked for; slower only as far as a busy machine may delay the end.
    assert stamps[-1] - stamps[0] > 0.9 * (COUNT - 1) * PERIOD_NS / rate


def test_restamped_messages_are_of_now_and_keep_their_distances(bag, tmp_path):
    before = time.time_ns()
    received, done = replay_into_recorder(bag, tmp_path / "out", restamp=True)
    stamps = []
    for message in received:
        if message.topic == "/one":
            stamp = bags.deserialize(message).header.stamp
            stamps.append(stamp.sec * 10**9 + stamp.nanosec)
    np.testing.assert_array_equal(np.diff(stamps), PERIOD_NS)
    assert before < stamps[0] < time.time_ns()
    assert stamps[0] - done.offset_ns == START_NS


def test_clock_runs_in_the_bags_time_and_loops(bag):
    ticks: list[int] = []
    stop = threading.Event()
    with own_node("listener") as node:
        from rclpy.executors import SingleThreadedExecutor

        node.create_subscription(Clock, "/clock", lambda m: ticks.append(m.clock.sec * 10**9 + m.clock.nanosec), 1000)
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        player = threading.Thread(target=replay, args=(bag,), kwargs={"clock": True, "loop": True, "stop": stop})
        player.start()
        deadline = time.monotonic() + DEADLINE
        while not (np.diff(ticks) < 0).any() and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
        stop.set()
        player.join(DEADLINE)
        executor.shutdown()
    assert not player.is_alive()
    assert (np.diff(ticks) < 0).any(), "the clock never went back to the start of the bag"
    assert min(ticks) >= START_NS - 10**7 and max(ticks) <= START_NS + COUNT * PERIOD_NS


def test_unknown_message_types_are_skipped_and_told(bag, monkeypatch):
    import hand_pose_ros.ros.replay as module

    known = module.find_type
    monkeypatch.setattr(module, "find_type", lambda name: None if name == STAMPED else known(name))
    done = replay(bag, rate=10.0)
    assert done.skipped == ("/one", "/two") and done.messages == COUNT


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 0.0}, "rate"),
        ({"topics": ("/nothing",)}, r"/nothing.*/one"),
        ({"restamp": True, "loop": True}, "restamp"),
        ({"wait_for": ("/one",)}, "nobody subscribes to /one"),
    ],
)
def test_what_cannot_be_replayed_is_told(bag, monkeypatch, options, words):
    monkeypatch.setattr("hand_pose_ros.ros.replay.DISCOVERY_TIMEOUT", 0.2)
    with pytest.raises(HandPoseError, match=words):
        replay(bag, **options)


def test_recorder_names_what_it_cannot_record(tmp_path):
    with pytest.raises(HandPoseError, match="no_such_msgs"), Recorder(tmp_path / "a", {"/x": "no_such_msgs/msg/X"}):
        pass
    with Recorder(tmp_path / "b", {"/nobody": STAMPED}) as recorder, pytest.raises(HandPoseError, match="/nobody"):
        recorder.wait_for_publishers(0.1)
