"""The launch files, by parsing: what they refer to exists, is declared, described and installed."""

import re
import xml.etree.ElementTree as ET
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from packaging_facts import executables, installed_files

from hand_pose_ros.recordings.bag_recording import DEPTH_TOPIC, INFO_TOPIC, RGB_TOPIC

ROOT = Path(__file__).resolve().parents[1]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.xml"))
SHARE = "$(find-pkg-share hand_pose_ros)/"


@pytest.fixture(params=LAUNCH_FILES, ids=lambda path: path.name)
def launch(request: pytest.FixtureRequest) -> ET.Element:
    return ET.parse(request.param).getroot()


def declared(launch: ET.Element) -> dict[str, ET.Element]:
    return {arg.attrib["name"]: arg for arg in launch.findall("arg")}


def values(launch: ET.Element) -> list[str]:
    return [value for element in launch.iter() for value in element.attrib.values()]


def test_both_are_there() -> None:
    assert [path.name for path in LAUNCH_FILES] == ["hand_pose.launch.xml", "replay.launch.xml"]


def test_every_argument_is_described_and_has_a_default(launch: ET.Element) -> None:
    for name, arg in declared(launch).items():
        assert len(arg.get("description", "")) > 10, f"{name} needs a description"
        assert "default" in arg.attrib, f"{name} needs a default"


def test_declared_and_referenced_arguments_are_the_same(launch: ET.Element) -> None:
    referenced = {name for value in values(launch) for name in re.findall(r"\$\(var ([^)]+)\)", value)}
    assert referenced == set(declared(launch))


def test_every_file_named_exists_and_is_installed(launch: ET.Element) -> None:
    named = [value.split(SHARE)[1] for value in values(launch) if SHARE in value]
    assert named
    for path in named:
        assert (ROOT / path).is_file(), f"{path} is missing"
        assert f"share/hand_pose_ros/{path}" in installed_files(), f"setup.py does not install {path}"


def test_every_executable_of_ours_is_in_setup_py(launch: ET.Element) -> None:
    for node in launch.iter("node"):
        if node.attrib["pkg"] == "hand_pose_ros":
            assert node.attrib["exec"] in executables()


def test_every_package_started_is_declared(launch: ET.Element) -> None:
    declared_packages = {e.text for e in ET.parse(ROOT / "package.xml").iter("exec_depend")} | {"hand_pose_ros"}
    assert {node.attrib["pkg"] for node in launch.iter("node")} <= declared_packages


def test_included_files_declare_what_they_are_given(launch: ET.Element) -> None:
    for include in launch.iter("include"):
        included = ET.parse(ROOT / include.attrib["file"].removeprefix(SHARE)).getroot()
        given = {arg.attrib["name"] for arg in include.findall("arg")}
        assert given <= set(declared(included))


def node_element() -> ET.Element:
    (node,) = (
        node
        for node in ET.parse(ROOT / "launch" / "hand_pose.launch.xml").iter("node")
        if node.attrib["pkg"] == "hand_pose_ros"
    )
    return node


def test_the_node_gets_parameters_that_it_has() -> None:
    parameters = pytest.importorskip("hand_pose_ros.ros.parameters", reason="ROS is not installed").Parameters
    known = {spec.name: spec.default for spec in fields(parameters)}
    arguments = declared(ET.parse(ROOT / "launch" / "hand_pose.launch.xml").getroot())
    for param in node_element().findall("param"):
        if (name := param.get("name")) and name != "use_sim_time":
            assert name in known
            assert yaml.safe_load(arguments[name].attrib["default"]) == known[name]


def test_the_node_is_remapped_where_it_subscribes() -> None:
    remapped = {remap.attrib["from"] for remap in node_element().findall("remap")}
    assert remapped == {RGB_TOPIC, DEPTH_TOPIC, INFO_TOPIC}


def test_replay_listens_to_our_own_recordings_by_default() -> None:
    arguments = declared(ET.parse(ROOT / "launch" / "replay.launch.xml").getroot())
    defaults = [arguments[name].attrib["default"] for name in ("rgb_topic", "depth_topic", "camera_info_topic")]
    assert defaults == [f"/{RGB_TOPIC}", f"/{DEPTH_TOPIC}", f"/{INFO_TOPIC}"]


def test_rviz_shows_what_the_node_publishes() -> None:
    manager = yaml.safe_load((ROOT / "rviz" / "hand_pose.rviz").read_text())["Visualization Manager"]
    topics = {display["Topic"]["Value"] for display in manager["Displays"] if "Topic" in display}
    assert topics == {"/hand_pose/points", "/hand_pose/markers", "/hand_pose/debug_image"}
    outputs = (ROOT / "hand_pose_ros" / "ros" / "outputs.py").read_text()
    assert all(f'"~/{Path(topic).name}"' in outputs for topic in topics)
    assert manager["Global Options"]["Fixed Frame"] == "camera_color_optical_frame"
