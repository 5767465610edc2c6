"""A reader of URDFs that shares nothing with their writer."""

import xml.etree.ElementTree as ET

import numpy as np


def numbers(text: str) -> np.ndarray:
    return np.array([float(number) for number in text.split()])


def about(axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def place(origin: ET.Element) -> np.ndarray:
    roll, pitch, yaw = numbers(origin.attrib["rpy"])
    transform = np.eye(4)
    transform[:3, :3] = about([0, 0, 1], yaw) @ about([0, 1, 0], pitch) @ about([1, 0, 0], roll)
    transform[:3, 3] = numbers(origin.attrib["xyz"])
    return transform


def link_poses(robot: ET.Element, angles: dict[str, float]) -> dict[str, np.ndarray]:
    """(4, 4) of each link in the root's frame."""
    children = {joint.find("child").attrib["link"] for joint in robot.iter("joint")}
    (root,) = {link.attrib["name"] for link in robot.iter("link")} - children
    poses = {root: np.eye(4)}
    for joint in robot.iter("joint"):  # parents come first
        transform = poses[joint.find("parent").attrib["link"]] @ place(joint.find("origin"))
        if joint.attrib["type"] == "revolute":
            turn = np.eye(4)
            turn[:3, :3] = about(numbers(joint.find("axis").attrib["xyz"]), angles[joint.attrib["name"]])
            transform = transform @ turn
        poses[joint.find("child").attrib["link"]] = transform
    return poses
