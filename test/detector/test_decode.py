import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.detector.decode import boxes_of_maps, iou

EDGES = st.floats(-100, 100)


def maps(*hands):
    """Maps of 16 x 20 cells with hands (row, column, logit, dx, dy, width, height, side)."""
    heat, side = np.full((16, 20), -9.0, np.float32), np.zeros((16, 20), np.float32)
    box = np.zeros((4, 16, 20), np.float32)
    for row, column, logit, dx, dy, width, height, which in hands:
        heat[row, column], side[row, column] = logit, which
        box[:, row, column] = dx, dy, np.log(width), np.log(height)
    return heat, box, side


def hand(row, column, logit, size):
    return (row, column, logit, 0, 0, size, size, 0)


def test_a_peak_is_a_box():
    boxes, confidence, side = boxes_of_maps(*maps((3, 7, 2.0, 0.25, -0.5, 4, 6, -1.5)), 8, 0.3, 4)
    assert np.allclose(boxes, [[62 - 16, 24 - 24, 62 + 16, 24 + 24]], atol=1e-4)
    assert np.allclose(confidence, 1 / (1 + np.exp(-2.0))) and side.tolist() == [-1.5]


def test_the_most_certain_come_first_and_only_so_many():
    hands = [hand(2, 2, 0.5, 3), hand(2, 12, 3.0, 3), hand(10, 4, 1.5, 3), hand(12, 15, -5, 3)]
    boxes, confidence, _ = boxes_of_maps(*maps(*hands), 8, 0.3, 4)
    assert len(boxes) == 3 and (np.diff(confidence) < 0).all()
    assert len(boxes_of_maps(*maps(*hands), 8, 0.3, 2)[0]) == 2
    assert len(boxes_of_maps(*maps(*hands), 8, 0.99, 2)[0]) == 0


def test_neighbouring_peaks_of_one_hand_are_one():
    assert len(boxes_of_maps(*maps(hand(5, 5, 3.0, 6), hand(5, 7, 2.0, 6)), 8, 0.3, 4)[0]) == 1
    assert len(boxes_of_maps(*maps(hand(5, 5, 3.0, 2), hand(5, 7, 2.0, 2)), 8, 0.3, 4)[0]) == 2


@given(*[EDGES] * 8)
def test_iou_is_a_share_and_symmetric(a, b, c, d, e, f, g, h):
    one, other = np.array([a, b, a + abs(c), b + abs(d)]), np.array([e, f, e + abs(g), f + abs(h)])
    value = iou(one, other)
    assert 0 <= value <= 1 + 1e-9 and abs(value - iou(other, one)) < 1e-9
    if abs(c) > 0.01 and abs(d) > 0.01:
        assert abs(iou(one, one) - 1) < 1e-6
