import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.detector.decode import Candidates, iou, one_each, peaks, without_parts

EDGES = st.floats(-100, 100)


def maps(*hands):
    """Maps of 16 x 20 cells with hands (row, column, logit, dx, dy, width, height)."""
    heat = np.full((16, 20), -9.0, np.float32)
    box = np.zeros((4, 16, 20), np.float32)
    for row, column, logit, dx, dy, width, height in hands:
        heat[row, column] = logit
        box[:, row, column] = dx, dy, np.log(width), np.log(height)
    return heat, box


def hand(row, column, logit, size):
    return (row, column, logit, 0, 0, size, size)


def candidates(*boxes):
    """Of boxes (left, top, right, bottom, confidence)."""
    rows = np.array(boxes, np.float64).reshape(-1, 5)
    return Candidates(rows[:, :4], rows[:, 4])


def test_a_peak_is_a_box():
    found = peaks(*maps((3, 7, 2.0, 0.25, -0.5, 4, 6)), 8, 0.3)
    assert np.allclose(found.boxes, [[62 - 16, 24 - 24, 62 + 16, 24 + 24]], atol=1e-4)
    assert np.allclose(found.confidence, 1 / (1 + np.exp(-2.0)))
    assert np.allclose(found.sizes(), [[32, 48]])


def test_the_most_certain_come_first_and_only_so_many():
    hands = [hand(2, 2, 0.5, 3), hand(2, 12, 3.0, 3), hand(10, 4, 1.5, 3), hand(12, 15, -5, 3)]
    found = peaks(*maps(*hands), 8, 0.3)
    four, two = one_each(found, 4), one_each(found, 2)
    assert len(four.boxes) == 3 and (np.diff(four.confidence) < 0).all()
    assert two.confidence.tolist() == four.confidence[:2].tolist()
    nothing = peaks(*maps(*hands), 8, 0.99)
    assert len(one_each(nothing, 2).boxes) == 0 and nothing.sizes().shape == (0, 2)


def test_neighbouring_peaks_of_one_hand_are_one():
    for size, hands in ((6, 1), (2, 2)):
        found = peaks(*maps(hand(5, 5, 3.0, size), hand(5, 7, 2.0, size)), 8, 0.3)
        assert len(one_each(found, 4).boxes) == hands


def test_a_box_in_a_larger_one_is_a_part_of_a_hand():
    large = candidates((0, 0, 100, 100, 0.5))
    inside, mostly, hardly = (10, 10, 40, 40, 0.9), (65, 0, 120, 30, 0.9), (90, 0, 140, 30, 0.9)
    small = candidates(inside, mostly, hardly, (-10, -10, 110, 110, 0.9))
    assert without_parts(small, large).boxes[:, 0].tolist() == [90, -10]
    nothing = candidates()
    assert len(without_parts(small, nothing).boxes) == 4 and len(without_parts(nothing, large).boxes) == 0


@given(*[EDGES] * 8)
def test_iou_is_a_share_and_symmetric(a, b, c, d, e, f, g, h):
    one, other = np.array([a, b, a + abs(c), b + abs(d)]), np.array([e, f, e + abs(g), f + abs(h)])
    value = iou(one, other)
    assert 0 <= value <= 1 + 1e-9 and abs(value - iou(other, one)) < 1e-9
    if abs(c) > 0.01 and abs(d) > 0.01:
        assert abs(iou(one, one) - 1) < 1e-6
