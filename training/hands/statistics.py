"""`python -m training.hands.statistics`: what generated hands are like, beside the ground truth of public data sets.

Bone lengths against 21-joint labels and against NYU's and ICVL's test ground truth (in their own definitions), and how
often the skin of sampled poses passes through itself. With --write the tables go into a document, between its marks.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from hand_pose_ros.skeleton import FINGERS, JOINT_NAMES
from training.hands.model import (
    BONE_COUNT,
    Array,
    HandModel,
    joint_positions,
    load_hand_model,
    pose_bones,
)
from training.hands.overlaps import skin_overlaps
from training.hands.pose_bank import load_pose_bank
from training.hands.poses import sample_turns
from training.hands.shapes import sample_shapes

HANDS = 4000
OVERLAP_HANDS = 200
#: Millimetres from which an overlap counts.
OVERLAPS_MM = (2, 5)
BONES = [(0, finger[0]) for finger in FINGERS.values()] + [
    (a, b) for finger in FINGERS.values() for a, b in pairwise(finger)
]
NYU_CAMERA, ICVL_CAMERA = (588.03, 587.07, 320.0, 240.0), (240.99, 240.96, 160.0, 120.0)
#: Pairs of the 14 points of NYU that papers evaluate and that span straight bones: tip to PIP, from the little finger.
NYU_PAIRS = {"little": (0, 1), "ring": (2, 3), "middle": (4, 5), "index": (6, 7)}
#: The 16 points of ICVL: the middles of the three phalanges, from the thumb's at 1.
ICVL_FIRST = {"index": 4, "middle": 7, "ring": 10, "little": 13}


def bone_lengths(model: HandModel, rng: np.random.Generator, count: int) -> Array:
    """Lengths (count, 20) in mm of BONES of generated hands."""
    shape = sample_shapes(model, rng, count)
    straight = np.broadcast_to(np.eye(3), (count, BONE_COUNT, 3, 3))
    return lengths(joint_positions(model, shape, *pose_bones(shape, straight))) * 1000


def lengths(joints: Array) -> Array:
    """Lengths (N, 20) of BONES of joints (N, 21, 3)."""
    start, end = np.array(BONES).T
    return np.linalg.norm(joints[:, end] - joints[:, start], axis=2)


def read_points(path: Path, camera: tuple[float, float, float, float]) -> Array:
    """Points (N, J, 3) in mm of a text file with u, v (pixels) and d (mm) of all joints of a picture in each line."""
    uvd = np.loadtxt(path)
    uvd = uvd.reshape(len(uvd), -1, 3)
    fx, fy, cx, cy = camera
    x, y = (uvd[..., 0] - cx) / fx, (uvd[..., 1] - cy) / fy
    return np.stack([x, y, np.ones_like(x)], axis=-1) * uvd[..., 2:]


def bone_table(ours: Array, data: Path) -> list[str]:
    """Lengths of all bones beside those of labelled sets of the same 21 joints."""
    sets = {}
    for name in ("real_rgbd", "real_rgb"):
        if (data / name / "labels.npz").exists():
            sets[name] = lengths(np.load(data / name / "labels.npz")["joints_m"]) * 1000
    head = ["bone (mm)", "generated: 5 %", "median", "95 %", *(f"{name}: median" for name in sets)]
    rows = []
    for i, (a, b) in enumerate(BONES):
        values = [*np.percentile(ours[:, i], [5, 50, 95]), *(np.median(v[:, i]) for v in sets.values())]
        rows.append([f"{JOINT_NAMES[a]} – {JOINT_NAMES[b]}", *(f"{v:.0f}" for v in values)])
    return markdown(head, rows)


def straight_table(ours: Array, data: Path) -> list[str]:
    """Straight fingers in NYU's and ICVL's definitions: theirs is the 95th percentile over pictures of few people."""
    head = ["straight length (mm)", "generated: 5 %", "median", "95 %", "ground truth"]
    rows = []
    index = {bone: i for i, bone in enumerate(BONES)}
    nyu, icvl = data / "nyu" / "nyu_test_groundtruth_label.txt", data / "icvl" / "icvl_test_groundtruth_label.txt"
    points = read_points(nyu, NYU_CAMERA)
    for name, (tip, middle) in NYU_PAIRS.items():
        _, pip, dip, end = FINGERS[name]
        own = ours[:, index[(pip, dip)]] + ours[:, index[(dip, end)]]
        rows.append(_straight_row(f"NYU: {name}, PIP to tip", own, points[:, tip] - points[:, middle]))
    points = read_points(icvl, ICVL_CAMERA)
    for name, first in ICVL_FIRST.items():
        mcp, pip, dip, end = FINGERS[name]
        phalanges = [ours[:, index[bone]] for bone in ((mcp, pip), (pip, dip), (dip, end))]
        for k, text in enumerate(("proximal to middle phalanx", "middle to distal phalanx")):
            own = (phalanges[k] + phalanges[k + 1]) / 2
            theirs = points[:, first + k + 1] - points[:, first + k]
            rows.append(_straight_row(f"ICVL: {name}, {text}", own, theirs))
    return markdown(head, rows)


def _straight_row(name: str, ours: Array, theirs: Array) -> list[str]:
    values = [*np.percentile(ours, [5, 50, 95]), np.percentile(np.linalg.norm(theirs, axis=1), 95)]
    return [name, *(f"{v:.0f}" for v in values)]


def overlap_table(model: HandModel, rng: np.random.Generator, count: int, poses: Path | None) -> list[str]:
    """Shares of sampled hands whose skin passes through itself."""
    shape = sample_shapes(model, rng, count)
    depth = skin_overlaps(model, shape, sample_turns(model, shape, rng, load_pose_bank(poses))) * 1000
    kinds = {
        "thumb and finger": np.maximum(depth[:, 1, 2:].max(1), depth[:, 2:, 1].max(1)),
        "finger and finger": depth[:, 2:, 2:].max((1, 2)),
        "thumb or finger and palm": depth[:, :, 0].max(1),
        "any": depth.max((1, 2)),
    }
    rows = [[name, *(f"{100 * (d > mm).mean():.1f} %" for mm in OVERLAPS_MM)] for name, d in kinds.items()]
    return markdown(["skin of", *(f"deeper than {mm} mm" for mm in OVERLAPS_MM)], rows)


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table's lines."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def write_between(path: Path, mark: str, lines: list[str]) -> None:
    """Replace what stands in a document between `<!-- mark -->` and `<!-- /mark -->`."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(f"<!-- {mark} -->")
    _, after = rest.split(f"<!-- /{mark} -->")
    body = "\n".join(lines)
    path.write_text(f"{before}<!-- {mark} -->\n{body}\n<!-- /{mark} -->{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="labelled sets (default: %(default)s)"
    )
    parser.add_argument("--write", type=Path, help="document to write the tables into, docs/hand_model.md")
    args = parser.parse_args()
    model, rng = load_hand_model(), np.random.default_rng(0)
    ours = bone_lengths(model, rng, HANDS)
    tables = {"bones": bone_table(ours, args.data), "overlaps": overlap_table(model, rng, OVERLAP_HANDS, None)}
    if (args.data / "metric_references").exists():
        tables["straight"] = straight_table(ours, args.data / "metric_references")
    for mark, lines in tables.items():
        print("\n".join(lines), end="\n\n")
        if args.write:
            write_between(args.write, mark, lines)


if __name__ == "__main__":
    main()
