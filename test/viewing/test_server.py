"""The view as its clients have it: over a WebSocket, found by what the server says of itself."""

import base64
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: make setup-view")
pytest.importorskip("google.protobuf", reason="protobuf is not installed")
pytest.importorskip("websockets", reason="websockets is not installed")

from bundles import make_test_bundle
from foxglove_decode import message_class
from websockets.sync.client import connect

from hand_pose_ros.cli import main
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.recordings import open_recording
from hand_pose_ros.tracking import HandTracker
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame
from hand_pose_ros.viewing.recorded import show
from hand_pose_ros.viewing.server import LiveView

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {
    "/hand_pose/markers": "foxglove.SceneUpdate",
    "/hand_pose/model": "foxglove.SceneUpdate",
    "/hand_pose/joint_states": "foxglove.JointStates",
    "/hand_pose/points": "foxglove.PointCloud",
    "/hand_pose/debug_image": "foxglove.CompressedImage",
    "/tf": "foxglove.FrameTransforms",
}


def listen(port: int, until: set[str]) -> tuple[dict[str, str], dict[str, object]]:
    """Schema names by topic, and one message of each topic of `until`."""
    channels: dict[int, dict] = {}
    messages: dict[str, object] = {}
    with connect(f"ws://127.0.0.1:{port}", subprotocols=["foxglove.sdk.v1"], max_size=None) as client:
        while until - set(messages):
            data = client.recv(timeout=60)
            if isinstance(data, str):
                told = json.loads(data)
                if told["op"] == "advertise":
                    channels |= {channel["id"]: channel for channel in told["channels"]}
                    wanted = [{"id": c["id"], "channelId": c["id"]} for c in told["channels"]]
                    client.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))
            elif data[0] == 1:
                channel = channels[int.from_bytes(data[1:5], "little")]
                kind = message_class(base64.b64decode(channel["schema"]), channel["schemaName"])
                messages[channel["topic"]] = kind.FromString(data[13:])
    return {channel["topic"]: channel["schemaName"] for channel in channels.values()}, messages


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three frames of a hand-sized box."""
    depth_m, rgb = np.zeros((240, 320), np.float32), np.full((240, 320, 3), 70, np.uint8)
    depth_m[80:170, 120:200] = 0.5
    camera = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)
    write_folder(tmp_path / "recording", ["a", "b", "c"], [RgbdFrame(camera, rgb, depth_m)] * 3)
    return tmp_path / "recording"


def test_a_recording_is_served_until_it_is_stopped(tmp_path, recording):
    tracker = HandTracker(HandEstimator(make_test_bundle(tmp_path / "bundle")))
    stop = threading.Event()
    with LiveView(port=0) as view:
        options = {"modalities": "rgbd", "side": "auto", "loop": True, "stop": stop}
        shown: list[int] = []
        thread = threading.Thread(
            target=lambda: shown.append(show(open_recording(recording), tracker, view, **options)), daemon=True
        )
        thread.start()
        schemas, messages = listen(view.port, set(SCHEMAS))
        stop.set()
        thread.join(60)
    assert schemas == SCHEMAS
    assert shown and shown[0] > 0
    markers, model = messages["/hand_pose/markers"], messages["/hand_pose/model"]
    assert markers.entities[0].id == "hand_0" and len(markers.entities[0].spheres) == 42
    assert len(model.entities[0].cylinders) == 20
    assert len(messages["/hand_pose/joint_states"].joints) == 21
    assert np.frombuffer(messages["/hand_pose/points"].data, "<f4").size == 3 * 64


def test_a_recording_ends_by_itself(tmp_path, recording):
    tracker = HandTracker(HandEstimator(make_test_bundle(tmp_path / "bundle")))
    with LiveView(port=0) as view:
        options = {"modalities": "rgbd", "side": "auto", "loop": False, "stop": threading.Event()}
        assert show(open_recording(recording), tracker, view, **options) == 3


def test_a_taken_port_is_named():
    with LiveView(port=0) as view, pytest.raises(HandPoseError, match=f"cannot serve on 127.0.0.1:{view.port}"):
        LiveView(port=view.port)


def test_without_the_sdk_the_command_names_it(monkeypatch, capsys, recording):
    monkeypatch.setitem(sys.modules, "foxglove", None)
    monkeypatch.delitem(sys.modules, "hand_pose_ros.viewing.server", raising=False)
    monkeypatch.delitem(sys.modules, "hand_pose_ros.viewing.scene", raising=False)
    assert main(["view", str(recording)]) == 2
    assert "foxglove-sdk" in capsys.readouterr().err


def test_the_layout_shows_topics_that_are_served_and_every_panel_it_names():
    layout = json.loads((ROOT / "foxglove" / "hand_pose.json").read_text())
    panels = layout["configById"]

    def leaves(node) -> list[str]:
        return [node] if isinstance(node, str) else [*leaves(node["first"]), *leaves(node["second"])]

    assert sorted(leaves(layout["layout"])) == sorted(panels)
    three_d = next(panel for name, panel in panels.items() if name.startswith("3D!"))
    image = next(panel for name, panel in panels.items() if name.startswith("Image!"))
    plot = next(panel for name, panel in panels.items() if name.startswith("Plot!"))
    shown = {*three_d["topics"], image["imageMode"]["imageTopic"]}
    shown |= {path["value"].partition(".")[0] for path in plot["paths"]}
    assert shown == set(SCHEMAS) - {"/tf"}
    assert three_d["followTf"] == "view"
