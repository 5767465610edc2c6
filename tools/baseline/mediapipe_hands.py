"""MediaPipe Hands over a frames folder, made 3D as it is done today. Runs in an environment of its own.

    python tools/baseline/mediapipe_hands.py FOLDER -o predictions.npz [--complexity 0|1] [--tracking] [--skin M]

With depth, each landmark takes the depth at its pixel ("lift"), `--skin` metres added along its ray, since landmarks
lie on the skin and joints under it; without, the world landmarks are placed by PnP. The predictions have the arrays
that `hand-pose estimate` writes, the covariances being NaN, since MediaPipe has none; and `cpu_ms`, of all its threads.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

JOINTS = 21
#: Around a landmark the nearest measured pixel within this many is taken; beyond, the hand's median depth.
REACH_PX = 5


def main() -> None:
    import mediapipe  # here, so that the geometry can be tested where MediaPipe is not

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--complexity", type=int, choices=(0, 1), default=1, help="0: lite, 1: full")
    parser.add_argument("--tracking", action="store_true", help="the frames are a film: detect only when lost")
    parser.add_argument("--skin", type=float, default=0.0, help="metres from the skin to the joint, along the ray")
    parser.add_argument("--rounds", type=int, default=1, help="how often the folder is gone through, for the latency")
    arguments = parser.parse_args()
    with np.load(arguments.folder / "labels.npz") as labels:
        names, cameras = [str(name) for name in labels["frame"]], labels["camera"]
    frames = [(*read(arguments.folder, name), camera) for name, camera in zip(names, cameras, strict=True)]
    hands = mediapipe.solutions.hands.Hands(
        static_image_mode=not arguments.tracking, max_num_hands=1, model_complexity=arguments.complexity
    )
    results: list[tuple] = []
    latency, cpu = (np.full((arguments.rounds, len(frames)), np.nan) for _ in range(2))
    for k in range(arguments.rounds):
        results = []
        for i, (rgb, depth_m, camera) in enumerate(frames):
            started, busy = time.perf_counter(), time.process_time()
            results.append(estimate(hands, rgb, depth_m, camera, arguments.skin))
            latency[k, i], cpu[k, i] = 1e3 * (time.perf_counter() - started), 1e3 * (time.process_time() - busy)
    joints = np.stack([joints for joints, _, _ in results])
    np.savez_compressed(
        arguments.output,
        frame=np.array(names),
        joints_m=joints,
        joint_cov_m2=np.full((len(names), JOINTS, 3, 3), np.nan),
        side=np.array([side for _, side, _ in results]),
        confidence=np.array([score for _, _, score in results]),
        latency_ms=latency[-1],
        cpu_ms=cpu[-1],
    )


def read(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The colour picture, red first, and the depth in metres, None where there is none."""
    (path,) = [folder / f"{name}_rgb.{kind}" for kind in ("jpg", "png") if (folder / f"{name}_rgb.{kind}").exists()]
    rgb = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR))[..., ::-1].copy()
    depth = folder / f"{name}_depth.png"
    return rgb, np.asarray(cv2.imread(str(depth), cv2.IMREAD_UNCHANGED)) / 1000.0 if depth.exists() else None


def estimate(
    hands: Any, rgb: np.ndarray, depth_m: np.ndarray | None, camera: np.ndarray, skin_m: float
) -> tuple[np.ndarray, str, float]:
    """Joints (21, 3) in the camera's frame, NaN where no hand was found; the side, '' for none; the score."""
    found = hands.process(rgb)
    if not found.multi_hand_landmarks:
        return np.full((JOINTS, 3), np.nan), "", 0.0
    height, width = rgb.shape[:2]
    flat = np.array([(p.x * width, p.y * height) for p in found.multi_hand_landmarks[0].landmark])
    label = found.multi_handedness[0].classification[0]
    # MediaPipe takes pictures for mirrored, as a selfie is
    side = "left" if label.label == "Right" else "right"
    if depth_m is None:
        world = np.array([(p.x, p.y, p.z) for p in found.multi_hand_world_landmarks[0].landmark])
        return place(world, flat, camera), side, float(label.score)
    return lift(flat, depth_m, camera, skin_m), side, float(label.score)


def lift(flat: np.ndarray, depth_m: np.ndarray, camera: np.ndarray, skin_m: float) -> np.ndarray:
    """Each landmark (21, 2) in pixels at the depth that is measured there, `skin_m` farther along its ray."""
    height, width = depth_m.shape
    z = np.full(JOINTS, np.nan)
    for j, (u, v) in enumerate(np.round(flat).astype(int)):
        u0, v0 = max(u - REACH_PX, 0), max(v - REACH_PX, 0)
        near = depth_m[v0 : min(v + REACH_PX + 1, height), u0 : min(u + REACH_PX + 1, width)]
        rows, columns = np.nonzero(near > 0)
        if len(rows):
            nearest = np.argmin((rows + v0 - v) ** 2 + (columns + u0 - u) ** 2)
            z[j] = near[rows[nearest], columns[nearest]]
    z = np.where(np.isnan(z), np.nanmedian(z), z)
    fx, fy, cx, cy = camera
    rays = np.column_stack([(flat[:, 0] - cx) / fx, (flat[:, 1] - cy) / fy, np.ones(JOINTS)])
    return rays * z[:, None] + skin_m * rays / np.linalg.norm(rays, axis=1, keepdims=True)


def place(world: np.ndarray, flat: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """World landmarks (21, 3) in metres turned and moved to where the camera sees them at `flat` (21, 2)."""
    fx, fy, cx, cy = camera
    intrinsics = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    _, turn, shift = cv2.solvePnP(world, flat, intrinsics, None, flags=cv2.SOLVEPNP_SQPNP)
    return world @ cv2.Rodrigues(turn)[0].T + shift.ravel()


if __name__ == "__main__":
    main()
