"""The offline commands as a user types them."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
from bundles import make_test_bundle

from hand_pose_ros.cli import COMMANDS, main
from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.kinematics.model import MEAN_SHAPE, joints_from_angles
from hand_pose_ros.recordings import bags
from hand_pose_ros.types import PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_test_bundle(tmp_path_factory.mktemp("models") / "test-hand"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of a hand-sized box that moves to the right; in the fourth there is none."""
    frames, joints = [], []
    for index in range(6):
        left = 60 + 25 * index
        depth_m, rgb = np.zeros((240, 320), np.float32), np.full((240, 320, 3), 70, np.uint8)
        if index != 3:
            depth_m[80:170, left : left + 80] = 0.5
            rgb[80:170, left : left + 80] = (220, 170, 140)
        frames.append(RgbdFrame(CAMERA, rgb, depth_m))
        centre = np.array([(left + 40 - 160) / 600, 0.0, 0.5])
        joints.append(centre + np.random.default_rng(index).normal(scale=0.03, size=(21, 3)))
    path = tmp_path_factory.mktemp("data") / "folder"
    names = [f"f{index}" for index in range(6)]
    write_folder(path, names, frames, joints_m=np.array(joints), side=["right"] * 6, picture="png")
    return path


@pytest.fixture(scope="module")
def bag(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "bag"
    assert main(["record-folder", str(folder), str(path), "--fps", "15"]) == 0
    return path


def test_estimate_writes_the_contract(folder: Path, model: str, tmp_path: Path) -> None:
    output = tmp_path / "predictions.npz"
    assert main(["estimate", str(folder), "-o", str(output), "--model", model, "--modalities", "depth"]) == 0
    with np.load(output, allow_pickle=False) as saved:
        assert {key: saved[key].shape for key in saved} == {
            "frame": (6,), "joints_m": (6, 21, 3), "joint_cov_m2": (6, 21, 3, 3),
            "side": (6,), "confidence": (6,), "latency_ms": (6,),
        }  # fmt: skip
        found = np.isfinite(saved["joints_m"]).all(axis=(1, 2))
        assert list(found) == [True, True, True, False, True, True]
        assert (np.diff(saved["joints_m"][found, :, 0].mean(axis=1)) > 0.02).all()


def test_estimation_does_not_read_the_ground_truth(folder: Path, model: str, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for picture in folder.glob("*.png"):
        (bare / picture.name).write_bytes(picture.read_bytes())
    labels = np.load(folder / "labels.npz")
    np.savez(bare / "labels.npz", frame=labels["frame"], camera=labels["camera"])
    for name, source in (("a", folder), ("b", bare)):
        output = str(tmp_path / f"{name}.npz")
        assert main(["estimate", str(source), "-o", output, "--model", model, "--detector", "depth"]) == 0
    one, other = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")
    assert np.isfinite(one["joints_m"]).any()
    assert np.array_equal(one["joints_m"], other["joints_m"], equal_nan=True)


def test_folder_and_bag_evaluate_to_the_same_figures(
    folder: Path, bag: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = []
    for name, recording in (("folder", folder), ("bag", bag)):
        output = tmp_path / f"{name}.json"
        arguments = ["evaluate", str(recording), "--model", model, "--modalities", "depth", "--json", str(output)]
        assert main(arguments) == 0
        results.append(json.loads(output.read_text()))
    table = capsys.readouterr().out
    assert table.count("wrist-relative") >= 2 and "5 of 6 frames" in table
    assert results[0]["found"] == results[1]["found"] == 5
    for view in ("absolute", "wrist-relative", "aligned"):
        one, other = (result["scores"][view]["mean_mm"] for result in results)
        assert one == pytest.approx(other, abs=0.05)
    assert results[0]["model"]["name"] == "test-hand" and results[0]["modalities"] == "depth"


def test_providers_are_tried_in_order_and_those_that_do_not_run_are_told(
    folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = "OpenVINOExecutionProvider,TensorrtExecutionProvider,CPUExecutionProvider"
    assert main(["evaluate", str(folder), "--model", model, "--providers", wanted]) == 0
    told = capsys.readouterr()
    assert "on CPUExecutionProvider" in told.out
    lines = [line for line in told.err.splitlines() if "does not run" in line]
    assert [line.split()[0] for line in lines] == wanted.split(",")[:2] and "built without it" in lines[0]
    assert main(["evaluate", str(folder), "--model", model, "--providers", "NoSuchProvider"]) == 2
    assert "unknown execution provider 'NoSuchProvider'" in capsys.readouterr().err


def test_looks_turn_the_picture_in_between(folder: Path, model: str, tmp_path: Path) -> None:
    seen = {}
    for looks in ([], ["--looks", "1"], ["--looks", "3"]):
        output = tmp_path / f"{len(seen)}.npz"
        arguments = ["estimate", str(folder), "-o", str(output), "--model", model, "--detector", "depth"]
        assert main([*arguments, "--side", "right", *looks]) == 0
        with np.load(output, allow_pickle=False) as saved:
            seen[" ".join(looks)] = saved["joints_m"]
    np.testing.assert_array_equal(seen[""], seen["--looks 1"])  # as the bundle says
    # The test bundle sees the same hand in every picture: turned with it, and averaged, its fingers draw together.
    apart = {looks: np.nanmean(np.nanstd(joints, axis=1)) for looks, joints in seen.items()}
    assert apart["--looks 3"] < 0.97 * apart["--looks 1"]


def test_json_follows_the_table_when_no_file_is_named(
    folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(folder), "--model", model]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("\n{") :])["frames"] == 6


def test_track_tells_how_steady_a_hand_is(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    depth_m = np.zeros((240, 320), np.float32)
    depth_m[80:170, 120:200] = 0.5
    write_folder(tmp_path / "still", [f"{index}" for index in range(12)], [RgbdFrame(CAMERA, depth_m=depth_m)] * 12)
    output = tmp_path / "track.json"
    assert main(["track", str(tmp_path / "still"), "--model", model, "--json", str(output)]) == 0
    assert "jitter, rest" in capsys.readouterr().out
    figures = json.loads(output.read_text())
    assert (figures["pictures"], figures["followed"], figures["courses"]) == (12, 12, 1)
    assert figures["filtered"]["jitter_rest_mm"] <= figures["model_alone"]["jitter_rest_mm"]


def test_calibration_compares_covariances_with_errors(
    folder: Path, bag: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, figures = tmp_path / "page.html", tmp_path / "figures.json"
    arguments = ["calibration", str(folder), str(bag), "-o", str(out), "--json", str(figures)]
    assert main([*arguments, "--model", model, "--modalities", "depth"]) == 0
    assert "error / said" in capsys.readouterr().out and "<svg" in out.read_text()
    results = json.loads(figures.read_text())
    assert results["folder"]["joints"] == results["bag"]["joints"] == 5 * 21
    bare = tmp_path / "bare"
    write_folder(bare, ["a"], [RgbdFrame(CAMERA, depth_m=np.ones((240, 320), np.float32))])
    assert main(["calibration", str(bare), "--model", model]) == 2
    assert "no ground truth" in capsys.readouterr().err


def test_recorded_bags_have_the_nodes_topics(bag: Path) -> None:
    assert {name: topic.count for name, topic in bags.topics(bag).items()} == {
        "/rgb/image_rect_color": 6, "/depth_registered/image_rect": 6,
        "/rgb/camera_info": 6, "/ground_truth/hands": 6,
    }  # fmt: skip


def test_overlay_draws_a_sheet(folder: Path, model: str, tmp_path: Path) -> None:
    output = tmp_path / "sheet.png"
    assert main(["overlay", str(folder), "-o", str(output), "--model", model, "--each", "1"]) == 0
    sheet = cv2.imread(str(output))
    rows, columns = sheet.shape[0] // 300, sheet.shape[1] // 300
    assert (rows, columns) == (3, 4)
    # Every frame's colour tile shows the box, the white truth and coloured fingers.
    assert all(sheet[row * 304 : (row + 1) * 304, :304].std() > 10 for row in range(rows))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["estimate", "{tmp}/nowhere", "-o", "x.npz"], "no such folder"),
        (["estimate", "{tmp}", "-o", "x.npz"], "no pictures"),
        (["evaluate", "{folder}", "--model", "{tmp}/no-model"], "no model bundle"),
        (["evaluate", "{folder}", "--model", "{model}", "--json", "/proc/no/x.json"], "cannot be written"),
        (["calibration", "{folder}", "--model", "{model}", "-o", "/proc/no/x.html"], "cannot be written"),
        (["track", "{folder}", "--model", "{model}"], "no hand was followed through 10 pictures"),
        (["track", "{folder}", "--model", "{model}", "--fps", "0"], "pictures a second"),
        (["estimate", "{folder}", "--model", "{model}", "-o", "/proc/no/x.npz"], "cannot be written"),
        (["overlay", "{folder}", "--model", "{model}", "-o", "{tmp}/sheet.xyz"], "cannot be written"),
        (["overlay", "{folder}", "--model", "{model}", "-o", "/proc/no/sheet.png"], "cannot be written"),
        (["overlay", "{folder}", "--model", "{model}", "-o", "{tmp}/a.png", "--each", "0"], "1 or more"),
        (["demo", "{folder}", "--model", "{model}", "--out", "{tmp}/out", "--fps", "-1"], "fps is -1"),
        (["demo", "{tmp}/nowhere", "--model", "{model}", "--out", "{tmp}/out"], "no such bag"),
        (["record-folder", "{folder}", "{bag}"], "exists already"),
        (["record-folder", "{folder}", "{tmp}/b", "--fps", "0"], "fps is 0"),
        (["record-folder", "{folder}", "{tmp}/b", "--fps", "nan"], "fps is nan"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str],
    complaint: str,
    folder: Path,
    bag: Path,
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [a.format(tmp=tmp_path, folder=folder, bag=bag, model=model) for a in arguments]
    capsys.readouterr()
    assert main(filled) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"hand-pose {arguments[0]}: ") and complaint in error and error.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_argument(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0 and COMMANDS[command].__doc__.splitlines()[0] in text


def test_help_needs_neither_ros_nor_a_runtime() -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(['rclpy', 'rosbags', 'onnxruntime', 'torch'])); "
    program = blocked + "from hand_pose_ros.cli import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in COMMANDS)


def test_the_package_itself_imports_neither_ros_nor_torch() -> None:
    program = "import sys, hand_pose_ros; sys.exit(bool({'rclpy', 'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_what_does_not_publish_works_without_ros(folder: Path, model: str, tmp_path: Path) -> None:
    bag, sheet, predictions = (str(tmp_path / name) for name in ("bag", "sheet.png", "predictions.npz"))
    commands = [
        ["record-folder", str(folder), bag],
        ["estimate", bag, "-o", predictions, "--model", model],
        ["evaluate", bag, "--model", model],
        ["overlay", bag, "-o", sheet, "--model", model, "--each", "1"],
    ]
    ros = ["rclpy", "hand_pose_msgs", "sensor_msgs", "std_msgs", "geometry_msgs", "builtin_interfaces", "torch"]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({ros})); from hand_pose_ros.cli import main; "
    program = blocked + f"sys.exit(max(main(command) for command in {commands}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_named(folder: Path, tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['rosbags'] = None; from hand_pose_ros.cli import main; "
    program = blocked + f"sys.exit(main(['record-folder', {str(folder)!r}, {str(tmp_path / 'bag')!r}]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and "needs the Python package 'rosbags" in done.stderr


def test_urdf_of_a_mean_hand_goes_to_standard_output(capsys):
    assert main(["urdf", "--side", "left"]) == 0
    assert ET.fromstring(capsys.readouterr().out).attrib["name"] == "left_hand"


def test_urdf_is_measured_on_what_estimate_wrote(tmp_path, capsys):
    joints = np.stack([np.full((21, 3), np.nan), 1.2 * joints_from_angles(np.zeros(21), MEAN_SHAPE)])
    np.savez(tmp_path / "predictions.npz", joints_m=joints, side=np.array(["right", "right"]))
    arguments = ["urdf", "--from", str(tmp_path / "predictions.npz"), "-o", str(tmp_path / "new" / "hand.urdf")]
    assert main([*arguments, "--side", "right"]) == 0
    longer = 1200 * (MEAN_SHAPE.bases_m[2, 0] + MEAN_SHAPE.phalanges_m[2].sum())
    assert f"{longer:.0f} mm" in capsys.readouterr().out
    assert ET.parse(tmp_path / "new" / "hand.urdf").getroot().attrib["name"] == "right_hand"
    assert main([*arguments, "--side", "left"]) == 2
    assert "left hands: none of the 0 hands has all its joints" in capsys.readouterr().err


def test_urdf_of_another_file_is_one_line(tmp_path, capsys):
    (tmp_path / "x.npz").write_text("no arrays")
    assert main(["urdf", "--side", "left", "--from", str(tmp_path / "x.npz")]) == 2
    assert "is not what hand-pose estimate writes" in capsys.readouterr().err
