"""Transforms as tf2's buffer would give them; where tf2_ros is installed, it is asked too."""

from types import SimpleNamespace

import numpy as np
import pytest

from hand_pose_ros.ros.transform_buffer import HISTORY_NS, TransformBuffer
from hand_pose_ros.types import HandPoseError

SECOND = 10**9


def stamped(parent, child, translation=(0.0, 0.0, 0.0), yaw=0.0, at_ns=0):
    """A TransformStamped in everything but name; yaw about z."""
    sec, nanosec = divmod(at_ns, SECOND)
    x, y, z = translation
    rotation = SimpleNamespace(x=0.0, y=0.0, z=float(np.sin(yaw / 2)), w=float(np.cos(yaw / 2)))
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=parent, stamp=SimpleNamespace(sec=sec, nanosec=nanosec)),
        child_frame_id=child,
        transform=SimpleNamespace(rotation=rotation, translation=SimpleNamespace(x=x, y=y, z=z)),
    )


def made(*static, moving=()) -> TransformBuffer:
    buffer = TransformBuffer()
    buffer.add(static, static=True)
    buffer.add(moving, static=False)
    return buffer


def test_up_one_branch_and_down_the_other():
    buffer = made(
        stamped("link", "colour", (1.0, 0.0, 0.0)),
        stamped("link", "depth", (0.0, 2.0, 0.0), yaw=np.pi / 2),
        stamped("base", "link", (5.0, 5.0, 5.0)),
    )
    place = buffer.lookup("colour", "depth", 7 * SECOND)
    np.testing.assert_allclose(place.translation, (-1.0, 2.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(place.rotation @ (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), atol=1e-12)
    back = buffer.lookup("depth", "colour", 7 * SECOND)
    np.testing.assert_allclose(back.rotation @ place.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(back.rotation @ place.translation + back.translation, 0, atol=1e-12)
    np.testing.assert_allclose(buffer.lookup("/base", "base", 0).rotation, np.eye(3))


def test_between_two_stamps_it_is_interpolated_and_beyond_them_refused():
    moving = [stamped("a", "b", (float(k), 0.0, 0.0), yaw=0.4 * k, at_ns=(10 + k) * SECOND) for k in (1, 0, 2)]
    buffer = made(moving=moving)
    place = buffer.lookup("a", "b", int(10.25 * SECOND))
    np.testing.assert_allclose(place.translation, (0.25, 0, 0), atol=1e-9)
    assert np.arctan2(place.rotation[1, 0], place.rotation[0, 0]) == pytest.approx(0.1)
    np.testing.assert_allclose(buffer.lookup("a", "b", 11 * SECOND).translation, (1.0, 0, 0))
    for outside in (9, 13):
        with pytest.raises(HandPoseError, match=rf"'b' in 'a' is known from 10.000 to 12.000 s, not at {outside}.000"):
            buffer.lookup("a", "b", outside * SECOND)


def test_the_shorter_way_round():
    buffer = made(moving=[stamped("a", "b", yaw=y, at_ns=k * SECOND) for k, y in ((1, 3.0), (2, -3.0))])
    rotation = buffer.lookup("a", "b", int(1.5 * SECOND)).rotation
    assert abs(np.arctan2(rotation[1, 0], rotation[0, 0])) == pytest.approx(np.pi)


def test_zero_is_the_latest_that_all_know():
    buffer = made(
        stamped("b", "c"),
        moving=[
            *[stamped("a", "b", (float(k), 0.0, 0.0), at_ns=k * SECOND) for k in (1, 2, 3)],
            *[stamped("c", "d", (0.0, float(k), 0.0), at_ns=k * SECOND) for k in (1, 2)],
        ],
    )
    np.testing.assert_allclose(buffer.lookup("a", "d", 0).translation, (2.0, 2.0, 0.0))


def test_what_is_not_connected_is_named():
    buffer = made(stamped("a", "b"), stamped("c", "d"))
    for target, source in (("a", "c"), ("a", "nowhere")):
        with pytest.raises(HandPoseError, match=f"no transform connects '{source}' with '{target}'"):
            buffer.lookup(target, source, 0)


def test_a_loop_ends():
    buffer = made(stamped("a", "b"), stamped("b", "a"))
    buffer.lookup("a", "b", 0)


def test_memory_is_bounded_and_a_clock_set_back_forgets_all_but_static():
    buffer = made(stamped("a", "s"), moving=[stamped("a", "b", at_ns=k * SECOND) for k in range(1, 100)])
    with pytest.raises(HandPoseError, match=r"known from 89\.000 to 99.000"):
        buffer.lookup("a", "b", 99 * SECOND - HISTORY_NS - 1)
    buffer.clear()
    buffer.lookup("a", "s", SECOND)
    with pytest.raises(HandPoseError, match="no transform connects"):
        buffer.lookup("a", "b", 99 * SECOND)
    buffer.add([stamped("a", "b", at_ns=SECOND)], static=False)
    buffer.lookup("a", "b", SECOND)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: setattr(t.transform.rotation, "w", 0.0),
        lambda t: setattr(t.transform.rotation, "z", float("nan")),
        lambda t: setattr(t.transform.translation, "x", float("inf")),
        lambda t: setattr(t, "child_frame_id", "a"),
        lambda t: setattr(t, "child_frame_id", ""),
        lambda t: setattr(t.header, "frame_id", ""),
    ],
)
def test_transforms_that_cannot_be_are_left_out(change):
    bad = stamped("a", "b")
    change(bad)
    with pytest.raises(HandPoseError, match="no transform connects"):
        made(bad).lookup("a", "b", 0)


def test_a_lookup_waits_for_what_comes_late():
    import threading

    buffer = made(stamped("a", "s"))
    late = threading.Timer(0.1, buffer.add, [[stamped("a", "b")]], {"static": True})
    late.start()
    buffer.lookup("a", "b", 5, wait_s=60.0)
    late.join()


def test_it_equals_tf2(ros):
    tf2_ros = pytest.importorskip("tf2_ros", reason="not on PyPI")
    from builtin_interfaces.msg import Time
    from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
    from rclpy.time import Time as RosTime
    from std_msgs.msg import Header

    generator = np.random.default_rng(0)
    ours, theirs = TransformBuffer(), tf2_ros.Buffer()
    for parent, child, static in (("a", "b", True), ("a", "c", False), ("c", "d", True)):
        for k in (1,) if static else (1, 2, 3):
            q = generator.normal(size=4)
            q /= np.linalg.norm(q)
            made = TransformStamped(
                header=Header(stamp=Time(sec=k), frame_id=parent),
                child_frame_id=child,
                transform=Transform(
                    translation=Vector3(x=generator.normal(), y=generator.normal(), z=generator.normal()),
                    rotation=Quaternion(x=q[0], y=q[1], z=q[2], w=q[3]),
                ),
            )
            ours.add([made], static=static)
            (theirs.set_transform_static if static else theirs.set_transform)(made, "test")
    for at in (1.0, 1.3, 2.9, 3.0):
        place = ours.lookup("b", "d", int(at * SECOND))
        found = theirs.lookup_transform("b", "d", RosTime(nanoseconds=int(at * SECOND))).transform.translation
        np.testing.assert_allclose(place.translation, (found.x, found.y, found.z), atol=1e-6)
