"""The analysis of errors, from recordings to the page."""

import json
import re
import xml.dom.minidom
from pathlib import Path

import numpy as np
import pytest
from bundles import make_test_bundle

from hand_pose_ros import metrics
from hand_pose_ros.cli import main
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.recordings import open_recording
from hand_pose_ros.reports.analysis import Seen, analyse, as_dict, look, modalities_of
from hand_pose_ros.reports.analysis_page import build_analysis_page
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_test_bundle(tmp_path_factory.mktemp("models") / "test-hand")


def write_recording(path: Path, count: int = 5, *, truth: bool = True) -> Path:
    """A hand-sized box of depth with random joints in it; in the second frame there is nothing."""
    frames, joints = [], []
    for index in range(count):
        depth_m = np.zeros((240, 320), np.float32)
        if index != 1:
            depth_m[80:170, 100 + 10 * index : 180 + 10 * index] = 0.5
        frames.append(RgbdFrame(CAMERA, np.full((240, 320, 3), 90, np.uint8), depth_m))
        joints.append(np.random.default_rng(index).normal((0.0, 0.0, 0.51), 0.03, size=(21, 3)))
    names = [f"f{index}" for index in range(count)]
    joints_m = np.array(joints) if truth else None
    write_folder(path, names, frames, joints_m=joints_m, side=["right"] * count if truth else None)
    return path


def made(
    name: str,
    count: int = 24,
    *,
    scale: float = 1.0,
    noise_m: float = 0.004,
    mirrored: int = 0,
    modalities: str = "depth",
) -> Seen:
    """Hands whose estimates are off by a scale about the wrist and noise; the last `mirrored` have the wrong side."""
    generator = np.random.default_rng(len(name))
    true_m = generator.normal((0.0, 0.0, 0.5), 0.05, size=(count, 21, 3))
    noise = generator.normal(scale=noise_m, size=true_m.shape)
    noise[count - mirrored :] *= 10
    predicted = true_m[:, :1] + (true_m - true_m[:, :1]) * scale + noise
    right = np.arange(count) < count - mirrored
    hidden = np.zeros((count, 21), bool)
    hidden[:, 4] = True
    picture = np.full((40, 40, 3), 90, np.uint8)
    worst = [(f"{name} <worst>", [picture] * 4)]
    side = np.full(count, "right")
    return Seen(
        name, modalities, count + 1, np.arange(count).astype(str), predicted, true_m, side, right, hidden, worst
    )


def test_a_recording_is_looked_at(model: Path, tmp_path: Path) -> None:
    recording = open_recording(write_recording(tmp_path / "folder"))
    seen = look(HandEstimator(model), recording, "mine", modalities="depth", worst=2, tile=64)
    assert (seen.frames, list(seen.names)) == (5, ["f0", "f2", "f3", "f4"])
    errors = metrics.joint_errors(*(metrics.wrist_relative(p) for p in (seen.predicted_m, seen.true_m))).mean(axis=1)
    assert len(seen.worst) == 2 and f"{errors.max() * 1e3:.1f} mm" in seen.worst[0][0]
    assert all(tile.shape == (64, 64, 3) for tile in seen.worst[0][1])
    # Joints that lie farther behind the flat box than flesh is thick are hidden by it.
    behind = seen.true_m[..., 2] > 0.5 + 0.03
    inside = np.abs(seen.true_m[..., :2]).max(axis=-1) < 0.02
    assert seen.hidden[behind & inside].all() and not seen.hidden[~behind & inside & (seen.true_m[..., 2] < 0.52)].any()


def test_what_a_recording_can_be_looked_at_with(tmp_path: Path) -> None:
    write_recording(tmp_path)
    assert modalities_of(open_recording(tmp_path), "rgbd") == "rgbd"
    assert modalities_of(open_recording(tmp_path), "depth") == "depth"
    for depth in tmp_path.glob("*_depth.png"):
        depth.unlink()
    assert modalities_of(open_recording(tmp_path), "rgbd") == "rgb"


