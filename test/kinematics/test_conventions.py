import cv2
import numpy as np
import pytest
from hands import COVARIANCE, random_rotation
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.kinematics.conventions import (
    MANO_ORDER,
    OPENXR_NAMES,
    mano_pose,
    to_dex_retargeting,
    to_mano,
    to_mediapipe,
    to_openxr,
)
from hand_pose_ros.kinematics.model import ANGLE_NAMES, LOWER, MEAN_SHAPE, UPPER, joints_from_angles
from hand_pose_ros.kinematics.shape import measure
from hand_pose_ros.kinematics.solve import solve_angles
from hand_pose_ros.kinematics.wrist import from_right_hand, to_right_hand, wrist_pose
from hand_pose_ros.skeleton import JOINT_NAMES

SIDES = pytest.mark.parametrize("side", ["left", "right"])


def some_hand(side: str, seed: int = 0, angles: np.ndarray | None = None):
    """Joints in the camera's frame, the angles they were made from, and the wrist's pose."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0.7 * LOWER, 0.7 * UPPER) if angles is None else angles
    right = joints_from_angles(angles, MEAN_SHAPE)
    start = wrist_pose(right, COVARIANCE, "right")
    assert start is not None
    pose = type(start)(rng.normal(size=3), random_rotation(rng), start.covariance)
    joints = from_right_hand(right, pose, side)
    found = wrist_pose(joints, COVARIANCE, side)
    assert found is not None
    return joints, angles, found


def solved(joints: np.ndarray):
    """The angles of a right hand, and its wrist's pose."""
    pose = wrist_pose(joints, COVARIANCE, "right")
    assert pose is not None
    local = to_right_hand(joints, pose, "right")
    return solve_angles(local, measure(local)), pose


def angle_of(rotation: np.ndarray) -> float:
    return float(np.linalg.norm(cv2.Rodrigues(rotation)[0]))


def test_mediapipe_differs_in_its_origin_alone():
    joints, _, _ = some_hand("right")
    moved = to_mediapipe(joints)
    np.testing.assert_allclose(moved.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.diff(moved, axis=0), np.diff(joints, axis=0), atol=1e-12)


def test_mano_order():
    assert sorted(MANO_ORDER) == list(range(21))
    named = [JOINT_NAMES[joint] for joint in MANO_ORDER]
    assert named[:4] == ["wrist", "index_mcp", "index_pip", "index_dip"]
    assert [name.split("_")[0] for name in named[1:16:3]] == ["index", "middle", "little", "ring", "thumb"]
    assert named[16:] == ["thumb_tip", "index_tip", "middle_tip", "ring_tip", "little_tip"]
    joints, _, _ = some_hand("left")
    np.testing.assert_array_equal(to_mano(joints)[7], joints[JOINT_NAMES.index("little_mcp")])


def test_mano_s_template_stays_as_it_is_with_its_own_angles():
    """The template is the mean hand's joints, which training knows."""
    joints = pytest.importorskip("training.hands.joints", reason="the training packages are not installed")
    rest, pose = solved(joints.MANO_MEAN)
    assert np.degrees(np.abs(angle_of(pose.rotation @ np.diag([-1.0, 1.0, -1.0])))) < 8, "our axes are MANO's"
    assert np.degrees(np.abs(mano_pose(rest, "right"))).max() < 2


@SIDES
def test_mano_s_flexion_is_about_z(side):
    """MANO's mean pose, which is bent, has positive z for the right hand's fingers and negative for the left's."""
    straight = np.zeros(21)
    bent = straight.copy()
    bent[ANGLE_NAMES.index("middle_pip_flexion")] = 0.6
    change = mano_pose(bent, side) - mano_pose(straight, side)
    assert np.flatnonzero(np.linalg.norm(change, axis=1) > 1e-9).tolist() == [4], "the middle finger's second joint"
    sign = 1 if side == "right" else -1
    assert sign * change[4, 2] > 0.55


