import numpy as np
import pytest

from hand_pose_ros.detector import Detection
from hand_pose_ros.detector.scores import average_precision, score, score_of_part

BOX = np.array([10.0, 10.0, 30.0, 40.0])


def found(corners, confidence):
    return Detection(np.concatenate([corners[:2], corners[2:] - corners[:2]]), confidence)


def test_average_precision_of_known_lists():
    assert average_precision(np.array([1, 1, 1], bool), 3) == 1
    assert average_precision(np.array([1, 1], bool), 4) == 0.5
    assert average_precision(np.array([1, 0, 1], bool), 2) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.array([0, 1], bool), 1) == 0.5
    assert average_precision(np.zeros(0, bool), 2) == 0
    assert np.isnan(average_precision(np.zeros(0, bool), 0))


def test_perfect_boxes_score_perfectly():
    result = score([[found(BOX, 0.9)], []], [BOX[None], np.zeros((0, 4))], 0.5)
    assert (result.average_precision, result.precision, result.recall, result.center_hits) == (1, 1, 1, 1)
    assert (result.empty_right, result.pictures, result.hands) == (1, 2, 1)


def test_one_hand_is_found_once():
    result = score([[found(BOX, 0.9), found(BOX + 1, 0.8)]], [BOX[None]], 0.5)
    assert (result.precision, result.recall) == (0.5, 1)


def test_a_box_half_beside_is_no_match_though_its_middle_may_hit():
    shifted = BOX + np.array([9, 0, 9, 0])
    result = score([[found(shifted, 0.9)]], [BOX[None]], 0.5)
    assert (result.precision, result.recall, result.center_hits, result.average_precision) == (0, 0, 1, 0)


def test_what_is_less_certain_than_the_threshold_counts_for_the_average_alone():
    result = score([[found(BOX, 0.3)]], [BOX[None]], 0.5)
    assert result.average_precision == 1 and result.recall == 0 and np.isnan(result.precision)


def test_some_of_the_hands_have_scores_of_their_own():
    boxes = np.stack([BOX, BOX + 100])
    for chosen, recall in ((0, 1), (1, 0)):
        part = score_of_part([[found(BOX, 0.9)]], [boxes], 0.5, [np.arange(2) == chosen])
        assert (part.hands, part.recall) == (1, recall)
    missed = score_of_part([[]], [boxes], 0.5, [np.ones(2, bool)])
    assert (missed.hands, missed.recall) == (2, 0)
    assert np.isnan(score_of_part([[]], [boxes], 0.5, [np.zeros(2, bool)]).recall)
