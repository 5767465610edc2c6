"""Frames that no camera should give, by the hundred, through tracker and estimator: no crash, no hand of NaN."""

import numpy as np
import pytest
from bundles import make_test_bundle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.tracking import HandTracker
from hand_pose_ros.types import PinholeCamera, RgbdFrame


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> HandEstimator:
    return HandEstimator(
        make_test_bundle(tmp_path_factory.mktemp("model") / "bundle"), providers=["CPUExecutionProvider"]
    )


@st.composite
def frames(draw: st.DrawFn) -> RgbdFrame:
    width, height = draw(st.integers(1, 48)), draw(st.integers(1, 48))
    focal = draw(st.sampled_from([0.01, 20.0, 50.0, 1e5]))
    camera = PinholeCamera(focal, focal, draw(st.sampled_from([-1e4, 0.0, width / 2])), height / 2, width, height)
    value = st.sampled_from([0.0, 1e-3, 0.3, 0.5, 0.52, 3.0, 65.535, 1e30, float(np.finfo(np.float32).max)])
    depth = draw(st.none() | arrays.arrays(np.float32, (height, width), elements=value, fill=value))
    rgb = draw(st.none() | arrays.arrays(np.uint8, (height, width, 3), fill=st.integers(0, 255)))
    if depth is None and rgb is None:
        depth = np.zeros((height, width), np.float32)
    return RgbdFrame(camera, rgb, depth, draw(st.integers(-(2**61), 2**61)))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(frames(), min_size=1, max_size=3), st.integers(1, 3))
def test_odd_frames_give_finite_hands_or_none(estimator: HandEstimator, sequence: list[RgbdFrame], most: int) -> None:
    tracker = HandTracker(estimator, most)
    for frame in sequence:
        for hand in tracker.update(frame):
            assert np.isfinite(hand.estimate.joints_m).all()
            assert np.isfinite(hand.estimate.joint_cov_m2).all()
