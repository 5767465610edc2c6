"""Tiny data sets in the official layouts, written by the letter of their documentation: two frames of a known hand.

`FILE_ORDERS` are written out as numbers, so that the readers' orders, which go by names, are checked against something
else.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import yaml
from scipy.io import savemat

from training.hands.joints import MANO_MEAN

#: MANO's mean right hand, seen from its back with the fingers up, half a metre away.
RIGHT_HAND_M = np.stack([-MANO_MEAN[:, 2], MANO_MEAN[:, 0], -MANO_MEAN[:, 1]], axis=1) + np.array([0.01, 0.0, 0.5])
LEFT_HAND_M = RIGHT_HAND_M * (-1, 1, 1)
K = np.array([[400.0, 0, 150], [0, 410, 130], [0, 0, 1]])
#: Depth everywhere but in one pixel (row, column), where it is something else.
DEPTH_MM, SPOT, SPOT_MM = 500, (10, 20), 731

#: For each row of the file the joint of ours that it holds.
FILE_ORDERS = {
    "rhd": [0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17],
    "stb": [17, 18, 19, 20, 13, 14, 15, 16, 9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4],  # after the palm
    "ho3d": [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20],
    "interhand": [4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17, 0],
    "icvl": [2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20],  # after the palm
    "msra": [0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 1, 2, 3, 4],
}


@dataclass(frozen=True)
class Tiny:
    """A written data set and what a reader must make of its first split's samples, in order."""

    split: str
    sides: list[str]
    hands_m: list[np.ndarray]
    hands_px: list[np.ndarray] = field(default_factory=list)
    depth: bool = False
    palm_m: np.ndarray | None = None


def moved(hand: np.ndarray, frame: int) -> np.ndarray:
    return hand + frame * np.array([0.02, -0.01, 0.03])


def pixels(points: np.ndarray, k: np.ndarray = K) -> np.ndarray:
    homogeneous = points @ k.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


def only(hand: np.ndarray, joints: list[int]) -> np.ndarray:
    result = np.full((21, 3), np.nan)
    result[joints] = hand[joints]
    return result


def write_rgb(path: Path, width: int = 320, height: int = 240) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def depth_mm(width: int = 320, height: int = 240) -> np.ndarray:
    picture = np.full((height, width), DEPTH_MM)
    picture[SPOT] = SPOT_MM
    return picture


