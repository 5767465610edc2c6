"""A Kalman filter over the joints of one hand: constant velocity, the model's covariance as the measurement's."""

from __future__ import annotations

import numpy as np

from hand_pose_ros.types import FloatArray

#: Share of the model's covariance that is new in every picture; the rest (how the model sees this hand, in this pose)
#: errs the same way in the next picture, so no filter can take it away, and none is given credit for it.
NOISE_SHARE = 0.02
#: Spectral density of the joints' acceleration, m²/s³: of a hand that moves as expected, and of one nobody sees.
CALM, UNSEEN = 0.003, 1.0
#: A hand nobody sees is expected to slow down, by a factor of e in this time; and for longer than LONGEST_STEP_S
#: nothing is expected to go on as it was.
SLOWING_S, LONGEST_STEP_S = 0.2, 0.15
#: Standard deviation of a joint's velocity when a hand is first seen, m/s.
FIRST_SPEED = 0.3
#: (6, 6): the identity in one corner of a joint's position and velocity, zero elsewhere.
_CORNERS = [[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 1]]
_PLACES, _BETWEEN, _SPEEDS = (np.kron(corner, np.eye(3)) for corner in _CORNERS)


class JointFilter:
    """Position and velocity of J joints, each a Kalman filter with white acceleration (Bar-Shalom, Li and Kirubarajan
    2001, section 6.2.2).

    A hand at rest asks for a stiff filter and one that moves for a loose one: where the joints together are farther
    from the prediction than it expects (normalised innovation squared over its degrees of freedom, above 1), the
    acceleration is raised by the square of that ratio before the picture is taken in.

    joints_m: (J, 3) metres, now. covariance_m2: (J, 3, 3), of the whole error: the filter's own and the model's
    share that stays from picture to picture.
    """

    def __init__(self, joints_m: FloatArray, covariance_m2: FloatArray) -> None:
        """Starts at a measurement (J, 3) with its covariance (J, 3, 3), standing still."""
        count = len(joints_m)
        self._state: FloatArray = np.zeros((count, 6))
        self._state[:, :3] = joints_m
        self._covariance: FloatArray = np.zeros((count, 6, 6))
        self._covariance[:, :3, :3] = NOISE_SHARE * covariance_m2
        self._covariance[:, 3:, 3:] = FIRST_SPEED**2 * np.eye(3)
        self._lasting = (1 - NOISE_SHARE) * covariance_m2

    @property
    def joints_m(self) -> FloatArray:
        return self._state[:, :3].copy()

    @property
    def velocity_mps(self) -> FloatArray:
        """(J, 3) metres per second."""
        return self._state[:, 3:].copy()

    @property
    def covariance_m2(self) -> FloatArray:
        return self._covariance[:, :3, :3] + self._lasting

    def predicted(self, seconds: float) -> FloatArray:
        """Where the joints (J, 3) will be; changes nothing."""
        reach, _ = _slowing(seconds)
        return self._state[:, :3] + reach * self._state[:, 3:]

    def after(self, seconds: float) -> tuple[FloatArray, FloatArray]:
        """Joints (J, 3) and covariance (J, 3, 3) after that time unseen; changes nothing."""
        state, covariance = self._predict(seconds, *_slowing(seconds), UNSEEN)
        return state[:, :3], covariance[:, :3, :3] + self._lasting

    def coast(self, seconds: float) -> None:
        """Time passes and nothing is seen."""
        self._state, self._covariance = self._predict(seconds, *_slowing(seconds), UNSEEN)

    def update(self, seconds: float, joints_m: FloatArray, covariance_m2: FloatArray) -> None:
        """Time passes, and then the joints (J, 3) are measured with the model's covariance (J, 3, 3)."""
        if seconds > LONGEST_STEP_S:
            self.coast(seconds - LONGEST_STEP_S)
            seconds = LONGEST_STEP_S
        noise = NOISE_SHARE * covariance_m2
        state, covariance = self._predict(seconds, seconds, 1.0, CALM)
        innovation = joints_m - state[:, :3]
        surprise = float(_mahalanobis(innovation, covariance[:, :3, :3] + noise).mean()) / 3
        if surprise > 1:
            state, covariance = self._predict(seconds, seconds, 1.0, CALM * surprise**2)
        gain = np.linalg.solve(covariance[:, :3, :3] + noise, covariance[:, :3]).transpose(0, 2, 1)
        self._state = state + (gain @ innovation[..., None])[..., 0]
        covariance = covariance - gain @ covariance[:, :3]
        self._covariance = (covariance + covariance.transpose(0, 2, 1)) / 2
        self._lasting = (1 - NOISE_SHARE) * covariance_m2

    def _predict(self, seconds: float, reach: float, keep: float, density: float) -> tuple[FloatArray, FloatArray]:
        """State and covariance after that time: positions move on by velocity * reach, velocities by a factor."""
        step = _PLACES + reach * _BETWEEN + keep * _SPEEDS
        noise = density * (seconds**3 / 3 * _PLACES + seconds**2 / 2 * (_BETWEEN + _BETWEEN.T) + seconds * _SPEEDS)
        return self._state @ step.T, step @ self._covariance @ step.T + noise


def _slowing(seconds: float) -> tuple[float, float]:
    """How far, in seconds of its velocity, a slowing hand gets, and the share of the velocity that it keeps."""
    keep = float(np.exp(-seconds / SLOWING_S))
    return SLOWING_S * (1 - keep), keep


def _mahalanobis(difference: FloatArray, covariance: FloatArray) -> FloatArray:
    """Squared distances (J,) of (J, 3) under (J, 3, 3)."""
    return (difference * np.linalg.solve(covariance, difference[..., None])[..., 0]).sum(axis=-1)
