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
CAMERAS = sorted((ROOT / "launch" / "cameras").glob("*.launch.xml"))
CAMERA_LETS = {"camera_rgb", "camera_depth", "camera_info", "camera_frame"}
SHARE = "$(find-pkg-share hand_pose_ros)/"


@pytest.fixture(params=LAUNCH_FILES, ids=lambda path: path.name)
def launch(request: pytest.FixtureRequest) -> ET.Element:
    return ET.parse(request.param).getroot()


def declared(launch: ET.Element) -> dict[str, ET.Element]:
    return {arg.attrib["name"]: arg for arg in launch.findall("arg")}


def values(launch: ET.Element) -> list[str]:
    """All attributes; for a file that is named after the camera, those of all cameras' files."""
    plain = [value for element in launch.iter() for value in element.attrib.values()]
    cameras = [path.name.removesuffix(".launch.xml") for path in CAMERAS]
    return [text for value in plain for text in (_for_each(cameras, value) if SHARE in value else [value])]


def _for_each(cameras: list[str], value: str) -> list[str]:
    return [value.replace("$(var camera)", camera) for camera in cameras] if "$(var camera)" in value else [value]


def presets(camera: Path) -> dict[str, str]:
    return {let.attrib["name"]: let.attrib["value"] for let in ET.parse(camera).getroot().findall("let")}


def test_both_are_there() -> None:
    assert [path.name for path in LAUNCH_FILES] == ["hand_pose.launch.xml", "replay.launch.xml"]


def test_every_argument_is_described_and_has_a_default(launch: ET.Element) -> None:
    for name, arg in declared(launch).items():
        assert len(arg.get("description", "")) > 10, f"{name} needs a description"
        assert "default" in arg.attrib, f"{name} needs a default"


def test_declared_and_referenced_arguments_are_the_same(launch: ET.Element) -> None:
    text = [value for element in launch.iter() for value in element.attrib.values()]
    referenced = {name for value in text for name in re.findall(r"\$\(var ([^)]+)\)", value)}
    from_camera = CAMERA_LETS if any("/cameras/" in value for value in text) else set()
    assert referenced == set(declared(launch)) | from_camera


def test_every_file_named_exists_and_is_installed(launch: ET.Element) -> None:
    named = [value.split(SHARE)[1].split()[0] for value in values(launch) if SHARE in value]
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
        if "/cameras/" in include.attrib["file"]:
            assert include.findall("arg") == []
            continue
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
    assert remapped == {RGB_TOPIC, DEPTH_TOPIC, INFO_TOPIC, "depth/image_rect", "depth/camera_info"}
    inputs = (ROOT / "hand_pose_ros" / "ros" / "camera_inputs.py").read_text()
    assert all(f'"{topic}"' in inputs for topic in remapped)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda path: path.name)
def test_a_camera_is_three_absolute_topics_and_a_frame(camera: Path) -> None:
    lets = presets(camera)
    assert set(lets) == CAMERA_LETS
    assert all(lets[name].startswith("/") for name in CAMERA_LETS - {"camera_frame"})
    assert not lets["camera_frame"].startswith("/")
    assert len({lets["camera_rgb"], lets["camera_depth"], lets["camera_info"]}) == 3
    # camera_info lies beside the image, as image_transport wants it.
    assert lets["camera_info"] == lets["camera_rgb"].rpartition("/")[0] + "/camera_info"


def test_every_camera_can_be_chosen_and_no_other() -> None:
    camera = declared(ET.parse(ROOT / "launch" / "hand_pose.launch.xml").getroot())["camera"]
    choices = [choice.attrib["value"] for choice in camera.findall("choice")]
    assert sorted(choices) == [path.name.removesuffix(".launch.xml") for path in CAMERAS]
    assert camera.attrib["default"] in choices


def test_a_generic_camera_has_the_names_of_our_own_recordings_and_is_what_replay_expects() -> None:
    generic = presets(ROOT / "launch" / "cameras" / "generic.launch.xml")
    topics = [generic[name] for name in ("camera_rgb", "camera_depth", "camera_info")]
    assert topics == [f"/{RGB_TOPIC}", f"/{DEPTH_TOPIC}", f"/{INFO_TOPIC}"]
    assert declared(ET.parse(ROOT / "launch" / "replay.launch.xml").getroot())["camera"].attrib["default"] == "generic"


def test_the_robot_model_hears_the_node_and_is_what_rviz_shows() -> None:
    nodes = {
        node.attrib["name"]: {remap.attrib["from"]: remap.attrib["to"] for remap in node.findall("remap")}
        for node in ET.parse(ROOT / "launch" / "hand_pose.launch.xml").iter("node")
        if node.attrib["pkg"] == "robot_state_publisher"
    }
    assert {remaps["joint_states"] for remaps in nodes.values()} == {"hand_pose/joint_states"}
    assert "~/joint_states" in (ROOT / "hand_pose_ros" / "ros" / "outputs.py").read_text()
    displays = yaml.safe_load((ROOT / "rviz" / "hand_pose.rviz").read_text())["Visualization Manager"]["Displays"]
    shown = {d["Description Topic"]["Value"] for d in displays if d["Class"].endswith("RobotModel")}
    assert shown == {f"/{remaps['robot_description']}" for remaps in nodes.values()}
    assert shown == {"/left_hand_description", "/right_hand_description"}


def test_rviz_shows_what_the_node_publishes() -> None:
    manager = yaml.safe_load((ROOT / "rviz" / "hand_pose.rviz").read_text())["Visualization Manager"]
    topics = {display["Topic"]["Value"] for display in manager["Displays"] if "Topic" in display}
    assert topics == {"/hand_pose/points", "/hand_pose/markers", "/hand_pose/debug_image"}
    outputs = (ROOT / "hand_pose_ros" / "ros" / "outputs.py").read_text()
    assert all(f'"~/{Path(topic).name}"' in outputs for topic in topics)
    assert manager["Global Options"]["Fixed Frame"] == "camera_color_optical_frame"