def write_packed(path: Path, values: np.ndarray, high: int, low: int) -> None:
    """Two bytes of whole numbers in channels of a colour picture; 0 is red."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.zeros((*values.shape, 3), np.uint8)
    rgb[..., high], rgb[..., low] = values // 256, values % 256
    cv2.imwrite(str(path), rgb[..., ::-1])


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_rhd(folder: Path) -> Tiny:
    labels, sides = {}, ["left", "right"]
    for number, side in enumerate(sides):
        both = np.concatenate(
            [moved(LEFT_HAND_M, number)[FILE_ORDERS["rhd"]], moved(RIGHT_HAND_M, number)[FILE_ORDERS["rhd"]]]
        )
        labels[number] = {"xyz": both, "uv_vis": np.column_stack([pixels(both), np.ones(42)]), "K": K}
        picture = f"{number:05d}.png"
        write_rgb(folder / "evaluation" / "color" / picture, 320, 320)
        mask = np.zeros((320, 320), np.uint8)
        mask[:100], mask[200:220] = (2, 18) if side == "left" else (20, 5)
        (folder / "evaluation" / "mask").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "evaluation" / "mask" / picture), mask)
        write_packed(
            folder / "evaluation" / "depth" / picture, np.round(depth_mm(320, 320) / 5000 * 65535).astype(int), 0, 1
        )
    labels[1]["uv_vis"][21 + 5, 2] = 0  # the right index finger's tip is hidden
    (folder / "evaluation" / "anno_evaluation.pickle").write_bytes(pickle.dumps(labels, protocol=2))
    return Tiny("evaluation", sides, [LEFT_HAND_M, moved(RIGHT_HAND_M, 1)], depth=True)


def write_stb(folder: Path) -> Tiny:
    palm = (LEFT_HAND_M[0] + LEFT_HAND_M[9]) / 2
    first = np.vstack([palm, LEFT_HAND_M[FILE_ORDERS["stb"]]])
    frames = np.stack([moved(first, frame) for frame in (0, 1)])
    for sequence in ("B1Counting", "B1Random"):
        for index in range(2):
            for start in ("BB_left", "BB_right", "SK_color"):
                write_rgb(folder / "images" / sequence / f"{start}_{index}.png", 640, 480)
            write_packed(folder / "images" / sequence / f"SK_depth_{index}.png", depth_mm(640, 480), 1, 0)
        (folder / "labels").mkdir(exist_ok=True)
        for camera in ("BB", "SK"):
            savemat(
                folder / "labels" / f"{sequence}_{camera}.mat",
                {"handPara": np.moveaxis(frames, 0, 2).swapaxes(0, 1) * 1000},
            )
    right_camera = [moved(LEFT_HAND_M, frame) - (0.120054, 0, 0) for frame in (0, 1)]
    once = [only(moved(LEFT_HAND_M, frame), list(range(1, 21))) for frame in (0, 1)]
    once += [only(hand, list(range(1, 21))) for hand in right_camera]
    return Tiny("test", ["left"] * 8, once * 2, palm_m=palm)


def write_freihand(folder: Path) -> Tiny:
    hands = [moved(RIGHT_HAND_M, frame) for frame in (0, 1)]
    write_json(folder / "evaluation_xyz.json", [hand.tolist() for hand in hands])
    write_json(folder / "evaluation_K.json", [K.tolist()] * 2)
    for frame in (0, 1):
        write_rgb(folder / "evaluation" / "rgb" / f"{frame:08d}.jpg", 224, 224)
    return Tiny("evaluation", ["right"] * 2, hands)


def write_ho3d(folder: Path) -> Tiny:
    hands = [moved(RIGHT_HAND_M, frame) for frame in (0, 1)]
    place = folder / "train" / "ABF10"
    (place / "meta").mkdir(parents=True)
    for frame, hand in enumerate([*hands, None]):
        joints = None if hand is None else hand[FILE_ORDERS["ho3d"]] * (1, -1, -1)
        meta = {"handJoints3D": joints, "camMat": None if hand is None else K, "objName": "021_bleach_cleanser"}
        (place / "meta" / f"{frame:04d}.pkl").write_bytes(pickle.dumps(meta, protocol=2))
        write_rgb(place / "rgb" / f"{frame:04d}.{'png' if frame else 'jpg'}", 640, 480)
        write_packed(
            place / "depth" / f"{frame:04d}.png", np.round(depth_mm(640, 480) / 0.12498664727900177).astype(int), 1, 0
        )
    (folder / "train.txt").write_text("ABF10/0000\nABF10/0001\nABF10/0002\n")
    return Tiny("train", ["right"] * 2, hands, depth=True)


def in_the_world(points_m: np.ndarray, rotation: np.ndarray, position_mm: np.ndarray) -> np.ndarray:
    return (points_m * 1000) @ rotation + position_mm


def two_hands_mm(frame: int, rotation: np.ndarray, position_mm: np.ndarray) -> np.ndarray:
    order = FILE_ORDERS["interhand"]
    both = np.concatenate([moved(RIGHT_HAND_M, frame)[order], moved(LEFT_HAND_M, frame)[order]])
    return in_the_world(both, rotation, position_mm)


def write_interhand(folder: Path) -> Tiny:
    rotation, _ = cv2.Rodrigues(np.array([0.3, -0.8, 0.2]))
    position = np.array([100.0, -200.0, 900.0])
    start = folder / "annotations" / "val" / "InterHand2.6M_val"
    images = [
        {"id": 7 + frame, "file_name": f"Capture0/seq/cam400262/image{frame}.jpg", "width": 320, "height": 240,
         "capture": 0, "camera": "400262", "frame_idx": frame, "seq_name": "seq", "subject": 0}
        for frame in (0, 1)
    ]  # fmt: skip
    valid = np.ones((2, 42, 1), int)
    valid[0, 21:] = 0  # the first picture has a right hand alone,
    valid[1, 3] = 0  # the second both, but without one joint
    annotations = [
        {"id": frame, "image_id": 7 + frame, "bbox": [0, 0, 9, 9], "joint_valid": valid[frame].tolist(),
         "hand_type": "interacting", "hand_type_valid": 1}
        for frame in (0, 1)
    ]  # fmt: skip
    write_json(Path(f"{start}_data.json"), {"images": images, "annotations": annotations})
    camera = {
        "campos": position.tolist(),
        "camrot": rotation.tolist(),
        "focal": [400.0, 410.0],
        "princpt": [150.0, 130.0],
    }
    write_json(Path(f"{start}_camera.json"), {"0": {key: {"400262": value} for key, value in camera.items()}})
    world = {str(f): {"world_coord": two_hands_mm(f, rotation, position).tolist()} for f in (0, 1)}
    write_json(Path(f"{start}_joint_3d.json"), {"0": world})
    for image in images:
        write_rgb(folder / "images" / "val" / str(image["file_name"]))
    right = moved(RIGHT_HAND_M, 1)
    right[1] = np.nan  # row 3 is the thumb's base
    return Tiny("val", ["right", "right", "left"], [RIGHT_HAND_M, right, moved(LEFT_HAND_M, 1)])


def write_assemblyhands(folder: Path) -> Tiny:
    rotation, _ = cv2.Rodrigues(np.array([-0.5, 0.1, 0.7]))
    position = np.array([10.0, 20.0, -30.0])
    sequence, camera = "nusar-2021_action", "HMC_21176875"
    images = [
        {"id": frame, "file_name": f"ego_images_rectified/val/{sequence}/{camera}/{frame:06d}.jpg", "width": 320,
         "height": 240, "camera": camera, "frame_idx": frame, "seq_name": sequence}
        for frame in (0, 1)
    ]  # fmt: skip
    boxes = [
        {"right": [5.0, 6.0, 25.0, 46.0], "left": None},
        {"right": [5.0, 6.0, 25.0, 46.0], "left": [1.0, 2.0, 3.0, 4.0]},
    ]
    annotations = [
        {"id": frame, "image_id": frame, "bbox": boxes[frame], "joint_valid": np.ones((42, 1)).tolist()}
        for frame in (0, 1)
    ]
    start = folder / "annotations" / "val" / "assemblyhands_val"
    write_json(Path(f"{start}_ego_data_v1-1.json"), {"images": images, "annotations": annotations})
    extrinsics = np.column_stack([rotation, -rotation @ position]).tolist()
    setup = {
        "intrinsics": {f"{camera}_mono10bit": K.tolist()},
        "extrinsics": {f"{frame:06d}": {f"{camera}_mono10bit": extrinsics} for frame in (0, 1)},
    }
    write_json(Path(f"{start}_ego_calib_v1-1.json"), {"calibration": {sequence: setup}})
    world = {f"{f:06d}": {"world_coord": two_hands_mm(f, rotation, position).tolist()} for f in (0, 1)}
    write_json(Path(f"{start}_joint_3d_v1-1.json"), {"annotations": {sequence: world}})
    for image in images:
        write_rgb(folder / "images" / str(image["file_name"]))
    return Tiny("val", ["right", "right", "left"], [RIGHT_HAND_M, moved(RIGHT_HAND_M, 1), moved(LEFT_HAND_M, 1)])


def write_dexycb(folder: Path) -> Tiny:
    view = folder / "20200709-subject-01" / "20200709_141754" / "836212060125"
    hands = [moved(LEFT_HAND_M, frame) for frame in (0, 1)]
    for frame, hand in enumerate([*hands, np.full((21, 3), -1.0)]):
        write_rgb(view / f"color_{frame:06d}.jpg", 640, 480)
        cv2.imwrite(str(view / f"aligned_depth_to_color_{frame:06d}.png"), depth_mm(640, 480).astype(np.uint16))
        px = pixels(hand) if frame < 2 else hand[:, :2]
        np.savez(
            view / f"labels_{frame:06d}.npz",
            joint_3d=hand[None].astype(np.float32),
            joint_2d=px[None].astype(np.float32),
        )
    (view.parent / "meta.yml").write_text(yaml.safe_dump({"mano_sides": ["left"], "num_frames": 3}))
    calibration = folder / "calibration" / "intrinsics"
    calibration.mkdir(parents=True)
    color = {"fx": 400.0, "fy": 410.0, "ppx": 150.0, "ppy": 130.0}
    (calibration / "836212060125_640x480.yml").write_text(yaml.safe_dump({"color": color}))
    return Tiny("all", ["left"] * 2, hands, depth=True)


def write_nyu(folder: Path) -> Tiny:
    frames_mm = np.random.default_rng(0).normal(scale=500.0, size=(3, 2, 36, 3))
    palm = (RIGHT_HAND_M[0] + RIGHT_HAND_M[9]) / 2
    for frame in (0, 1):
        hand = moved(RIGHT_HAND_M, frame) * (1, -1, 1) * 1000
        for finger, (tip, base) in enumerate([(20, 17), (16, 13), (12, 9), (8, 5)]):  # little to index
            frames_mm[0, frame, 6 * finger + np.array([0, 1, 3, 5])] = hand[np.arange(tip, base - 1, -1)]
        frames_mm[0, frame, [24, 25, 27, 28]] = hand[[4, 3, 2, 1]]
        frames_mm[0, frame, 30], frames_mm[0, frame, 31] = hand[0] + (15, 2, 3), hand[0] - (15, 2, 3)
        frames_mm[0, frame, 32] = moved(palm, frame) * (1, -1, 1) * 1000
    (folder / "test").mkdir(parents=True)
    savemat(folder / "test" / "joint_data.mat", {"joint_xyz": frames_mm})
    for frame in (0, 1):
        write_packed(folder / "test" / f"depth_1_{frame + 1:07d}.png", depth_mm(640, 480), 1, 2)
    return Tiny("test", ["right"] * 2, [moved(RIGHT_HAND_M, f) for f in (0, 1)], depth=True, palm_m=palm)


def write_icvl(folder: Path) -> Tiny:
    k = np.array([[240.99, 0, 160], [0, 240.96, 120], [0, 0, 1]])
    palm = (LEFT_HAND_M[0] + LEFT_HAND_M[9]) / 2
    for sequence in (1, 2):
        hand = moved(np.vstack([palm, LEFT_HAND_M[FILE_ORDERS["icvl"]]]), sequence - 1)
        numbers = np.column_stack([pixels(hand, k), hand[:, 2] * 1000]).ravel()
        picture = f"test_seq_{sequence}/image_0000.png"
        path = folder / "Testing" / "Depth" / picture
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), depth_mm().astype(np.uint16))
        (folder / "Testing" / f"test_seq_{sequence}.txt").write_text(f"{picture} {' '.join(map(str, numbers))} \n\n")
    hands = [only(moved(LEFT_HAND_M, frame), FILE_ORDERS["icvl"]) for frame in (0, 1)]
    return Tiny("test", ["left"] * 2, hands, depth=True, palm_m=palm)


def write_msra(folder: Path) -> Tiny:
    gesture = folder / "P0" / "1"
    gesture.mkdir(parents=True)
    lines = []
    for frame in (0, 1):
        hand = moved(RIGHT_HAND_M, frame)[FILE_ORDERS["msra"]] * (1, -1, -1) * 1000
        lines.append(" ".join(map(str, hand.ravel())))
        cut = depth_mm()[5:100, 10:60].astype("<f4")
        header = np.array([320, 240, 10, 5, 60, 100], "<i4")
        (gesture / f"{frame:06d}_depth.bin").write_bytes(header.tobytes() + cut.tobytes())
    (gesture / "joint.txt").write_text("2\n" + "\n".join(lines) + "\n")
    return Tiny("P0", ["right"] * 2, [moved(RIGHT_HAND_M, frame) for frame in (0, 1)], depth=True)


def flagged(points: np.ndarray, missing: int) -> list[list[float]]:
    """x, y, 1, and zeros for a joint that is not labelled."""
    rows = np.column_stack([points, np.ones(21)])
    rows[missing] = 0
    return rows.tolist()


def without(points: np.ndarray, missing: int) -> np.ndarray:
    result = points.copy()
    result[missing] = np.nan
    return result


def in_pictures(split: str, sides: list[str], missing: int) -> Tiny:
    """What is to be read of sets with labels in the picture alone."""
    nothing = [np.full((21, 3), np.nan)] * len(sides)
    hands = [pixels(LEFT_HAND_M if side == "left" else RIGHT_HAND_M) for side in sides]
    return Tiny(split, sides, nothing, [without(hand, missing) for hand in hands])


def write_coco_wholebody(folder: Path) -> Tiny:
    left, right = (np.ravel(flagged(pixels(hand), 4)).tolist() for hand in (LEFT_HAND_M, RIGHT_HAND_M))
    person = {"id": 3, "image_id": 5, "lefthand_kpts": left, "righthand_kpts": right, "lefthand_valid": True,
              "righthand_valid": True, "lefthand_box": [1, 2, 30, 40], "righthand_box": [50, 2, 30, 40]}  # fmt: skip
    handless = {**person, "id": 4, "lefthand_valid": False, "righthand_valid": False}
    labels = {"images": [{"id": 5, "file_name": "000000000005.jpg"}], "annotations": [person, handless]}
    write_json(folder / "annotations" / "coco_wholebody_val_v1.0.json", labels)
    write_rgb(folder / "val2017" / "000000000005.jpg")
    return in_pictures("val", ["left", "right"], 4)


def write_panoptic(folder: Path) -> Tiny:
    place = folder / "hand_labels" / "manual_test"
    for name, hand, is_left in (("ex1_2.flv_000040_l", LEFT_HAND_M, 1), ("ex1_2.flv_000040_r", RIGHT_HAND_M, 0)):
        write_json(place / f"{name}.json", {"hand_pts": flagged(pixels(hand), 6), "is_left": is_left})
        write_rgb(place / f"{name}.jpg")
    dome = folder / "hand143_panopticdb"
    root = [{"img_paths": "imgs/00000000.jpg", "joint_self": flagged(pixels(RIGHT_HAND_M), 6)}]
    write_json(dome / "hands_v143_14817.json", {"root": root})
    write_rgb(dome / "imgs" / "00000000.jpg")
    return in_pictures("manual_test", ["left", "right"], 6)


def write_onehand10k(folder: Path) -> Tiny:
    points = np.round(pixels(RIGHT_HAND_M))
    points[8] = -1
    numbers = ",".join(str(int(value)) for value in points.ravel())
    write_rgb(folder / "Test" / "source" / "1.jpg")
    (folder / "Test" / "label_joint.txt").write_text(f"1.jpg,320,240,1,{numbers}\n")
    return Tiny("Test", [""], [np.full((21, 3), np.nan)], [without(points, 8)])


def write_hiu_dmtl(folder: Path) -> Tiny:
    points = np.full((42, 2), 2.0)
    points[21:] = pixels(RIGHT_HAND_M)
    write_json(folder / "abpkifzhye.json", {"pts2d_2hand": points.tolist(), "hand_type": [0, 1], "pts3d_2hand": []})
    write_rgb(folder / "abpkifzhye.jpg")
    write_rgb(folder / "abpkifzhye_mask.jpg")
    return Tiny("all", [""], [np.full((21, 3), np.nan)], [pixels(RIGHT_HAND_M)])


WRITERS: dict[str, Callable[[Path], Tiny]] = {
    name.removeprefix("write_"): writer
    for name, writer in globals().items()
    if name.startswith("write_") and name not in ("write_rgb", "write_packed", "write_json")
}
