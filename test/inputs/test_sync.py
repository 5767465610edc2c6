import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.inputs.sync import QUEUE, Pair, Synchronizer

MS = 1_000_000
PERIOD = 33 * MS


def feed(sync: Synchronizer[str], *events: tuple[str, int]) -> list[Pair[str]]:
    """Adds (stream, stamp) in order, each item named after itself; returns the pairs that came out."""
    pairs = (sync.add(stream, stamp, f"{stream}@{stamp}") for stream, stamp in events)  # type: ignore[arg-type]
    return [pair for pair in pairs if pair]


def test_equal_stamps_pair_in_either_order():
    sync = Synchronizer(0, 500 * MS)
    assert feed(sync, ("rgb", 10), ("depth", 10), ("depth", 20), ("rgb", 20)) == [
        Pair(10, "rgb@10", "depth@10"),
        Pair(20, "rgb@20", "depth@20"),
    ]
    assert sync.pairs == 2
    assert sync.unpaired == {"rgb": 0, "depth": 0}


@pytest.mark.parametrize(("stream", "pair"), [("rgb", Pair(10, "rgb@10", None)), ("depth", Pair(10, None, "depth@10"))])
def test_where_there_is_one_stream_every_picture_is_complete(stream, pair):
    sync = Synchronizer(0, 500 * MS, streams=[stream])
    assert feed(sync, (stream, 10)) == [pair]
    assert sync.unpaired == {"rgb": 0, "depth": 0}


def test_exact_means_exact():
    assert feed(Synchronizer(0, 500 * MS), ("rgb", 10), ("depth", 11)) == []


def test_approximate_pairs_take_the_nearest_and_the_colour_stamp():
    sync = Synchronizer(5 * MS, 500 * MS)
    assert feed(sync, ("depth", 4 * MS), ("depth", 9 * MS), ("rgb", 10 * MS)) == [
        Pair(10 * MS, f"rgb@{10 * MS}", f"depth@{9 * MS}")
    ]
    assert sync.unpaired == {"rgb": 0, "depth": 1}


def test_one_lost_picture_costs_one_pair():
    sync = Synchronizer(0, 500 * MS)
    pairs = feed(sync, ("rgb", 0), ("rgb", PERIOD), ("depth", PERIOD), ("rgb", 2 * PERIOD), ("depth", 2 * PERIOD))
    assert [pair.stamp_ns for pair in pairs] == [PERIOD, 2 * PERIOD]
    assert sync.unpaired == {"rgb": 1, "depth": 0}


def test_a_lagging_stream_is_waited_for():
    sync = Synchronizer(0, 500 * MS)
    assert len(feed(sync, *[("rgb", i * PERIOD) for i in range(QUEUE)], ("depth", 0), ("depth", PERIOD))) == 2


def test_memory_is_bounded():
    sync = Synchronizer(0, 10**18)
    feed(sync, *[("rgb", i) for i in range(1000)])
    assert sync.unpaired == {"rgb": 1000 - QUEUE, "depth": 0}


def test_a_silent_stream_is_given_up_and_taken_back():
    sync = Synchronizer(0, 100 * MS)
    assert feed(sync, ("rgb", 0), ("depth", 0)) == [Pair(0, "rgb@0", "depth@0")]
    alone = feed(sync, *[("rgb", i * PERIOD) for i in range(1, 7)])
    assert [pair.stamp_ns for pair in alone] == [5 * PERIOD, 6 * PERIOD]
    assert all(pair.depth is None for pair in alone)
    together = feed(sync, ("depth", 6 * PERIOD), ("rgb", 7 * PERIOD), ("depth", 7 * PERIOD))
    assert together == [Pair(7 * PERIOD, f"rgb@{7 * PERIOD}", f"depth@{7 * PERIOD}")]


def test_a_stream_that_never_came_is_not_waited_for_forever():
    sync = Synchronizer(0, 100 * MS)
    alone = feed(sync, *[("depth", i * PERIOD) for i in range(6)])
    assert [(pair.stamp_ns, pair.rgb) for pair in alone] == [(4 * PERIOD, None), (5 * PERIOD, None)]


def test_without_fallback_there_are_only_pairs():
    sync = Synchronizer(0, 100 * MS, fallback=False)
    assert feed(sync, *[("rgb", i * PERIOD) for i in range(30)]) == []


def test_a_looped_bag_loses_no_pair():
    sync = Synchronizer(0, 500 * MS)
    loop = [(stream, i * PERIOD) for i in range(20) for stream in ("rgb", "depth")]
    assert len(feed(sync, *loop, *loop, *loop)) == 60


