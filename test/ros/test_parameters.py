"""What is declared, what is shipped and what the README says are the same."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from ros_bench import DEADLINE

from hand_pose_ros.backend import DEFAULT_PROVIDERS
from hand_pose_ros.ros.parameters import Parameters, chosen_streams, updated
from hand_pose_ros.types import HandPoseError

ROOT = Path(__file__).resolve().parents[2]
#: What every node of rclpy has.
COMMON_TOPICS = {"/rosout", "/parameter_events", "/clock", "/hand_pose/transition_event"}


def readme_tables(section: str) -> list[list[str]]:
    """The cells of all table rows of a README section, headings and rulers left out."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = readme.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def expected_row(spec) -> list[str]:
    default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
    shown = yaml.safe_dump(default, default_flow_style=True).removesuffix("...\n").strip()
    meta = spec.metadata
    allowed = ", ".join(meta["choices"]) or ("{:g} to {:g}".format(*meta["within"]) if meta["within"] else "")
    when = "fixed" if meta["at_load"] else "while running"
    return [f"`{spec.name}`", f"`{shown}`", allowed, when, meta["description"]]


def test_readme_lists_the_parameters_as_they_are_declared():
    assert readme_tables("Parameters") == [expected_row(spec) for spec in fields(Parameters)]


def test_shipped_file_holds_the_defaults():
    shipped = yaml.safe_load((ROOT / "config" / "hand_pose.yaml").read_text())["/**"]["ros__parameters"]
    assert updated(None, shipped) == Parameters()
    assert list(shipped) == [spec.name for spec in fields(Parameters)]


def test_default_providers_are_the_estimators():
    assert Parameters().providers == DEFAULT_PROVIDERS


def test_declared_with_description_range_and_read_only(make_node):
    node = make_node()
    for spec in fields(Parameters):
        described = node.describe_parameter(spec.name)
        assert described.description == spec.metadata["description"] and described.description.endswith(".")
        assert described.read_only == spec.metadata["at_load"]
        ranges = [*described.integer_range, *described.floating_point_range]
        assert [(r.from_value, r.to_value) for r in ranges] == [spec.metadata["within"]] * bool(spec.metadata["within"])


def test_readme_lists_the_topics_of_the_node(active, bench):
    node = active()
    subscribed, published = set(), set()
    for topic, kind, *_ in readme_tables("Topics"):
        names = subscribed if topic.strip("`") in INPUTS else published
        names.add((node.resolve_topic_name(topic.strip("`")), kind.strip("`")))

    def found(names_and_types) -> set[tuple[str, str]]:
        return {(name, kind) for name, (kind,) in names_and_types if name not in COMMON_TOPICS}

    def seen() -> tuple[set, set]:
        return (
            found(bench.get_subscriber_names_and_types_by_node("hand_pose", "/")),
            found(bench.get_publisher_names_and_types_by_node("hand_pose", "/")),
        )

    bench.spin_until(lambda: seen() == (subscribed, published), DEADLINE)
    assert seen() == (subscribed, published)


INPUTS = ("rgb/image_rect_color", "depth_registered/image_rect", "rgb/camera_info")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"side": "up"}, "side is 'up'.*left"),
        ({"min_confidence": 1.5}, "min_confidence is 1.5.*0.0 to 1.0"),
        ({"publish_tf": False, "publish_joint_tf": True}, "publish_joint_tf needs publish_tf"),
    ],
)
def test_what_cannot_be_is_told(changes, words):
    with pytest.raises(HandPoseError, match=re.compile(words)):
        updated(Parameters(), changes)


def test_other_peoples_parameters_are_left_alone():
    assert updated(Parameters(), {"use_sim_time": True, "threads": 2}) == Parameters(threads=2)


def test_streams_follow_modalities_and_model():
    both = ("rgbd", "rgb", "depth")
    assert chosen_streams("auto", both) == (["rgb", "depth"], True)
    assert chosen_streams("rgbd", both) == (["rgb", "depth"], False)
    assert chosen_streams("depth", both) == (["depth"], False)
    assert chosen_streams("auto", ("rgb",)) == (["rgb"], False)
    with pytest.raises(HandPoseError, match="supports depth but modalities is rgbd"):
        chosen_streams("rgbd", ("depth",))
