"""The policy allows what the node does, and nothing that it does not."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

POLICY = Path(__file__).resolve().parents[2] / "config" / "sros2_policy.xml"
#: Only with other parameters than the test's.
OPTIONAL = {
    "/rgb/image_rect_color/compressed",
    "/depth_registered/image_rect/compressedDepth",
    "/depth/image_rect",
    "/depth/image_rect/compressedDepth",
    "/depth/camera_info",
    "/tf",
    "/tf_static",
    "/clock",
    "/hand_boxes",
    "/hand_detections",
}


def allowed(kind: str, verb: str, node) -> set[str]:
    (profile,) = ET.parse(POLICY).iter("profile")
    assert (profile.get("ns"), profile.get("node")) == ("/", node.get_name())
    (group,) = (group for group in profile.findall(f"{kind}s") if group.get(verb) == "ALLOW")
    return {node.resolve_topic_name(str(entry.text)) for entry in group.findall(kind)}


@pytest.mark.parametrize(
    ("kind", "verb", "ask"),
    [
        ("topic", "subscribe", "get_subscriber_names_and_types_by_node"),
        ("topic", "publish", "get_publisher_names_and_types_by_node"),
        ("service", "reply", "get_service_names_and_types_by_node"),
    ],
)
def test_policy_and_node_agree(active, bench, kind, verb, ask):
    node = active()
    rules = allowed(kind, verb, node)

    def done() -> set[str]:
        return {name for name, _ in getattr(bench, ask)("hand_pose", "/")}

    needed = rules - (OPTIONAL if verb == "subscribe" else set())
    assert bench.spin_until(lambda: needed <= done() <= rules), (needed - done(), done() - rules)
