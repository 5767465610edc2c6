"""The hand as a URDF: links, revolute joints with limits, and capsules to look at; no meshes.

Names begin with the side: `right_index_mcp_flexion` is the joint that ~/joint_states speaks of. The root link,
`right_wrist`, is the wrist frame. A digit's axes that have no length between them are links without a body.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from hand_pose_ros.kinematics.model import BASE_FRAMES, HINGES, HandShape
from hand_pose_ros.kinematics.wrist import mirror
from hand_pose_ros.skeleton import FINGERS
from hand_pose_ros.types import FloatArray, Side

PHALANGES = ("proximal", "intermediate", "distal")
THUMB_PHALANGES = ("metacarpal", "proximal", "distal")
#: Radii of the phalanges and the palm's thickness, metres: to look at, not to plan with.
_RADII = (0.009, 0.008, 0.007)
_PALM_THICKNESS = 0.02
#: URDF demands both of a revolute joint; nothing here is driven.
_EFFORT, _VELOCITY = 1.0, 10.0


def joint_name(side: Side, hinge: str) -> str:
    """Name in the URDF, and in sensor_msgs/JointState, of a hinge of model.HINGES."""
    return f"{side}_{hinge}"


def wrist_link(side: Side) -> str:
    """The root link, which is also the name of the frame that the node broadcasts for it."""
    return f"{side}_wrist"


def hand_urdf(shape: HandShape, side: Side) -> str:
    """The URDF (XML) of a hand; shape: as of a right hand, whatever the side."""
    robot = ET.Element("robot", name=f"{side}_hand")
    ET.SubElement(ET.SubElement(robot, "material", name="skin"), "color", rgba="0.85 0.65 0.55 1")
    palm = ET.SubElement(robot, "link", name=wrist_link(side))
    flip = mirror(side)
    for base in shape.bases_m:
        _capsule(palm, np.zeros(3), base * flip, _PALM_THICKNESS / 2)
    for digit, finger in enumerate(FINGERS):
        _digit(robot, digit, finger, shape, side)
    ET.indent(robot)
    return f'<?xml version="1.0"?>\n{ET.tostring(robot, encoding="unicode")}\n'


def _digit(robot: ET.Element, digit: int, finger: str, shape: HandShape, side: Side) -> None:
    flip = mirror(side)
    names = THUMB_PHALANGES if finger == "thumb" else PHALANGES
    hinges = [hinge for hinge in HINGES if hinge.digit == digit]
    parent = wrist_link(side)
    # Mirrored axes of a right-handed frame make a right-handed one again when its z is negated, too.
    xyz, rpy = shape.bases_m[digit] * flip, _roll_pitch_yaw(flip[:, None] * BASE_FRAMES[digit] * flip)
    for place, hinge in enumerate(hinges):
        phalanx = (0, 0, 1, 1, 2)[hinge.axis]
        # The last hinge of a phalanx carries its body.
        carries = place + 1 == len(hinges) or (0, 0, 1, 1, 2)[hinges[place + 1].axis] != phalanx
        name = f"{side}_{finger}_{names[phalanx]}" + ("" if carries else "_base")
        link = ET.SubElement(robot, "link", name=name)
        # About y, or about -z; a turn about y changes its sense in the mirror, one about z does not.
        axis = (0.0, hinge.sign * flip[2], 0.0) if hinge.axis in (0, 2) else (0.0, 0.0, -hinge.sign)
        joint = ET.SubElement(robot, "joint", name=joint_name(side, hinge.name), type="revolute")
        ET.SubElement(joint, "origin", xyz=_numbers(xyz), rpy=_numbers(rpy))
        ET.SubElement(joint, "parent", link=parent)
        ET.SubElement(joint, "child", link=name)
        ET.SubElement(joint, "axis", xyz=_numbers(axis))
        ET.SubElement(
            joint,
            "limit",
            lower=f"{hinge.lower:.6f}",
            upper=f"{hinge.upper:.6f}",
            effort=str(_EFFORT),
            velocity=str(_VELOCITY),
        )
        parent, xyz, rpy = name, np.zeros(3), np.zeros(3)
        if carries:
            xyz = np.array([shape.phalanges_m[digit, phalanx], 0.0, 0.0])
            _capsule(link, np.zeros(3), xyz, _RADII[phalanx])
    tip = ET.SubElement(robot, "link", name=f"{side}_{finger}_tip")
    fixed = ET.SubElement(robot, "joint", name=f"{tip.attrib['name']}_fixed", type="fixed")
    ET.SubElement(fixed, "origin", xyz=_numbers(xyz), rpy="0 0 0")
    ET.SubElement(fixed, "parent", link=parent)
    ET.SubElement(fixed, "child", link=tip.attrib["name"])


def _capsule(link: ET.Element, start: FloatArray, end: FloatArray, radius: float) -> None:
    """A cylinder with a sphere at either end: URDF has no capsule."""
    along = end - start
    length = float(np.linalg.norm(along))
    # A cylinder's axis is z: pitch it to where `along` points, then yaw it.
    pitch, yaw = np.arctan2(np.hypot(along[0], along[1]), along[2]), np.arctan2(along[1], along[0])
    _visual(link, (start + end) / 2, (0.0, pitch, yaw), "cylinder", radius=radius, length=length)
    for place in (start, end):
        _visual(link, place, (0.0, 0.0, 0.0), "sphere", radius=radius)


def _visual(link: ET.Element, xyz: FloatArray, rpy: tuple[float, ...], kind: str, **size: float) -> None:
    visual = ET.SubElement(link, "visual")
    ET.SubElement(visual, "origin", xyz=_numbers(xyz), rpy=_numbers(rpy))
    ET.SubElement(ET.SubElement(visual, "geometry"), kind, {name: f"{value:.5f}" for name, value in size.items()})
    ET.SubElement(visual, "material", name="skin")


def _roll_pitch_yaw(rotation: FloatArray) -> FloatArray:
    """(3,) radians: turns about the fixed x, y, z, in this order, as URDF has them."""
    roll, yaw = np.arctan2(rotation[2, 1], rotation[2, 2]), np.arctan2(rotation[1, 0], rotation[0, 0])
    return np.array([roll, -np.arcsin(np.clip(rotation[2, 0], -1.0, 1.0)), yaw])


def _numbers(values: FloatArray | tuple[float, ...]) -> str:
    return " ".join(f"{value:.6g}" for value in np.round(values, 6) + 0.0)
