"""Hands for the tests of their geometry."""

import numpy as np

COVARIANCE = np.tile(np.eye(3) * 1e-6, (21, 1, 1))


def flat_right_hand() -> np.ndarray:
    """Right hand as its owner sees its back, fingers away from the camera's top: thumb on the left, back to us."""
    joints = np.zeros((21, 3))
    joints[:, 2] = 0.5
    for first, x in zip((1, 5, 9, 13, 17), (-0.05, -0.02, 0.0, 0.02, 0.04), strict=True):
        for step in range(4):
            joints[first + step, :2] = (x, -0.05 - 0.02 * (step + 1))
    return joints


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))