def test_a_recording_without_truth_is_refused(model: Path, tmp_path: Path) -> None:
    recording = open_recording(write_recording(tmp_path / "folder", truth=False))
    with pytest.raises(HandPoseError, match="no frame has both a found hand and ground truth"):
        look(HandEstimator(model), recording, "mine")


def test_the_kind_of_mistake_that_was_made_gains_most() -> None:
    analysis = analyse([made("shrunk", scale=0.7, noise_m=0.001), made("noisy", noise_m=0.02, mirrored=8)])
    shrunk, noisy = analysis.sets["shrunk"], analysis.sets["noisy"]
    assert shrunk.gains_mm()["scale"] > 0.8 * shrunk.views_mm["wrist-relative"]
    assert np.nanmedian(shrunk.fit.scale) == pytest.approx(1 / 0.7, rel=0.02)
    assert next(iter(noisy.excesses_mm())) == "side: mistaken"
    # What a group adds is what is above the mean of the others.
    others = noisy.groups["side"]["recognised"].mean_mm["wrist-relative"]
    assert noisy.excesses_mm()["side: mistaken"] == pytest.approx(noisy.views_mm["wrist-relative"] - others)
    assert noisy.gains_mm()["side always right"] == pytest.approx(noisy.excesses_mm()["side: mistaken"])
    for group in noisy.groups["side"].values():
        low, high = group.interval_mm["aligned"]
        assert low < group.mean_mm["aligned"] < high
    assert noisy.groups["joint"]["hidden"].joints == 24


def test_the_gap_of_the_domain_is_the_difference_to_the_synthetic_set() -> None:
    in_colour = made("other", modalities="rgb")  # nothing synthetic was looked at like that
    analysis = analyse([made("real", noise_m=0.01), in_colour, made("made", noise_m=0.004)], ["made"])
    gap = analysis.domain_gap_mm()
    assert list(gap) == ["real"] and 4 < gap["real"]["all four"] < 11
    assert analyse([made("real")]).domain_gap_mm() == {}


def test_figures_are_json_and_the_page_needs_nothing_but_itself() -> None:
    sets = [made("real <one>", mirrored=3), made("synthetic one", scale=0.9)]
    analysis = analyse(sets, ["synthetic one"])
    figures = json.loads(json.dumps(as_dict(analysis), allow_nan=False))
    assert figures["sets"]["synthetic one"]["gains_mm"]["scale"] > 0
    assert len(figures["sets"]["real <one>"]["per_joint_mm"]["aligned"]) == 21
    page = build_analysis_page(analysis, {one.name: one.worst for one in sets}, {"model": "test <1>"})
    assert "real &lt;one&gt;" in page and "&lt;worst&gt;" in page and "test &lt;1&gt;" in page
    assert "synthetic one (synthetic)" in page
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script|https?://""", page)
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        xml.dom.minidom.parseString(svg)


def test_the_command_writes_page_and_figures(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, made_up = write_recording(tmp_path / "real"), write_recording(tmp_path / "made")
    out = tmp_path / "deep" / "out"
    arguments = ["analyse", str(real), "--synthetic", str(made_up), "--out", str(out), "--model", str(model)]
    assert main([*arguments, "--worst", "1", "--modalities", "depth"]) == 0
    figures = json.loads((out / "analysis.json").read_text())
    assert figures["sets"]["real"]["found"] == 4 and figures["setup"]["recordings"] == str(real)
    assert set(figures["sets"]) == {"real", "made, depth"} and figures["synthetic"] == ["made, depth"]
    assert figures["domain_gap_mm"]["real"]["as it is"] == pytest.approx(0)
    assert "<!doctype html>" in (out / "index.html").read_text()
    assert "real: " in capsys.readouterr().out


def test_recordings_of_the_same_name_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(write_recording(tmp_path / folder / "same", 2)) for folder in "ab"]
    assert main(["analyse", *paths, "--out", str(tmp_path), "--model", str(model)]) == 2
    assert "told apart by their folders' names" in capsys.readouterr().err
