"""The URDF by a reader of its own: where its links are for some angles is where the model has the joints."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hands import hand_shapes
from hypothesis import given, settings
from hypothesis import strategies as st
from urdf_reader import link_poses, numbers, place

from hand_pose_ros.kinematics.model import ANGLE_NAMES, DIGITS, LOWER, MEAN_SHAPE, UPPER, joints_from_angles
from hand_pose_ros.kinematics.urdf import hand_urdf, joint_name, wrist_link
from hand_pose_ros.kinematics.wrist import mirror
from hand_pose_ros.skeleton import FINGERS


@pytest.mark.parametrize("side", ["left", "right"])
@settings(max_examples=20)
@given(seed=st.integers(0, 100_000), shape=hand_shapes())
def test_links_are_where_the_joints_are(side, seed, shape):
    angles = np.random.default_rng(seed).uniform(LOWER, UPPER)
    joints = joints_from_angles(angles, shape) * mirror(side)
    robot = ET.fromstring(hand_urdf(shape, side))
    poses = link_poses(robot, {joint_name(side, n): a for n, a in zip(ANGLE_NAMES, angles, strict=True)})
    np.testing.assert_array_equal(poses[wrist_link(side)], np.eye(4))
    for digit, finger in enumerate(FINGERS):
        names = ("metacarpal", "proximal", "distal") if finger == "thumb" else ("proximal", "intermediate", "distal")
        for joint, name in zip(DIGITS[digit], (*names, "tip"), strict=True):
            np.testing.assert_allclose(poses[f"{side}_{finger}_{name}"][:3, 3], joints[joint], atol=2e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_every_hinge_is_a_revolute_joint_with_its_limits(side):
    robot = ET.fromstring(hand_urdf(MEAN_SHAPE, side))
    joints = {joint.attrib["name"]: joint for joint in robot.iter("joint") if joint.attrib["type"] == "revolute"}
    assert list(joints) == [f"{side}_{name}" for name in ANGLE_NAMES]
    for joint, low, high in zip(joints.values(), LOWER, UPPER, strict=True):
        limit = joint.find("limit").attrib
        assert float(limit["lower"]) == pytest.approx(low, abs=1e-6)
        assert float(limit["upper"]) == pytest.approx(high, abs=1e-6)
        assert float(limit["effort"]) > 0 and float(limit["velocity"]) > 0
        np.testing.assert_allclose(np.linalg.norm(numbers(joint.find("axis").attrib["xyz"])), 1.0)


def test_names_are_unique_and_every_link_but_the_root_has_one_parent():
    robot = ET.fromstring(hand_urdf(MEAN_SHAPE, "right"))
    for kind in ("link", "joint"):
        names = [element.attrib["name"] for element in robot.findall(kind)]
        assert len(names) == len(set(names))
    children = [joint.find("child").attrib["link"] for joint in robot.iter("joint")]
    links = {link.attrib["name"] for link in robot.iter("link")}
    assert len(children) == len(set(children)) and links - set(children) == {"right_wrist"}


@pytest.mark.parametrize("side", ["left", "right"])
def test_bodies_lie_between_the_joints(side):
    """The cylinders' ends, which are z of their own frames, are the ends of palm bones and phalanges."""
    robot = ET.fromstring(hand_urdf(MEAN_SHAPE, side))
    found = []
    for link in robot.iter("link"):
        for visual in link.findall("visual"):
            if (cylinder := visual.find("geometry/cylinder")) is not None:
                frame = place(visual.find("origin"))
                half = frame[:3, 2] * float(cylinder.attrib["length"]) / 2
                found.append((frame[:3, 3] - half, frame[:3, 3] + half))
    assert len(found) == 20
    starts, ends = np.array(found).transpose(1, 0, 2)
    np.testing.assert_allclose(starts, 0.0, atol=2e-5)
    np.testing.assert_allclose(ends[:5], MEAN_SHAPE.bases_m * mirror(side), atol=2e-5)
    np.testing.assert_allclose(ends[5:, 0], MEAN_SHAPE.phalanges_m.ravel(), atol=2e-5)
