"""`python -m training.hands.differences`: how the joints of labelled sets lie beside ours, and a picture of ours.

A hand of ours (pose, size of the palm and of the fingers) is laid over the labels of each picture; what remains, in the
median of the pictures and in the hand's frame, is the difference of the definitions.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from hand_pose_ros.skeleton import JOINT_NAMES
from training.hands.model import Array, HandModel, HandShape, joint_positions, load_hand_model, pose_bones
from training.hands.raster import crop_lens, render, vertex_normals
from training.hands.statistics import markdown, write_between
from training.hands.turns import HIGH, LOW, bone_turns

SETS = ("real_rgbd", "real_rgb")
PICTURES = 16
#: Degrees by which a pose may leave a relaxed hand before it costs as much as a millimetre.
LOOSE = 40.0


def mean_hand(model: HandModel, palm: float = 1.0, fingers: float = 1.0) -> HandShape:
    """The mean hand as it is, a batch of one, with lengths of palm and fingers times these."""
    skin = len(model.mean) - 21
    vertices, heads, tips = np.split(model.mean[None], [skin, skin + 16], axis=1)
    scales = fingers * np.broadcast_to(np.eye(3), (1, 16, 3, 3))
    scales[:, 0] = palm * np.eye(3)
    return HandShape(vertices, heads, tips, scales, np.ones(1))


def fit(model: HandModel, joints: Array) -> tuple[Array, Array]:
    """Our hand laid over right-hand joints (21, 3) in metres: what remains (21, 3) in mm in our hand's frame, and the
    fitted joints' distances (21,) in mm."""

    def place(x: Array) -> tuple[Array, Array]:
        shape = mean_hand(model, *np.exp(x[6:8]))
        ours = joint_positions(model, shape, *pose_bones(shape, bone_turns(model, x[None, 8:])))[0]
        turn = Rotation.from_rotvec(x[:3]).as_matrix()
        return ours @ turn.T + x[3:6], turn

    def residual(x: Array) -> Array:
        return np.concatenate([(place(x)[0] - joints).ravel() * 1000, (x[8:] - middle) / LOOSE])

    middle = np.array([30.0, 30, 18] * 4 + [0.0] * 4 + [10, 0, 5, 10, 15])
    start = np.concatenate([np.zeros(8), middle])
    rest, _ = place(start)
    palm = [0, 5, 9, 13, 17]
    turn, _ = Rotation.align_vectors(joints[palm] - joints[palm].mean(0), rest[palm] - rest[palm].mean(0))
    start[:3] = turn.as_rotvec()
    start[3:6] = joints[palm].mean(0) - turn.apply(rest[palm]).mean(0)
    free = np.full(8, np.inf)
    bounds = np.concatenate([-free, LOW]), np.concatenate([free, HIGH])
    steps = np.concatenate([np.full(8, 0.1), np.full(21, 10.0)])
    best = least_squares(residual, start, bounds=bounds, x_scale=steps, max_nfev=40).x
    fitted, turn = place(best)
    remains = (joints - fitted) * 1000
    return remains @ turn, np.linalg.norm(remains, axis=1)


def difference_table(model: HandModel, data: Path) -> list[str]:
    """Median of what remains, per joint: across (to the little finger), along (to the fingers), out of the back, mm."""
    head, columns = ["joint"], []
    for name in SETS:
        if not (data / name / "labels.npz").exists():
            continue
        with np.load(data / name / "labels.npz") as labels:
            joints, side = labels["joints_m"], labels["side"]
        joints = np.where((side == "left")[:, None, None], joints * [-1, 1, 1], joints)
        chosen = np.unique(np.linspace(0, len(joints) - 1, PICTURES).astype(int))
        remains, distance = zip(*(fit(model, joints[i]) for i in chosen), strict=True)
        offset = np.median(remains, axis=0)
        spread = np.linalg.norm(np.array(remains) - offset, axis=2).mean(0)
        head += [f"{name}: offset", "length", "fit", "fit with offset"]
        columns.append(
            [
                [f"{x:.0f}, {y:.0f}, {z:.0f}", f"{np.linalg.norm(o):.0f}", f"{d:.1f}", f"{s:.1f}"]
                for o, (x, y, z), d, s in zip(offset, offset, np.mean(distance, axis=0), spread, strict=True)
            ]
        )
    rows = [[joint, *(cell for column in columns for cell in column[i])] for i, joint in enumerate(JOINT_NAMES)]
    return markdown(head, rows)


