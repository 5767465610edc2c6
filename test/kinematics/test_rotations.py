import numpy as np
import pytest
from hands import random_rotation, rotation_from
from hypothesis import given
from hypothesis import strategies as st

from hand_pose_ros.kinematics.rotations import ellipsoid_axes, quaternion_from_matrix


@given(st.integers(0, 10_000))
def test_quaternion_round_trip(seed):
    rotation = random_rotation(np.random.default_rng(seed))
    quaternion = quaternion_from_matrix(rotation)
    assert quaternion[3] >= 0
    assert np.linalg.norm(quaternion) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation_from(quaternion), rotation, atol=1e-9)


@pytest.mark.parametrize("diagonal", [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
def test_quaternion_of_half_turns(diagonal):
    np.testing.assert_allclose(rotation_from(quaternion_from_matrix(np.diag(diagonal))), np.diag(diagonal), atol=1e-12)


def test_quaternion_equals_tf_transformations():
    reference = pytest.importorskip("tf_transformations")
    for seed in range(50):
        rotation = np.eye(4)
        rotation[:3, :3] = random_rotation(np.random.default_rng(seed))
        expected = reference.quaternion_from_matrix(rotation)
        ours = quaternion_from_matrix(rotation[:3, :3])
        np.testing.assert_allclose(abs(np.dot(ours, expected)), 1.0, atol=1e-9)


@given(st.integers(0, 1000))
def test_an_ellipsoid_s_axes_make_its_covariance(seed):
    root = np.random.default_rng(seed).normal(size=(3, 3)) * 0.01
    axes, deviations = ellipsoid_axes(root @ root.T)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    np.testing.assert_allclose(axes * deviations**2 @ axes.T, root @ root.T, atol=2e-10)


def test_a_flat_ellipsoid_can_be_drawn():
    assert (ellipsoid_axes(np.diag([1e-6, 0.0, -1e-20]))[1] >= 1e-5).all()
