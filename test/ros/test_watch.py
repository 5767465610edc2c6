"""What a running node publishes, as the view shows it."""

import threading

import numpy as np
import pytest
from ros_bench import DEADLINE, FRAME_ID, hand_depth

pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: make setup-view")

from hand_pose_msgs.msg import Hand
from hand_pose_ros.ros.watch import seen_hands, watch


class Seen:
    """In the place of LiveView: keeps what it is told."""

    def __init__(self) -> None:
        self.calls: dict[str, list] = {"hands": [], "points": [], "picture": []}

    def __getattr__(self, name: str):
        return lambda *told: self.calls[name].append(told)


def test_a_running_node_is_watched(active, bench):
    node = active(predict_for=0.0)
    view, stop = Seen(), threading.Event()
    shown: list[int] = []
    thread = threading.Thread(target=lambda: shown.append(watch("/hand_pose", view, stop)), daemon=True)
    thread.start()
    views = [node.resolve_topic_name(name) for name in ("~/hands", "~/points", "~/debug_image")]
    readers = [publisher for publisher in node.publishers if publisher.topic_name in views]
    wanted = {"~/hands": 2, "~/points": 1, "~/debug_image": 1}  # the bench reads hands, too
    counts = {node.resolve_topic_name(name): count for name, count in wanted.items()}
    assert bench.spin_until(lambda: all(p.get_subscription_count() >= counts[p.topic_name] for p in readers))
    stamps = []
    try:
        for _ in range(30):
            # one picture at a time: a flood would push its own pairs out of the node's queues
            stamps.append(bench.send(hand_depth()))
            bench.answer(stamps[-1], DEADLINE / 30)
            if bench.spin_until(lambda: all(view.calls.values()), 1.0):
                break
        assert all(view.calls.values())
    finally:
        stop.set()
        thread.join(60)
    assert shown == [len(view.calls["hands"])]
    stamp_ns, frame_id, (hand,) = view.calls["hands"][0]
    assert stamp_ns in stamps and frame_id == FRAME_ID
    answer = bench.answer(stamp_ns).hands[0]
    np.testing.assert_allclose(hand.joints_m[8], [getattr(answer.joints[8].position, axis) for axis in "xyz"])
    np.testing.assert_allclose(hand.joint_cov_m2[8].ravel(), answer.joints[8].covariance)
    np.testing.assert_allclose(hand.angles, answer.joint_angles, atol=1e-6)
    assert view.calls["points"][0][2].shape == (64, 3)
    assert view.calls["picture"][0][2].shape == (240, 320, 3)


def test_what_a_message_does_not_know_is_nan(active, bench):
    active()
    message = bench.answer(bench.send(hand_depth()))
    hand = message.hands[0]
    hand.joints[4].valid = False
    hand.joints[5].covariance = np.zeros(9)
    hand.joint_angles, hand.joint_angle_names = [], []
    (seen,) = seen_hands(message)
    assert np.isnan(seen.joints_m[4]).all() and np.isfinite(seen.joints_m[5]).all()
    assert np.isnan(seen.joint_cov_m2[[4, 5]]).all() and np.isfinite(seen.joint_cov_m2[6]).all()
    assert np.isnan(seen.angles).all() and len(seen.angles) == 21
    hand.side = Hand.SIDE_UNKNOWN
    assert seen_hands(message) == []
