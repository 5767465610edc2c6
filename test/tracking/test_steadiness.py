from dataclasses import replace

import numpy as np
import pytest
from test_tracker import CAMERA, Script, hand_at

from hand_pose_ros.recordings import NamedFrame, TrueHand
from hand_pose_ros.tracking.steadiness import Course, filtered, follow, predictions, steadiness
from hand_pose_ros.types import RgbdFrame

RNG = np.random.default_rng(0)
PERIOD = 1 / 30
COVARIANCE = np.tile(np.eye(3) * 0.012**2, (21, 1, 1))


def course(place, joints=None, noise_m=0.0, truth=True) -> Course:
    """A hand whose joints all move as `place` (T,) says along x, seen with this much noise in each coordinate."""
    true = np.tile(hand_at().joints_m, (len(place), 1, 1))
    true[..., 0] += np.asarray(place)[:, None]
    seen = true + RNG.normal(0, 1, true.shape) * noise_m if joints is None else joints
    return Course(
        np.arange(len(place)) * PERIOD,
        seen,
        np.tile(COVARIANCE, (len(place), 1, 1, 1)),
        true if truth else None,
        ("right",) * len(place),
    )


@pytest.mark.parametrize("truth", [True, False])
def test_jitter_is_the_noise_of_a_hand_at_rest(truth):
    at_rest = course(np.zeros(200), noise_m=0.002, truth=truth)
    assert steadiness([at_rest], [at_rest.joints_m]).jitter_rest_mm == pytest.approx(2 * np.sqrt(3), rel=0.05)
    assert steadiness([at_rest], [filtered(at_rest)[0]]).jitter_rest_mm < 1.5


def test_a_constant_error_is_neither_jitter_nor_lag():
    moving = course(0.1 * np.sin(np.arange(120) * PERIOD * 6))
    result = steadiness([moving], [moving.joints_m + 0.01])
    assert result.jitter_motion_mm == pytest.approx(0, abs=1e-6) and result.lag_ms == pytest.approx(0, abs=1e-6)
    assert result.error_mm == pytest.approx(10 * np.sqrt(3))


@pytest.mark.parametrize("truth", [True, False])
def test_lag_is_found(truth):
    times = np.arange(240) * PERIOD
    now, before = (course(0.1 * np.sin(6 * (times - late)), truth=truth) for late in (0.0, 0.02))
    assert steadiness([now], [now.joints_m]).lag_ms == pytest.approx(0, abs=3)
    assert steadiness([now], [before.joints_m]).lag_ms == pytest.approx(20, abs=3)


def test_predictions_are_better_than_standing_still_and_know_how_good_they_are():
    moving = course(0.1 * np.sin(np.arange(240) * PERIOD * 4), noise_m=0.001)
    near, middle, far = predictions([moving])
    assert near.error_mm < middle.error_mm < far.error_mm
    for prediction in (near, middle, far):
        assert prediction.error_mm < prediction.standing_still_mm
        assert prediction.inside_90 > 0.9


def test_a_hand_that_vanishes_ends_its_course():
    answers = [[hand_at(0.001 * step)] for step in range(30)]
    script = Script(*answers[:12], [], [], *answers[12:30])
    frames = [NamedFrame(f"{index}", RgbdFrame(CAMERA)) for index in range(31)]
    truth = {named.name: [TrueHand(hand_at().joints_m, "right")] for named in frames}
    followed = follow(script, frames, truth, fps=30.0)
    courses = followed.courses
    assert followed.pictures == 31 and [len(one.seconds) for one in courses] == [12, 18]
    assert followed.numbers == 1, "it came back soon, as the same hand"
    assert courses[0].truth_m is not None and courses[0].sides == ("right",) * 12
    assert np.allclose(courses[0].joints_m, [answer[0].joints_m for answer in answers[:12]])
    assert np.allclose(np.diff(courses[0].seconds), 1 / 30)


def test_stamps_are_used_where_there_are_some():
    frames = [NamedFrame("", replace(RgbdFrame(CAMERA), stamp_ns=10**9 + index * 10**8)) for index in range(12)]
    (one,) = follow(Script(*[[hand_at()]] * 12), frames, {}, fps=30.0).courses
    assert np.allclose(np.diff(one.seconds), 0.1) and one.truth_m is None


def test_numbers_given_to_hands_are_counted():
    away = hand_at(0.4)
    near = [NamedFrame("", replace(RgbdFrame(CAMERA), stamp_ns=10**9 + index * 10**8)) for index in range(3)]
    later = NamedFrame("", replace(RgbdFrame(CAMERA), stamp_ns=10**11))
    script = Script([hand_at()], [], [away], [away], [hand_at()])
    assert follow(script, [*near, later], {}, fps=30.0).numbers == 3, "one of them is number 0 again, long after"
