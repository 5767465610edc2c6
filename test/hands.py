"""Hands for the tests of their geometry."""

import numpy as np
from hypothesis import strategies as st

from hand_pose_ros.kinematics.model import MEAN_SHAPE, HandShape

COVARIANCE = np.tile(np.eye(3) * 1e-6, (21, 1, 1))


def flat_right_hand() -> np.ndarray:
    """Right hand as its owner sees its back, fingers away from the camera's top: thumb on the left, back to us."""
    joints = np.zeros((21, 3))
    joints[:, 2] = 0.5
    for first, x in zip((1, 5, 9, 13, 17), (-0.05, -0.02, 0.0, 0.02, 0.04), strict=True):
        for step in range(4):
            joints[first + step, :2] = (x, -0.05 - 0.02 * (step + 1))
    return joints


def rotation_from(quaternion: np.ndarray) -> np.ndarray:
    x, y, z, w = quaternion
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * k + 2 * k @ k


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@st.composite
def hand_shapes(draw: st.DrawFn) -> HandShape:
    """Hands from a child's to a large one, with proportions of their own."""
    size = draw(st.floats(0.7, 1.3))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return HandShape(
        MEAN_SHAPE.bases_m * size * rng.uniform(0.9, 1.1, 3),
        MEAN_SHAPE.phalanges_m * size * rng.uniform(0.8, 1.2, (5, 3)),
    )