@given(st.integers(0, 1000))
def test_mano_s_left_hand_is_the_right_one_mirrored_in_x(seed):
    angles = np.random.default_rng(seed).uniform(LOWER, UPPER)
    np.testing.assert_allclose(mano_pose(angles, "left"), mano_pose(angles, "right") * [1, -1, -1], atol=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_a_mano_skeleton_that_is_posed_takes_our_angles(seed):
    """Forward kinematics as MANO does it, on its template; what we then measure is what we asked for."""
    template = to_mano(pytest.importorskip("training.hands.joints").MANO_MEAN)
    angles = np.random.default_rng(seed).uniform(0.6 * LOWER, 0.6 * UPPER)
    parents = [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14, 15, 3, 6, 12, 9]
    turns = [np.eye(3)] + [cv2.Rodrigues(turn)[0] for turn in mano_pose(angles, "right")] + [np.eye(3)] * 5
    world, posed = [np.eye(3)], [template[0]]
    for joint in range(1, 21):
        parent = parents[joint]
        posed.append(posed[parent] + world[parent] @ (template[joint] - template[parent]))
        world.append(world[parent] @ turns[joint])
    joints = np.empty((21, 3))
    joints[list(MANO_ORDER)] = posed
    found, _ = solved(joints)
    assert np.degrees(np.median(np.abs(found - angles))) < 2
    assert np.degrees(np.abs(found - angles)).max() < 25


def test_an_unknown_angle_makes_its_turn_unknown():
    angles = np.zeros(21)
    angles[ANGLE_NAMES.index("thumb_ip_flexion")] = np.nan
    assert np.flatnonzero(np.isnan(mano_pose(angles, "right")).any(axis=1)).tolist() == [14]


@SIDES
@pytest.mark.parametrize("seed", range(5))
def test_openxr(side, seed):
    joints, angles, pose = some_hand(side, seed)
    positions, axes = to_openxr(joints, angles, pose, side)
    place = {name: index for index, name in enumerate(OPENXR_NAMES)}
    assert len(place) == 26 == len(positions) == len(axes)
    for finger, ours in (("thumb", ("cmc", "mcp", "ip", "tip")), ("ring", ("mcp", "pip", "dip", "tip"))):
        theirs = ("metacarpal", "proximal", "distal", "tip")
        if finger != "thumb":
            theirs = ("proximal", "intermediate", "distal", "tip")
        for our, their in zip(ours, theirs, strict=True):
            joint = joints[JOINT_NAMES.index(f"{finger}_{our}")]
            np.testing.assert_array_equal(positions[place[f"{finger}_{their}"]], joint)
    np.testing.assert_array_equal(positions[place["wrist"]], joints[0])
    np.testing.assert_allclose(axes @ np.swapaxes(axes, 1, 2), np.tile(np.eye(3), (26, 1, 1)), atol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1.0)

    for finger in ("thumb", "index", "middle", "ring", "little"):
        chain = [index for index, name in enumerate(OPENXR_NAMES) if name.startswith(finger)]
        bones = np.diff(positions[chain], axis=0)
        forward = -axes[chain[:-1], :, 2]
        np.testing.assert_allclose(forward, bones / np.linalg.norm(bones, axis=1)[:, None], atol=1e-6)
        np.testing.assert_array_equal(axes[chain[-1]], axes[chain[-2]])
    middle = [positions[place[f"middle_{name}"]] for name in ("metacarpal", "proximal")]
    np.testing.assert_allclose(positions[place["palm"]], np.mean(middle, axis=0), atol=1e-12)
    # y out of the back of the hand; seen so, a right hand's little finger is on the right.
    np.testing.assert_allclose(axes[place["wrist"], :, 1], pose.rotation[:, 1], atol=1e-12)
    to_little = joints[JOINT_NAMES.index("little_mcp")] - joints[JOINT_NAMES.index("index_mcp")]
    assert (axes[place["wrist"], :, 0] @ to_little > 0) == (side == "right")


@SIDES
@pytest.mark.parametrize("seed", range(5))
def test_dex_retargeting_as_its_detector_does_it(side, seed):
    """The wrist frame of its example (x from the middle knuckle to the wrist, y normal to the palm, z to the index
    finger), turned by its constants."""
    joints, _, pose = some_hand(side, seed, np.zeros(21))
    ours = to_dex_retargeting(joints, pose)
    wrist, index, middle = joints[[0, 5, 9]]
    x = (wrist - middle) / np.linalg.norm(wrist - middle)
    z = index - middle
    z -= x * (x @ z)
    z /= np.linalg.norm(z)
    operator = (joints - wrist) @ np.column_stack([x, np.cross(z, x), z])
    constants = {"right": [[0, 0, -1], [-1, 0, 0], [0, 1, 0]], "left": [[0, 0, -1], [1, 0, 0], [0, -1, 0]]}
    theirs = operator @ np.array(constants[side])
    # Their palm is a plane through three joints, ours through four.
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    assert ours[JOINT_NAMES.index("middle_tip"), 2] > 0.15
