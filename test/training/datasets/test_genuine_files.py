"""Readers on a few genuine pictures and labels of the data sets, put into the official layout where they are not."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.skeleton import BONES, FINGERS
from training.datasets import open_dataset
from training.datasets.sample import HandSample
from training.datasets.show import draw_samples


@pytest.fixture
def fixtures(shared_data: Path) -> Path:
    return shared_data / "loader_fixtures"


def load(path: Path) -> tuple[Any, dict[int, Any]]:
    content = json.loads(path.read_text())
    return content, {picture["id"]: picture for picture in content["images"]}


def put_rhd(fixtures: Path, folder: Path) -> None:
    """The fixture has one hand of each picture, in mm, and no masks and no depth."""
    content, pictures = load(fixtures / "rhd" / "test_rhd.json")
    place, labels = folder / "evaluation", {}
    for part in ("color", "mask", "depth"):
        (place / part).mkdir(parents=True)
    for label in content["annotations"]:
        picture = pictures[label["image_id"]]
        camera, name = picture["cam_param"], picture["file_name"]
        both, seen = np.zeros((42, 3)), np.zeros((42, 3))
        rows = slice(0, 21) if label["hand_type"] == "left" else slice(21, 42)
        both[rows] = np.array(label["joint_cam"]) / 1000
        seen[rows] = label["keypoints"]
        k = np.array(
            [[camera["focal"][0], 0, camera["princpt"][0]], [0, camera["focal"][1], camera["princpt"][1]], [0, 0, 1]]
        )
        labels[int(Path(name).stem)] = {"xyz": both, "uv_vis": seen, "K": k}
        shutil.copy(fixtures / "rhd" / name, place / "color" / name)
        cv2.imwrite(str(place / "mask" / name), np.full((320, 320), 5 if rows.start == 0 else 20, np.uint8))
        cv2.imwrite(str(place / "depth" / name), np.zeros((320, 320, 3), np.uint8))
    (place / "anno_evaluation.pickle").write_bytes(pickle.dumps(labels, protocol=2))


def put_freihand(fixtures: Path, folder: Path) -> None:
    """The fixture has the joints in the picture alone: they are put half a metre away."""
    content, pictures = load(fixtures / "freihand" / "test_freihand.json")
    (folder / "evaluation" / "rgb").mkdir(parents=True)
    k, joints = np.array([[480.0, 0, 112], [0, 480, 112], [0, 0, 1]]), []
    for number, label in enumerate(content["annotations"]):
        uv = np.reshape(label["keypoints"], (21, 3))[:, :2]
        joints.append((0.5 * np.column_stack([(uv - 112) / 480, np.ones(21)])).tolist())
        picture = fixtures / "freihand" / pictures[label["image_id"]]["file_name"]
        shutil.copy(picture, folder / "evaluation" / "rgb" / f"{number:08d}.jpg")
    (folder / "evaluation_xyz.json").write_text(json.dumps(joints))
    (folder / "evaluation_K.json").write_text(json.dumps([k.tolist()] * len(joints)))


def put_interhand(fixtures: Path, folder: Path) -> None:
    source = fixtures / "interhand2.6m"
    (folder / "annotations" / "test").mkdir(parents=True)
    (folder / "images" / "test").mkdir(parents=True)
    for part in ("data", "camera", "joint_3d"):
        name = f"annotations/test/InterHand2.6M_test_{part}.json"
        shutil.copy(source / f"test_interhand2.6m_{part}.json", folder / name)
    for picture in source.glob("*.jpg"):
        shutil.copy(picture, folder / "images" / "test")


def put_coco_wholebody(fixtures: Path, folder: Path) -> None:
    (folder / "annotations").mkdir(parents=True)
    (folder / "val2017").mkdir()
    shutil.copy(fixtures / "coco" / "test_coco_wholebody.json", folder / "annotations" / "coco_wholebody_val_v1.0.json")
    for picture in (fixtures / "coco").glob("*.jpg"):
        shutil.copy(picture, folder / "val2017")


def put_onehand10k(fixtures: Path, folder: Path) -> None:
    content, pictures = load(fixtures / "onehand10k" / "test_onehand10k.json")
    (folder / "Test" / "source").mkdir(parents=True)
    lines = []
    for label in content["annotations"]:
        picture, points = pictures[label["image_id"]], np.reshape(label["keypoints"], (21, 3))
        numbers = np.where(points[:, 2:] > 0, points[:, :2], -1).ravel()
        lines.append(",".join(map(str, [picture["file_name"], picture["width"], picture["height"], 1, *numbers])))
        shutil.copy(fixtures / "onehand10k" / picture["file_name"], folder / "Test" / "source")
    (folder / "Test" / "label_joint.txt").write_text("\n".join(lines))


def put_panoptic(fixtures: Path, folder: Path) -> None:
    content, pictures = load(fixtures / "panoptic" / "test_panoptic.json")
    place = folder / "hand_labels" / "manual_test"
    place.mkdir(parents=True)
    for label in content["annotations"]:
        name = Path(pictures[label["image_id"]]["file_name"]).stem
        points = np.reshape(label["keypoints"], (21, 3)).tolist()
        (place / f"{name}.json").write_text(json.dumps({"hand_pts": points, "is_left": int(name.endswith("_l"))}))
        shutil.copy(fixtures / "panoptic" / f"{name}.jpg", place)


GENUINE = {
    "rhd": (put_rhd, "evaluation", 3),
    "freihand": (put_freihand, "evaluation", 8),
    "interhand": (put_interhand, "test", 6),
    "coco_wholebody": (put_coco_wholebody, "val", 10),
    "onehand10k": (put_onehand10k, "Test", 4),
    "panoptic": (put_panoptic, "manual_test", 4),
}


def read(name: str, fixtures: Path, folder: Path) -> list[HandSample]:
    put, split, _ = GENUINE[name]
    put(fixtures, folder)
    return list(open_dataset(name, folder, split))


@pytest.mark.parametrize("name", GENUINE)
def test_genuine_labels_lie_in_their_pictures(name: str, fixtures: Path, tmp_path: Path) -> None:
    samples = read(name, fixtures, tmp_path)
    assert len(samples) == GENUINE[name][2]
    for sample in samples:
        rgb, _ = sample.pictures()
        height, width = rgb.shape[:2]
        points = sample.joints_px[sample.valid_px]
        inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)
        assert len(points) >= 5 and inside.mean() > 0.85
        if sample.camera is not None:
            assert (sample.camera.width, sample.camera.height) == (width, height)
    assert draw_samples(samples).shape[2] == 3


@pytest.mark.parametrize("name", ["rhd", "interhand"])
def test_genuine_skeletons_are_hands(name: str, fixtures: Path, tmp_path: Path) -> None:
    for sample in read(name, fixtures, tmp_path):
        lengths = {bone: np.linalg.norm(sample.joints_m[bone[1]] - sample.joints_m[bone[0]]) for bone in BONES}
        for finger, joints in FINGERS.items():
            base, middle, last, tip = joints
            # Tip and base swapped, or one finger's joints among another's, would break these.
            assert 0.02 < lengths[0, base] < 0.12
            assert 0.015 < lengths[last, tip] < 0.045 and 0.01 < lengths[middle, last] < 0.06
            if finger != "thumb":
                assert lengths[0, base] > 0.05 and lengths[base, middle] > lengths[last, tip]
        assert 0.2 < sample.joints_m[0, 2] < 2.0


def test_interhand_is_projected_by_its_own_cameras(fixtures: Path, tmp_path: Path) -> None:
    content, _ = load(fixtures / "interhand2.6m" / "test_interhand2.6m_data.json")
    boxes = {
        str(Path(p["file_name"]).stem): a["bbox"]
        for p, a in zip(content["images"], content["annotations"], strict=True)
    }
    samples = read("interhand", fixtures, tmp_path)
    for name, (x, y, w, h) in boxes.items():
        points = np.concatenate([project(s.joints_m, s.camera) for s in samples if s.name.startswith(name)])
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        # The published box is that of the joints in the picture, 1.2 times as large.
        np.testing.assert_allclose([*(low + high) / 2, *(high - low) * 1.2], [x + w / 2, y + h / 2, w, h], atol=0.5)