def test_a_stream_that_stops_at_the_jump_is_given_up_too():
    sync = Synchronizer(0, 100 * MS)
    feed(sync, *[(stream, i * PERIOD) for i in range(20) for stream in ("rgb", "depth")])
    alone = feed(sync, *[("rgb", i * PERIOD) for i in range(6)])
    assert [pair.stamp_ns for pair in alone] == [4 * PERIOD, 5 * PERIOD]


@pytest.mark.parametrize("streams", [["rgb"], ["rgb", "depth"]])
def test_late_and_repeated_pictures_are_left_out_and_counted(streams):
    sync = Synchronizer(0, 500 * MS, streams=streams)
    stamps = [PERIOD, 3 * PERIOD, 2 * PERIOD, 3 * PERIOD, 4 * PERIOD]
    pairs = feed(sync, *[(stream, stamp) for stamp in stamps for stream in streams])
    assert [pair.stamp_ns for pair in pairs] == [PERIOD, 3 * PERIOD, 4 * PERIOD]
    assert sync.out_of_turn == {"rgb": 2, "depth": 2 if "depth" in streams else 0}
    assert sync.unpaired == {"rgb": 0, "depth": 0}


def test_a_camera_that_stands_still_counts_as_silent():
    sync = Synchronizer(0, 100 * MS)
    feed(sync, ("rgb", 0), ("depth", 0))
    events = [event for i in range(1, 7) for event in (("rgb", i * PERIOD), ("depth", 0))]
    assert [(pair.stamp_ns, pair.depth) for pair in feed(sync, *events)] == [(5 * PERIOD, None), (6 * PERIOD, None)]


def test_one_stamp_far_in_the_future_costs_one_picture():
    sync = Synchronizer(0, 100 * MS, streams=["rgb"])
    pairs = feed(sync, ("rgb", PERIOD), ("rgb", 10**18), ("rgb", 2 * PERIOD), ("rgb", 3 * PERIOD))
    assert [pair.stamp_ns for pair in pairs] == [PERIOD, 10**18, 2 * PERIOD, 3 * PERIOD]


def test_rates_may_differ():
    sync = Synchronizer(5 * MS, 200 * MS)
    colour = [(i * PERIOD, "rgb") for i in range(60)]
    depth = [(2 * i * PERIOD + 2 * MS, "depth") for i in range(30)]
    pairs = feed(sync, *[(stream, stamp) for stamp, stream in sorted(colour + depth)])
    assert [pair.stamp_ns for pair in pairs] == [2 * i * PERIOD for i in range(30)]
    assert sync.unpaired == {"rgb": 29, "depth": 0}


def test_streams_that_never_meet_tell_how_far_they_are_apart():
    sync = Synchronizer(5 * MS, 200 * MS)
    assert feed(sync, ("rgb", 0), ("depth", 12 * MS), ("rgb", PERIOD)) == []
    assert sync.nearest_miss_ns == PERIOD - 12 * MS


def test_reset_forgets_pictures_and_stamps():
    sync = Synchronizer(0, 100 * MS)
    feed(sync, ("rgb", PERIOD))
    sync.reset()
    assert sync.unpaired == {"rgb": 1, "depth": 0}
    assert feed(sync, ("rgb", 0), ("depth", 0)) == [Pair(0, "rgb@0", "depth@0")]


@given(
    st.lists(st.tuples(st.sampled_from(["rgb", "depth"]), st.integers(-5, 60).map(lambda n: 20 * MS * n)), max_size=80),
    st.integers(0, 50 * MS),
    st.integers(50 * MS, 500 * MS),
)
def test_whatever_arrives(events, tolerance, timeout):
    """Every picture is used at most once, pairs keep the tolerance, and used, waiting and dropped add up."""
    sync = Synchronizer[tuple[str, int, int]](tolerance, timeout)
    used = []
    for index, (stream, stamp) in enumerate(events):
        pair = sync.add(stream, stamp, (stream, stamp, index))
        if pair is None:
            continue
        assert pair.stamp_ns == (pair.rgb or pair.depth)[1]
        if pair.rgb and pair.depth:
            assert abs(pair.rgb[1] - pair.depth[1]) <= tolerance
        used += [item for item in (pair.rgb, pair.depth) if item]
        assert index in {item[2] for item in used}
    assert len(set(used)) == len(used)
    given_up = sum(sync.unpaired.values()) + sum(sync.out_of_turn.values())
    assert 0 <= len(events) - len(used) - given_up <= 2 * QUEUE
