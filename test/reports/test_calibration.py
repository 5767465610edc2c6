"""Calibration as the levels of ellipsoids have it, and its page."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hand_pose_ros.metrics import ELLIPSOID_RADIUS_SQUARED, coverage, ellipsoid_levels
from hand_pose_ros.reports.calibration import GROUPS, calibration, figure, page

RNG = np.random.default_rng(0)


def errors(count: int, times: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints whose errors are `times` as large as their covariances, which differ in size and direction, say."""
    roots = RNG.normal(0, 0.01, (count, 21, 3, 3))
    truth = RNG.normal(0, 0.1, (count, 21, 3))
    wrong = (roots @ RNG.normal(0, times, (count, 21, 3, 1)))[..., 0]
    return truth + wrong, truth, roots @ roots.transpose(0, 1, 3, 2)


def test_levels_are_uniform_where_covariances_are_right() -> None:
    levels, _ = ellipsoid_levels(*errors(400))
    counts, _ = np.histogram(levels, 10, (0, 1))
    assert (np.abs(counts / levels.size - 0.1) < 0.02).all()


def test_levels_agree_with_the_known_ellipsoids() -> None:
    for level, radius in ELLIPSOID_RADIUS_SQUARED.items():
        point = np.zeros((1, 1, 3))
        point[..., 0] = np.sqrt(radius)
        levels, squared = ellipsoid_levels(point, np.zeros((1, 1, 3)), np.eye(3)[None, None])
        assert levels[0, 0] == pytest.approx(level, abs=1e-6) and squared[0, 0] == pytest.approx(radius)
    given = errors(50, 1.7)
    levels, _ = ellipsoid_levels(*given)
    assert coverage(*given) == pytest.approx({level: (levels <= level).mean() for level in ELLIPSOID_RADIUS_SQUARED})


def test_what_cannot_be_judged_is_left_out() -> None:
    predicted, truth, covariance = errors(3)
    predicted[0] = np.nan
    covariance[1, 4] = 0
    covariance[1, 5] = np.nan
    levels, _ = ellipsoid_levels(predicted, truth, covariance)
    assert np.isnan(levels[0]).all() and np.isnan(levels[1, 4:6]).all()
    assert calibration(predicted, truth, covariance).joints == 40
    nothing = calibration(*(np.full_like(array, np.nan) for array in (predicted, truth, covariance)))
    assert nothing.joints == 0 and np.isnan(nothing.error_over_said)


@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_errors_larger_than_said_are_told(times: float) -> None:
    result = calibration(*errors(400, times))
    assert result.error_over_said == pytest.approx(times, rel=0.05)
    assert (result.inside[0.9] > 0.92, result.inside[0.9] < 0.88) == (times < 1, times > 1)
    for curve in result.curves.values():
        assert (np.diff(curve) >= 0).all() and curve[-1] == 1


def test_whether_the_unsure_err_is_told() -> None:
    truth = np.zeros((50, 21, 3))
    size = RNG.permutation(np.linspace(0.001, 0.05, 50))
    predicted = truth + size[:, None, None] * np.array([1.0, 0, 0])
    honest, reverse = (s[:, None, None, None] ** 2 * np.eye(3) * np.ones((50, 21, 1, 1)) for s in (size, 0.051 - size))
    told = calibration(predicted, truth, honest)
    assert told.rank_correlation == pytest.approx(1.0)
    assert calibration(predicted, truth, reverse).rank_correlation == pytest.approx(-1.0)
    assert np.isnan(told.risk_mm[0]) and (np.diff(told.risk_mm[1:]) > 0).all()
    assert told.risk_mm[-1] == pytest.approx(1e3 * size.mean())
    drawn = ElementTree.fromstring(figure({"mine": told, "yours": told}))
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}path"))) == 5


def test_every_joint_is_in_one_group() -> None:
    assert sorted(joint for joints in GROUPS.values() for joint in joints) == list(range(21))


def test_a_group_that_errs_more_is_seen() -> None:
    predicted, truth, covariance = errors(200)
    predicted[:, GROUPS["tips"]] += 0.05
    curves = calibration(predicted, truth, covariance).curves
    assert curves["tips"][25] < 0.3 < curves["wrist"][25]


def test_the_page_names_recordings_as_text() -> None:
    text = page({"a <b>": calibration(*errors(5))}, "model & co")
    assert "a &lt;b&gt;" in text and "model &amp; co" in text and "<svg" in text and "in the 90% ellipsoid" in text
