"""Boxes that others find, as the node takes them."""

from types import SimpleNamespace

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point32, Polygon, PolygonStamped
from rclpy.lifecycle import TransitionCallbackReturn
from ros_bench import CAMERA, hand_depth
from std_msgs.msg import Header

from hand_pose_ros.detector.finders import GivenBoxes
from hand_pose_ros.ros.box_inputs import POLYGONS, take_detections, take_polygon
from hand_pose_ros.types import RgbdFrame

HEADER = Header(stamp=Time(sec=3))
FRAME = RgbdFrame(CAMERA, stamp_ns=3 * 10**9)


def polygon(*corners: tuple[float, float], header: Header = HEADER) -> PolygonStamped:
    return PolygonStamped(header=header, polygon=Polygon(points=[Point32(x=float(x), y=float(y)) for x, y in corners]))


def test_a_polygon_is_the_upright_box_around_it():
    boxes = GivenBoxes()
    take_polygon(boxes, polygon((100, 60), (140, 80), (120, 120)))
    (region,) = boxes(FRAME, 4)
    assert region.center_px == (120, 90) and region.box_px == 60


def test_a_polygon_without_points_says_that_there_is_no_hand():
    boxes = GivenBoxes()
    take_polygon(boxes, polygon((100, 60), (140, 80)))
    take_polygon(boxes, polygon())
    assert boxes(FRAME, 4) == []


def test_detections_are_taken_as_vision_msgs_has_them():
    def detection(x: float, *scores: float) -> SimpleNamespace:
        place = SimpleNamespace(position=SimpleNamespace(x=x, y=100.0))
        results = [SimpleNamespace(hypothesis=SimpleNamespace(score=score)) for score in scores]
        return SimpleNamespace(bbox=SimpleNamespace(center=place, size_x=40.0, size_y=60.0), results=results)

    boxes = GivenBoxes()
    take_detections(
        boxes, SimpleNamespace(header=HEADER, detections=[detection(80.0, 0.3, 0.5), detection(200.0, 0.9)])
    )
    assert [region.center_px for region in boxes(FRAME, 4)] == [(200, 100), (80, 100)]
    take_detections(boxes, SimpleNamespace(header=HEADER, detections=[]))
    assert boxes(FRAME, 4) == []


def test_with_an_external_detector_hands_are_where_it_says(active, bench):
    node = active(detector="external", modalities="depth")
    publisher = bench.create_publisher(PolygonStamped, POLYGONS, 10)
    assert bench.spin_until(publisher.get_subscription_count)
    assert bench.spin_until(lambda: node.count_publishers(POLYGONS))
    center = np.array([0.05, 0.0, 0.5])
    assert bench.answer(bench.send(hand_depth(tuple(center)), rgb=False)).hands == []
    u, v = CAMERA.fx * center[0] / center[2] + CAMERA.cx, CAMERA.cy

    def found() -> bool:
        publisher.publish(polygon((u - 50, v - 70), (u + 50, v + 70), header=bench.header()))
        bench.spin_for(0.1)
        return bool(bench.answer(bench.send(hand_depth(tuple(center)), rgb=False)).hands)

    assert any(found() for _ in range(20))


def test_a_missing_detector_fails_the_configuration(make_node, bench):
    node = make_node(detector="learned", detector_model="nowhere")
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_a_learned_detector_is_shown_pictures_without_a_hand(active, bench, tmp_path):
    from detectors import make_test_detector

    # near things are hands to it
    active(detector="learned", detector_model=str(make_test_detector(tmp_path / "detector")), modalities="depth")
    depth = np.full((CAMERA.height, CAMERA.width), 1.5, np.float32)
    assert bench.answer(bench.send(depth, rgb=False)).hands == []
    depth[96:160, 128:192] = 0.3
    answers = [bench.answer(bench.send(depth, rgb=False)).hands for _ in range(4)]
    assert len(answers[-1]) == 1, "where nothing has been for long, one picture in three is searched"
