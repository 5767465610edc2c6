from hand_pose_ros.ros.counts import PairCounts, TopicCounts

PERIOD_NS = 33_000_000


def fed(counts: TopicCounts, *numbers: int | None) -> dict[str, str]:
    for number in numbers:
        counts.received((counts.last_ns or 0) + PERIOD_NS, True, number)
    return counts.values("/rgb")


def test_pictures_that_never_came_were_lost_on_the_way_or_overtaken_in_the_queue():
    counts = TopicCounts("sensor_msgs/msg/Image")
    found = fed(counts, 7, 8, *range(10, 60), 63)
    assert (found["/rgb lost on the way"], found["/rgb overtaken in the queue"]) == ("0", "4")
    counts.lost = 3
    found = fed(counts, *range(64, 100))
    assert (found["/rgb lost on the way"], found["/rgb overtaken in the queue"]) == ("3", "1")
    assert counts.count == 89


def test_numbers_of_another_publisher_are_no_loss():
    counts = TopicCounts("sensor_msgs/msg/Image")
    fed(counts, 50, 51, 53)
    assert fed(counts, 1, 2)["/rgb overtaken in the queue"] == "1", "the camera restarted"
    assert fed(counts, 9000, 3, 9001, 4)["/rgb overtaken in the queue"] == "1", "two cameras at once"
    assert fed(counts, None, 5)["/rgb overtaken in the queue"] == "1", "not every middleware tells"


def test_what_comes_late_is_counted_apart():
    counts = TopicCounts("sensor_msgs/msg/Image")
    fed(counts, 1)
    counts.received(2 * PERIOD_NS, False, 2)
    assert (counts.count, counts.values("/rgb")["/rgb late or repeated"], counts.last_ns) == (1, "1", PERIOD_NS)


def test_a_pair_is_used_when_it_was_answered_or_superseded():
    pairs = PairCounts(paired=9, answered=4)
    pairs.fates["superseded"] += 3
    pairs.fates["unusable"] += 2
    assert pairs.used == 7
    assert pairs.values() == {
        "pairs": "9",
        "pairs answered": "4",
        "pairs superseded": "3",
        "pairs unusable": "2",
        "pairs without calibration": "0",
    }