def draw_joints(model: HandModel, size: int = 480) -> Array:
    """The open mean hand from its palm and its side (H, W, 3) BGR: our joints (filled) and the bone ends of the model
    that they were moved from (rings)."""
    pose = np.zeros((1, 21))
    pose[0, 12:16] = 6, 1, -5, -10
    shape = mean_hand(model)
    maps, positions = pose_bones(shape, bone_turns(model, pose))
    joints = joint_positions(model, shape, maps, positions)[0]
    count = shape.vertices.shape[1]
    relative = np.einsum("bij,vbj->vbi", maps[0], shape.vertices[0][:, None] - shape.heads[0][None]) + positions[0]
    weights = np.zeros((count, 16))
    np.put_along_axis(weights, model.weight_bones[:count].astype(np.int64), model.weight_values[:count], axis=1)
    vertices = (weights[..., None] * relative).sum(1)
    moved = joints - model.joint_offsets  # only the palm's joints were moved, and the palm is not turned
    faces = model.faces[: model.skin_faces]
    palm = np.diag([-1.0, -1.0, 1.0])
    views = [palm, Rotation.from_euler("y", 75, degrees=True).as_matrix() @ palm]
    pictures = []
    for view in views:
        shift = np.array([0, 0, 0.5]) - joints.mean(0) @ view.T
        seen = np.ascontiguousarray(vertices @ view.T + shift, dtype=np.float32)
        tan_half = 0.26
        _, face, bary = render(seen, faces, crop_lens(tan_half, size), (size, size))
        normals = np.empty_like(seen)
        vertex_normals(seen, faces, normals)
        bary = np.where((face >= 0)[..., None], bary, 0)
        weights_3 = np.dstack([bary, 1 - bary.sum(2)])
        light = np.abs((normals[faces[np.maximum(face, 0)]] * weights_3[..., None]).sum(2)[..., 2])
        light = np.where(face >= 0, light, 1)
        picture = np.where((face >= 0)[..., None], (110 + 120 * light)[..., None] * [0.82, 0.9, 1.0], 255)
        picture = np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))
        for points, colour, thick in ((moved, (200, 80, 0), 2), (joints, (0, 0, 220), -1)):
            p = points @ view.T + shift
            pixels = ((p[:, :2] / p[:, 2:] / tan_half + 1) / 2 * size).astype(int)
            for name, (x, y) in zip(JOINT_NAMES, pixels.tolist(), strict=True):
                cv2.circle(picture, (x, y), 6 if thick > 0 else 4, colour, thick, cv2.LINE_AA)
                if thick < 0 and view is palm:
                    cv2.putText(
                        picture, name, (x + 7, y + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (40, 40, 40), 1, cv2.LINE_AA
                    )
        pictures.append(picture)
    return np.concatenate(pictures, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="labelled sets (default: %(default)s)"
    )
    parser.add_argument("--write", type=Path, help="document to write the table into, docs/hand_model.md")
    parser.add_argument("--picture", type=Path, help="picture of the joints to write")
    args = parser.parse_args()
    model = load_hand_model()
    if args.picture:
        cv2.imwrite(str(args.picture), draw_joints(model))
    lines = difference_table(model, args.data)
    print("\n".join(lines))
    if args.write:
        write_between(args.write, "differences", lines)


if __name__ == "__main__":
    main()
