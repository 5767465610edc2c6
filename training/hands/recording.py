"""A short recording of a moving hand as an RGB-D camera films it, with ground truth, as a frames folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.types import PinholeCamera, RgbdFrame
from training.hands.appearance import load_skins
from training.hands.depth import measure
from training.hands.model import (
    Array,
    HandModel,
    HandShape,
    joint_positions,
    load_hand_model,
    pose_bones,
    sample_shapes,
)
from training.hands.pictures import shade_hand
from training.hands.poses import bone_turns
from training.hands.samples import render_depth, seed_numba
from training.hands.scene import posed_surface

WIDTH, HEIGHT = 640, 480
TAN_HALF = 0.53  # a 56° lens
FOCAL = WIDTH / 2 / TAN_HALF
CAMERA = PinholeCamera(FOCAL, FOCAL, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5, WIDTH, HEIGHT)
WALL_M = 1.3
#: Closing of index, middle, ring, little; thumb angles as in poses.THUMB_LOW; a key pose every half second.
KEY_POSES = (
    ((0.0, 0.0, 0.0, 0.0), (0, 20, 0, 0, 0)),  # open
    ((0.3, 0.3, 0.3, 0.3), (10, 10, 5, 10, 15)),  # relaxed
    ((1.0, 1.0, 1.0, 1.0), (30, 5, 20, 40, 45)),  # fist
    ((0.0, 1.0, 1.0, 1.0), (30, 5, 20, 40, 45)),  # pointing
    ((0.0, 0.0, 1.0, 1.0), (30, 5, 20, 40, 45)),  # two
    ((0.45, 0.1, 0.1, 0.15), (28, 12, 22, 25, 30)),  # towards a pinch
    ((0.0, 0.0, 0.0, 0.0), (0, 20, 0, 0, 0)),
)


def record(folder: Path, frames: int = 60, seed: int = 11, skins: Path | None = None) -> None:
    """Film `frames` at 30 Hz of a right hand opening, closing and pointing while it turns and moves, into `folder`."""
    pictures, joints = zip(*film(frames, seed, skins), strict=True)
    names = [f"{i:04d}" for i in range(frames)]
    write_folder(folder, names, pictures, joints_m=np.stack(joints), side=["right"] * frames, jpeg_quality=88)


def film(frames: int, seed: int, skins: Path | None) -> Iterator[tuple[RgbdFrame, Array]]:
    """Frames of one hand and its joints (21, 3) in the camera's frame."""
    model = load_hand_model()
    shape = sample_shapes(model, np.random.default_rng(seed), 1)
    textures, uv = load_skins(skins, model.uv)
    wall = _wall(np.random.default_rng(seed))
    for i, (flexion, thumb, turn, place) in enumerate(motion(frames)):
        points, joints = _pose(model, shape, flexion, thumb, turn, place, seed)
        # the same seed in every frame: light, sleeve and skin stay as they are, only the sensor's noise changes
        picture, _ = shade_hand(model, points, TAN_HALF, wall, textures[0], uv, 3, np.random.default_rng(seed))
        picture = cv2.resize(picture, (WIDTH, WIDTH), interpolation=cv2.INTER_AREA)
        noise = np.random.default_rng([seed, i]).normal(0, 2.0, picture.shape)
        rgb = (picture + noise).clip(0, 255).astype(np.uint8)
        true = np.minimum(render_depth(points, model.faces, TAN_HALF, WIDTH), WALL_M)
        seed_numba(seed + i)
        depth = np.empty_like(true)
        measure(true, np.array([0.0006, 0.002, 0.6, 0.3, 0.0005, 0.0]), depth)
        rows = slice((WIDTH - HEIGHT) // 2, (WIDTH + HEIGHT) // 2)
        yield RgbdFrame(CAMERA, np.ascontiguousarray(rgb[rows]), np.ascontiguousarray(depth[rows])), joints


def motion(frames: int) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Per frame: flexion (4, 3) and thumb (5,) in degrees, the hand's rotation (3, 3) and place (3,) in metres."""
    key_times = np.linspace(0, 1, len(KEY_POSES))
    curl = CubicSpline(key_times, [c for c, _ in KEY_POSES], bc_type="clamped")
    thumb = CubicSpline(key_times, [t for _, t in KEY_POSES], bc_type="clamped")
    up = np.array([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])  # fingers up, palm to the camera
    tilts = Rotation.from_euler(
        "yxz", [(0, 0, 0), (30, 10, 10), (-25, -10, -15), (20, 15, 20), (0, 0, 0)], degrees=True
    )
    turns = RotationSpline(np.linspace(0, 1, 5), tilts)
    for time in np.linspace(0, 1, frames):
        closed = curl(time).clip(0, 1)
        flexion = np.stack([-5 + 85 * closed, 4 + 96 * closed, 3 + 60 * closed], axis=1)
        place = [
            0.07 * np.sin(2 * np.pi * time),
            0.02 * np.sin(4 * np.pi * time),
            0.52 + 0.06 * np.cos(2 * np.pi * time),
        ]
        yield flexion, thumb(time), turns(time).as_matrix() @ up, np.array(place)


def _pose(
    model: HandModel, shape: HandShape, flexion: Array, thumb: Array, turn: Array, place: Array, seed: int
) -> tuple[Array, Array]:
    turns = bone_turns(
        model, flexion[None], np.array([[6.0, 1, -4, -9]]) * (1 - flexion[None, :, 0] / 100), thumb[None]
    )
    maps, positions = pose_bones(shape, turns)
    joints = joint_positions(model, shape, maps, positions)[0]
    surface, _ = posed_surface(model, shape, maps, positions, np.random.default_rng(seed))
    middle = joints.mean(0)
    return (surface[0].astype(np.float64) - middle) @ turn.T + place, (joints - middle) @ turn.T + place


def _wall(rng: np.random.Generator) -> Array:
    """A softly lit wall with a shelf, twice the picture's size."""
    size = 2 * WIDTH
    light = cv2.resize(rng.uniform(0.75, 1.05, (4, 4)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    wall: Array = np.array([168.0, 172.0, 165.0], dtype=np.float64) * light[..., None]
    wall[int(0.72 * size) : int(0.74 * size)] *= 0.6
    for left in range(60, size - 120, 170):
        height = int(rng.uniform(0.10, 0.22) * size)
        width = int(rng.uniform(50, 140))
        wall[int(0.72 * size) - height : int(0.72 * size), left : left + width] *= rng.uniform(0.3, 1.1, 3)
    return wall.clip(0, 255).astype(np.uint8)
