"""A detector's bundle is read only when everything in it is as it should be, and otherwise says what is not."""

from pathlib import Path

import pytest
import yaml
from bundles import make_test_bundle
from detectors import make_test_detector

from hand_pose_ros.detector.bundle import load_detector_bundle
from hand_pose_ros.types import HandPoseError


def test_a_good_bundle_is_read(tmp_path: Path) -> None:
    bundle = load_detector_bundle(make_test_detector(tmp_path / "detector"))
    assert (bundle.name, bundle.width, bundle.height, bundle.stride) == ("test-detector", 80, 64, 8)
    assert bundle.threshold == 0.5 and bundle.rgb_std.tolist() == [0.25] * 3 and len(bundle.hash) == 12


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("stride", 7, "must divide"),
        ("rgb_std", [0.0, 1.0, 1.0], "must be positive"),
        ("rgb_mean", [0.5], "3 numbers"),
        ("file", "../detector.onnx", "plain file name"),
        ("threshold", 0, "positive"),
    ],
)
def test_a_bad_manifest_is_told(tmp_path: Path, field: str, value: object, complaint: str) -> None:
    folder = make_test_detector(tmp_path / "detector")
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    manifest["network"][field] = value
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(HandPoseError, match=complaint):
        load_detector_bundle(folder)


def test_an_altered_network_is_not_run(tmp_path: Path) -> None:
    folder = make_test_detector(tmp_path / "detector")
    with (folder / "detector.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(HandPoseError, match="altered"):
        load_detector_bundle(folder)


def test_a_hand_model_is_no_detector(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match="kind"):
        load_detector_bundle(make_test_bundle(tmp_path / "hand"))
