import numpy as np
import pytest

from hand_pose_ros.kinematics.model import (
    ANGLE_NAMES,
    BASE_FRAMES,
    DIGITS,
    HINGES,
    LOWER,
    MEAN_SHAPE,
    UPPER,
    digit_frames,
    from_axes,
    joints_from_angles,
    to_axes,
)
from hand_pose_ros.skeleton import BONES, JOINT_NAMES, LITTLE_MCP, MIDDLE_MCP

STRAIGHT = np.zeros(21)
FLEXIONS = [name for name in ANGLE_NAMES if name.endswith("flexion")]
ABDUCTIONS = [name for name in ANGLE_NAMES if name.endswith("abduction")]


def moved(name: str, angle: float) -> np.ndarray:
    """How far each joint of the straight hand moves when one angle is set."""
    angles = STRAIGHT.copy()
    angles[ANGLE_NAMES.index(name)] = angle
    return joints_from_angles(angles, MEAN_SHAPE) - joints_from_angles(STRAIGHT, MEAN_SHAPE)


def tip(name: str) -> int:
    return JOINT_NAMES.index(name.split("_")[0] + "_tip")


def test_five_angles_for_the_thumb_and_four_for_each_finger():
    assert len(set(ANGLE_NAMES)) == 21
    assert [sum(hinge.digit == digit for hinge in HINGES) for digit in range(5)] == [5, 4, 4, 4, 4]
    assert all(hinge.lower < 0 < hinge.upper < np.pi for hinge in HINGES)


def test_bone_lengths_are_the_shape_s():
    angles = np.random.default_rng(0).uniform(LOWER, UPPER, (20, 21))
    joints = joints_from_angles(angles, MEAN_SHAPE)
    lengths = np.linalg.norm(np.diff(joints[:, DIGITS], axis=2), axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(MEAN_SHAPE.phalanges_m, lengths.shape), atol=1e-12)
    assert len(BONES) == 20


def test_the_straight_hand_lies_in_the_palm_s_plane_with_its_fingers_forward():
    joints = joints_from_angles(STRAIGHT, MEAN_SHAPE)
    fingers = joints[DIGITS[1:]]
    np.testing.assert_allclose(fingers[..., 1] - fingers[:, :1, 1], 0.0, atol=1e-12)
    assert (np.diff(fingers[..., 0], axis=1) > 0.01).all()
    assert (np.diff(joints[DIGITS[1:, 3], 2]) > 0.01).all(), "from the thumb's side to the little finger's"
    np.testing.assert_allclose(joints[MIDDLE_MCP, 1:], 0.0, atol=1e-12)
    assert joints[LITTLE_MCP, 2] > 0


@pytest.mark.parametrize("name", FLEXIONS)
def test_flexion_bends_towards_the_palm(name):
    change = moved(name, 0.5)[tip(name)]
    if name.startswith("thumb"):
        assert change[2] > 0.01, "across the palm, to the little finger"
    else:
        assert change[1] < -0.005


@pytest.mark.parametrize("name", ABDUCTIONS)
def test_abduction_spreads(name):
    change = moved(name, 0.3)[tip(name)]
    if name.startswith("thumb"):
        assert change[1] < -0.005, "out of the palm's plane"
    else:
        away = 1 if name.startswith(("ring", "little")) else -1
        assert away * change[2] > 0.01


@pytest.mark.parametrize("name", ANGLE_NAMES)
def test_an_angle_moves_only_what_lies_beyond_it(name):
    hinge = HINGES[ANGLE_NAMES.index(name)]
    change = np.linalg.norm(moved(name, 0.4), axis=1)
    first = int(DIGITS[hinge.digit, (1, 1, 2, 2, 3)[hinge.axis]])
    beyond = np.arange(first, DIGITS[hinge.digit, 3] + 1)
    assert (change[beyond] > 1e-3).all()
    assert (np.delete(change, beyond) == 0).all()


def test_an_unknown_angle_makes_what_lies_beyond_unknown():
    angles = STRAIGHT.copy()
    angles[ANGLE_NAMES.index("index_pip_flexion")] = np.nan
    lost = ~np.isfinite(joints_from_angles(angles, MEAN_SHAPE)).all(axis=1)
    assert [JOINT_NAMES[joint] for joint in np.flatnonzero(lost)] == ["index_dip", "index_tip"]


def test_frames_are_rotations_whose_x_lies_along_the_phalanx():
    angles = np.random.default_rng(1).uniform(LOWER, UPPER, (5, 21))
    frames = digit_frames(to_axes(angles))
    np.testing.assert_allclose(
        frames @ np.swapaxes(frames, -1, -2), np.broadcast_to(np.eye(3), frames.shape), atol=1e-9
    )
    assert (np.linalg.det(frames) > 0).all() and (np.linalg.det(BASE_FRAMES) > 0).all()
    bones = np.diff(joints_from_angles(angles, MEAN_SHAPE)[:, DIGITS], axis=2)
    np.testing.assert_allclose(bones / np.linalg.norm(bones, axis=-1, keepdims=True), frames[..., 0], atol=1e-9)


def test_axes_and_angles_are_the_same_numbers():
    angles = np.random.default_rng(2).normal(size=(3, 21))
    np.testing.assert_array_equal(from_axes(to_axes(angles)), angles)
    assert (to_axes(angles)[:, 1:, 2] == 0).all(), "fingers have no middle abduction"
