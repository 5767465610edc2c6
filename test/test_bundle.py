"""Model bundles are read only when everything in them is as it should be, and otherwise say what is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bundles import LATENT_SIZE, SIZE_M, make_test_bundle

from hand_pose_ros import manifest
from hand_pose_ros.bundle import Bundle, load_bundle
from hand_pose_ros.manifest import find_bundle
from hand_pose_ros.types import HandPoseError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_test_bundle(tmp_path / "hand")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.yaml"
    manifest = yaml.safe_load(path.read_text())
    change(manifest)
    path.write_text(yaml.safe_dump(manifest))


def test_a_good_bundle_is_read(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert (bundle.name, bundle.version, bundle.latent_size) == ("test-hand", "0.0.1", LATENT_SIZE)
    assert bundle.modalities == ("rgbd", "rgb", "depth")
    assert (bundle.crop.size_m, bundle.crop.rgb_size, bundle.crop.depth_size, bundle.crop.points) == (
        SIZE_M,
        32,
        32,
        64,
    )
    assert set(bundle.covariance) == {"rgbd", "rgb", "depth"}
    assert bundle.rgb_std.tolist() == [0.25] * 3
    assert bundle.encoders["cloud"] == folder / "encoder_cloud.onnx"


@pytest.mark.parametrize(
    ("encoders", "modalities"),
    [
        (["rgb"], ("rgb",)),
        (["cloud"], ("depth",)),
        (["depth"], ("depth",)),
        (["rgb", "cloud"], ("rgbd", "rgb", "depth")),
    ],
)
def test_the_encoders_decide_the_modalities(tmp_path: Path, encoders: list, modalities: tuple) -> None:
    folder = make_test_bundle(tmp_path / "hand", encoders)
    edit(folder, lambda m: [m["covariance"].pop(key) for key in {"rgbd", "rgb", "depth"} - set(modalities)])
    bundle = load_bundle(folder)
    assert bundle.modalities == modalities
    assert (bundle.crop.rgb_size is not None) == ("rgb" in encoders)
    assert (bundle.crop.depth_size is not None) == ("depth" in encoders)
    assert (bundle.crop.points is not None) == ("cloud" in encoders)


def test_the_hash_names_the_bundle_and_changes_with_it(folder: Path, tmp_path: Path) -> None:
    first = load_bundle(folder).hash
    assert len(first) == 12 and int(first, 16) >= 0
    assert load_bundle(make_test_bundle(tmp_path / "same")).hash == first
    assert load_bundle(make_test_bundle(tmp_path / "other", latent_std=0.1)).hash != first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format_version=2), "'format_version' is 2, this software reads 1"),
        (lambda m: m.pop("format_version"), "'format_version' must be a whole number"),
        (lambda m: m.update(skeleton=m["skeleton"][::-1]), "'skeleton' differs"),
        (lambda m: m.update(latent_size=0), "'latent_size' must be a positive number"),
        (lambda m: m.update(latent_size=True), "'latent_size' must be a whole number"),
        (lambda m: m.update(name=3), "'name' must be a text"),
        (lambda m: m["crop"].pop("size_m"), "'crop.size_m' must be a positive number"),
        (lambda m: m["crop"].update(box_scale=float("nan")), "'crop.box_scale' must be a positive number"),
        (lambda m: m.update(crop=[1]), "'crop' must be a mapping"),
        (lambda m: m.update(encoders={}), "'encoders' must name some of rgb, depth, cloud"),
        (lambda m: m["encoders"].update(sonar={"file": "x.onnx"}), r"nothing else \(got \['sonar'\]\)"),
        (lambda m: m["encoders"]["rgb"].pop("size"), "'encoders.rgb.size' must be a whole number"),
        (lambda m: m["encoders"]["rgb"].update(mean=[0.5]), "'encoders.rgb.mean' must be 3 numbers"),
        (lambda m: m["encoders"]["rgb"].update(std=[0.2, 0.0, 0.2]), "'encoders.rgb.std' must be positive"),
        (lambda m: m["encoders"]["cloud"].pop("points"), "'encoders.cloud.points' must be a whole number"),
        (lambda m: m["decoders"].pop("joints"), "'decoders.joints' must be a mapping"),
        (lambda m: m["decoders"]["cloud"].pop("points"), "'decoders.cloud.points' must be a whole number"),
        (lambda m: m["covariance"].pop("rgb"), "'covariance.rgb' must be a mapping"),
        (lambda m: m["covariance"]["rgb"]["scale"].pop(), "'covariance.rgb.scale' must be 21 numbers"),
        (lambda m: m["covariance"]["depth"].update(floor_m2=[-1.0] * 21), "'covariance.depth.floor_m2' must be 21"),
        (lambda m: m["covariance"]["depth"].update(floor_m2=["a"] * 21), "'covariance.depth.floor_m2' must be 21"),
        (lambda m: m.update(weights={"rgbd": {"rgb": -1.0}}), "'weights.rgbd.rgb' must be a positive number"),
        (lambda m: m.update(weights={"rgbd": 0.3}), "'weights.rgbd' must be a mapping"),
        (lambda m: m["sha256"].pop("decoder_cloud.onnx"), "'sha256' has no entry for decoder_cloud.onnx"),
        (lambda m: m.pop("sha256"), "'sha256' must be a mapping"),
        (lambda m: m.pop("card"), "'card' must be a mapping"),
    ],
)
def test_a_wrong_manifest_names_the_field(folder: Path, change: Callable, message: str) -> None:
    edit(folder, change)
    with pytest.raises(HandPoseError, match=message) as caught:
        load_bundle(folder)
    assert str(folder / "manifest.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_experts_weigh_one_where_the_manifest_does_not_say(folder: Path) -> None:
    edit(folder, lambda m: m.update(weights={"rgbd": {"rgb": 0.3}}))
    bundle = load_bundle(folder)
    assert bundle.expert_weight("rgbd", "rgb") == 0.3
    assert bundle.expert_weight("rgbd", "depth") == bundle.expert_weight("rgb", "rgb") == 1.0


def test_colour_may_weigh_nothing_beside_depth_but_no_other_expert(folder: Path) -> None:
    assert load_bundle(folder).crop.rgb_beside_depth
    edit(folder, lambda m: m.update(weights={"rgbd": {"rgb": 0}}))
    assert not load_bundle(folder).crop.rgb_beside_depth
    edit(folder, lambda m: m.update(weights={"rgbd": {"depth": 0}}))
    with pytest.raises(HandPoseError, match=r"'weights.rgbd.depth' must be a positive number"):
        load_bundle(folder)


def test_a_wide_posterior_may_count_for_more(folder: Path) -> None:
    narrow, wide = (np.broadcast_to(size * np.eye(3), (21, 3, 3)) for size in (1e-4, 4e-4))
    scale = [2.0] * 21
    edit(folder, lambda m: m["covariance"].update(depth={"scale": scale, "floor_m2": [1e-6] * 21}))
    plain = load_bundle(folder).covariance["depth"]
    np.testing.assert_allclose(plain.calibrate(wide), (8e-4 + 1e-6) * np.eye(3)[None].repeat(21, 0))
    edit(folder, lambda m: m["covariance"]["depth"].update(power=0.5, typical_m2=3e-4))
    growing = load_bundle(folder).covariance["depth"]
    np.testing.assert_allclose(growing.calibrate(narrow), plain.calibrate(narrow))
    np.testing.assert_allclose(growing.calibrate(np.stack([narrow, wide]))[1, 0], (16e-4 + 1e-6) * np.eye(3))


@pytest.mark.parametrize("name", ["../encoder_rgb.onnx", "/etc/passwd", "sub/x.onnx", "..", "", "a\\b.onnx"])
def test_files_outside_the_bundle_are_refused(folder: Path, name: str) -> None:
    edit(folder, lambda m: m["encoders"]["rgb"].update(file=name))
    with pytest.raises(HandPoseError, match=r"'encoders.rgb.file' must be a plain file name"):
        load_bundle(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "decoder_joints.onnx").unlink()
    with pytest.raises(HandPoseError, match=r"decoder_joints.onnx is missing.*restore the bundle"):
        load_bundle(folder)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_a_truncated_or_altered_file_is_named(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = folder / "encoder_depth.onnx"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(HandPoseError, match=r"encoder_depth.onnx .*truncated or altered.*restore the bundle"):
        load_bundle(folder)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"!!python/object/apply:os.getcwd []"])
def test_an_unreadable_manifest_is_named(folder: Path, content: bytes) -> None:
    (folder / "manifest.yaml").write_bytes(content)
    with pytest.raises(HandPoseError, match=r"manifest.yaml cannot be read"):
        load_bundle(folder)


@pytest.mark.parametrize("content", [b"", b"- 1", b"just text"])
def test_a_manifest_that_is_no_mapping_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.yaml").write_bytes(content)
    with pytest.raises(HandPoseError, match="'the manifest' must be a mapping"):
        load_bundle(folder)


def test_bundles_are_found_by_path_and_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "models_folder", lambda: folder.parent)
    assert find_bundle(folder) == folder
    assert find_bundle("hand") == folder
    with pytest.raises(HandPoseError, match=r"no model bundle 'foot'.*installed there: hand"):
        find_bundle("foot")
    assert isinstance(load_bundle("hand"), Bundle)
