"""Two packages, four ways to install them: what is said about them in several places agrees."""

import ast
import configparser
import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from packaging_facts import executables, installed_files, setup_arguments

import hand_pose_ros
from hand_pose_ros.skeleton import JOINT_NAMES

ROOT = Path(__file__).resolve().parents[1]
MESSAGES = sorted((ROOT / "hand_pose_msgs" / "msg").glob("*.msg"))


def package(folder: Path) -> ET.Element:
    return ET.parse(folder / "package.xml").getroot()


def depends(folder: Path) -> set[str]:
    return {str(element.text) for element in package(folder) if element.tag in ("depend", "exec_depend")}


def test_versions_agree() -> None:
    versions = {package(folder).findtext("version") for folder in (ROOT, ROOT / "hand_pose_msgs")}
    assert versions == {hand_pose_ros.__version__} == {setup_arguments()["version"]}


def test_data_inside_the_packages_is_installed() -> None:
    setup = setup_arguments()
    for name in ("hand_pose_ros", "training"):
        folder = ROOT / name
        data = {p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc", ".nbi", ".nbc")}
        installed = {p for pattern in setup["package_data"].get(name, []) for p in folder.glob(pattern)}
        assert data == installed


def test_metadata_agrees() -> None:
    ours, setup = package(ROOT), setup_arguments()
    assert ours.findtext("name") == setup["name"] == (ROOT / "setup.cfg").read_text().split("lib/")[1].split("\n")[0]
    assert ours.findtext("description") == setup["description"]
    assert ours.findtext("license") == setup["license"] == "Apache-2.0"
    assert ours.findtext("maintainer") == setup["maintainer"]


@pytest.mark.parametrize("folder", [ROOT, ROOT / "hand_pose_msgs", ROOT / "tools" / "interfaces" / "tf2_msgs"])
def test_package_xml_is_valid(folder: Path) -> None:
    catkin = pytest.importorskip("catkin_pkg.package")
    warnings: list[str] = []
    catkin.parse_package(str(folder), warnings=warnings)
    assert warnings == []


def imported_packages(folder: str) -> set[str]:
    trees = [ast.parse(path.read_text()) for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in names}


def test_every_ros_package_imported_is_declared() -> None:
    other = {"rclpy", "cv_bridge", "ament_index_python", "tf2_ros", "message_filters", "sensor_msgs_py"}
    used = {
        name for name in imported_packages("hand_pose_ros") if name in other or re.search("_(msgs|interfaces)$", name)
    }
    assert "hand_pose_msgs" in used
    assert used <= depends(ROOT)


def test_never_both_kinds_of_onnxruntime() -> None:
    assert len([name for name in depends(ROOT) if "onnxruntime" in name]) == 1


def test_ros_is_never_asked_of_pip() -> None:
    setup = setup_arguments()
    assert setup["install_requires"] == ["setuptools"]
    assert "pytest" in setup["extras_require"]["test"]


def test_no_metadata_that_breaks_colcon_in_pyproject() -> None:
    tables = re.findall(r"^\[+([^\]]+)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert tables and all(table.startswith("tool.") for table in tables)


def test_scripts_go_where_ros2_run_looks() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["develop"]["script_dir"] == config["install"]["install_scripts"] == "$base/lib/hand_pose_ros"
    assert config["build_scripts"]["executable"] == "/usr/bin/env python3"


def test_every_entry_point_names_a_function() -> None:
    for target in executables().values():
        module, function = target.split(":")
        spec = importlib.util.find_spec(module)
        assert spec and spec.origin, f"{module} is missing"
        tree = ast.parse(Path(spec.origin).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, target


def test_code_and_data_are_installed() -> None:
    folders = {path.parent for top in ("hand_pose_ros", "training") for path in (ROOT / top).rglob("*.py")}
    assert {".".join(path.relative_to(ROOT).parts) for path in folders} == set(setup_arguments()["packages"])
    assert "share/ament_index/resource_index/packages/hand_pose_ros" in installed_files()
    for folder in ("launch", "config", "rviz", "foxglove"):
        files = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert files and {f"share/hand_pose_ros/{path}" for path in files} <= installed_files()


def test_colcon_is_told_of_both_packages() -> None:
    verbs = yaml.safe_load((ROOT / "colcon_defaults.yaml").read_text())
    assert set(verbs) == {"build", "test", "list"}
    for options in verbs.values():
        names = [package(ROOT / path).findtext("name") for path in options["base-paths"]]
        assert names == ["hand_pose_ros", "hand_pose_msgs"]
    assert (ROOT / "tools" / "COLCON_IGNORE").is_file()


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_every_field_has_a_comment_of_its_own(path: Path) -> None:
    lines = path.read_text().splitlines()
    fields = [i for i, line in enumerate(lines) if line and not line.startswith("#") and "=" not in line]
    assert fields
    for i in fields:
        assert lines[i - 1].startswith("#"), f"{path.name}:{i + 1}: '{lines[i]}' needs a comment above it"


def test_every_message_is_built() -> None:
    cmake = (ROOT / "hand_pose_msgs" / "CMakeLists.txt").read_text()
    assert {f"msg/{path.name}" for path in MESSAGES} == set(re.findall(r'"(msg/\w+\.msg)"', cmake))
    for name in re.findall(r"find_package\((\w+) REQUIRED\)", cmake):
        assert name in {element.text for element in package(ROOT / "hand_pose_msgs")}


def test_joint_constants_follow_the_skeleton() -> None:
    text = (ROOT / "hand_pose_msgs" / "msg" / "Hand.msg").read_text()
    constants = {name: int(value) for name, value in re.findall(r"^uint8 ([A-Z_]+)=(\d+)$", text, re.MULTILINE)}
    joints = {name: value for name, value in constants.items() if not name.startswith(("SIDE_", "MODALITY_"))}
    assert joints == {name.upper(): place for place, name in enumerate(JOINT_NAMES)}
    assert f"HandJoint[{len(JOINT_NAMES)}] joints" in text
