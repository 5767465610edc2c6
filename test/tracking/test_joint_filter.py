import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.tracking.joint_filter import JointFilter

COVARIANCE = np.tile(np.eye(3) * 0.012**2, (21, 1, 1))
PERIOD = 1 / 30


def follow(joints, covariance=COVARIANCE):
    made = JointFilter(joints[0], covariance)
    shown = [made.joints_m]
    for measured in joints[1:]:
        made.update(PERIOD, measured, covariance)
        shown.append(made.joints_m)
    return made, np.array(shown)


def jittering(count=300, sigma_m=0.0015):
    return 0.4 + np.random.default_rng(0).normal(0, sigma_m, (count, 21, 3))


def test_at_rest_jitter_is_less_than_half():
    noisy = jittering()
    _, shown = follow(noisy)
    assert np.diff(shown[30:], axis=0).std() < 0.5 * np.diff(noisy[30:], axis=0).std()
    assert shown[30:].std() < 0.75 * noisy[30:].std()


@pytest.mark.parametrize("metres_per_second", [0.1, 1.0])
def test_steady_motion_has_no_lag(metres_per_second):
    times = np.arange(90) * PERIOD
    true = np.zeros((90, 21, 3)) + np.array([0, 0, 0.5])
    true[..., 0] += metres_per_second * times[:, None]
    _, shown = follow(true)
    assert np.abs(shown[45:] - true[45:]).max() < 0.001


def test_a_sudden_start_is_followed_at_once():
    times = np.arange(60) * PERIOD
    true = np.zeros((60, 21, 3)) + np.array([0, 0, 0.5])
    true[..., 0] += 0.8 * np.maximum(times - 1, 0)[:, None]
    _, shown = follow(true + np.random.default_rng(1).normal(0, 0.001, true.shape))
    assert np.linalg.norm(shown - true, axis=-1).mean(axis=1).max() < 0.012, "less than half a picture's way behind"


def test_no_credit_for_what_stays_from_picture_to_picture():
    made, _ = follow(jittering())
    assert np.all(np.linalg.eigvalsh(made.covariance_m2) > 0.97 * 0.012**2)
    assert np.all(np.linalg.eigvalsh(made.covariance_m2) < 0.012**2)


def test_unseen_it_slows_down_and_becomes_unsure():
    times = np.arange(30) * PERIOD
    true = np.tile(0.5 * times[:, None, None], (1, 21, 3))
    made, _ = follow(true)
    before, spread = made.joints_m, [np.linalg.eigvalsh(made.covariance_m2).max()]
    assert np.allclose(made.velocity_mps, 0.5, atol=0.01)
    for _ in range(30):
        expected = made.predicted(PERIOD)
        made.coast(PERIOD)
        assert np.allclose(made.joints_m, expected)
        spread.append(np.linalg.eigvalsh(made.covariance_m2).max())
    assert np.all(np.diff(spread) > 0)
    assert np.allclose(made.joints_m - before, 0.5 * 0.2, atol=0.01), "velocity times its time constant"


@given(
    st.lists(st.floats(1e-4, 2.0), min_size=1, max_size=12),
    st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3),
    st.floats(1e-4, 0.3),
)
def test_covariances_stay_covariances(steps, jump, sigma):
    rng = np.random.default_rng(3)
    made = JointFilter(np.zeros((21, 3)), COVARIANCE)
    for index, seconds in enumerate(steps):
        if index % 3 == 2:
            made.coast(seconds)
        else:
            made.update(seconds, rng.normal(jump, 0.1, (21, 3)), np.tile(np.eye(3) * sigma**2, (21, 1, 1)))
        covariance = made.covariance_m2
        assert np.isfinite(made.joints_m).all()
        assert np.allclose(covariance, covariance.transpose(0, 2, 1))
        assert np.linalg.eigvalsh(covariance).min() > 0
