"""DexYCB (Chao et al., CVPR 2021): ten people grasp objects, eight RealSense cameras, colour and registered depth.

`<subject>/<sequence>/<serial>/` has `color_000000.jpg`, `aligned_depth_to_color_000000.png` (mm) and
`labels_000000.npz` with `joint_3d` (1, 21, 3) metres in our order and `joint_2d`, both -1 where there is no hand;
`meta.yml` tells the side, `calibration/intrinsics/<serial>_640x480.yml` the camera. The official splits go by a
sequence's place among the subject's 100, a subject's and a camera's number; `all` reads whatever is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hand_pose_ros.types import HandPoseError, PinholeCamera
from training.datasets.files import read_npz, require
from training.datasets.orders import OURS, to_skeleton
from training.datasets.sample import HandSample

WIDTH, HEIGHT = 640, 480
SEQUENCES_OF_A_SUBJECT = 100
_EVERY = range(10), range(8), range(SEQUENCES_OF_A_SUBJECT)
_FIFTHS = [number for number in range(SEQUENCES_OF_A_SUBJECT) if number % 5 == 4]


def _grasps(*objects: int) -> list[int]:
    """Each object is grasped in five sequences in a row."""
    return [number for number in range(SEQUENCES_OF_A_SUBJECT) if number // 5 in objects]


#: Places of subjects, cameras and sequences, as in the authors' toolkit: s0 known people, views and objects, s1 unseen
#: people, s2 unseen views, s3 unseen objects.
PARTS: dict[str, tuple[Any, Any, Any]] = {
    "s0_test": (range(2, 10), _EVERY[1], _FIFTHS),
    "s0_val": (range(2), _EVERY[1], _FIFTHS),
    "s0_train": (_EVERY[0], _EVERY[1], [number for number in _EVERY[2] if number not in _FIFTHS]),
    "s1_test": ((7, 8), _EVERY[1], _EVERY[2]),
    "s1_val": ((6,), _EVERY[1], _EVERY[2]),
    "s1_train": ((0, 1, 2, 3, 4, 5, 9), _EVERY[1], _EVERY[2]),
    "s2_test": (_EVERY[0], (7,), _EVERY[2]),
    "s2_val": (_EVERY[0], (6,), _EVERY[2]),
    "s2_train": (_EVERY[0], range(6), _EVERY[2]),
    "s3_test": (_EVERY[0], _EVERY[1], _grasps(7, 11, 15)),
    "s3_val": (_EVERY[0], _EVERY[1], _grasps(3, 19)),
    "s3_train": (_EVERY[0], _EVERY[1], [n for n in _EVERY[2] if n not in _grasps(3, 7, 11, 15, 19)]),
}
SPLITS = (*PARTS, "all")


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """Every labelled frame of the split's subjects, sequences and cameras."""
    subjects = sorted(folder.glob("*-subject-*"))
    if not subjects:
        raise HandPoseError(f"{folder}: has no <date>-subject-<number> in it; give the folder of the whole data set")
    for subject in subjects:
        sequences = sorted(path for path in subject.iterdir() if path.is_dir())
        if split != "all":
            numbers, _, places = PARTS[split]
            if int(subject.name.rpartition("-")[2]) - 1 not in numbers:
                continue
            if len(sequences) != SEQUENCES_OF_A_SUBJECT:
                raise HandPoseError(
                    f"{subject}: has {len(sequences)} sequences, but the split '{split}' goes by their places among "
                    f"{SEQUENCES_OF_A_SUBJECT}; download the rest or use the split 'all'"
                )
            sequences = [sequences[place] for place in places]
        for sequence in sequences:
            yield from _read_sequence(folder, sequence, split)


def _read_sequence(folder: Path, sequence: Path, split: str) -> Iterator[HandSample]:
    side = str(_read_yaml(sequence / "meta.yml")["mano_sides"][0])
    views = sorted(path for path in sequence.iterdir() if path.is_dir())
    for view in views if split == "all" else [views[place] for place in PARTS[split][1]]:
        color = _read_yaml(folder / "calibration" / "intrinsics" / f"{view.name}_{WIDTH}x{HEIGHT}.yml")["color"]
        camera = PinholeCamera(color["fx"], color["fy"], color["ppx"], color["ppy"], WIDTH, HEIGHT)
        for labels in sorted(view.glob("labels_*.npz")):
            joints_m, joints_px = (array[0] for array in read_npz(labels, ("joint_3d", "joint_2d")))
            if (joints_m == -1).all():
                continue
            number = labels.stem.rpartition("_")[2]
            yield HandSample(
                f"{sequence.parent.name}_{sequence.name}_{view.name}_{number}",
                side,
                to_skeleton(joints_m, OURS),
                to_skeleton(joints_px, OURS),
                camera,
                rgb=view / f"color_{number}.jpg",
                depth=view / f"aligned_depth_to_color_{number}.png",
            )


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(require(path, "give the folder of the whole data set").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise HandPoseError(f"{path}: not readable ({error}); download it again") from error
