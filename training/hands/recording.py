"""A short recording of a moving hand as an RGB-D camera films it, with ground truth, as a frames folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.types import PinholeCamera, RgbdFrame
from training.hands.appearance import LINEAR, through_lens
from training.hands.capsules import measure_capsules
from training.hands.depth import measure, perfect_sensors
from training.hands.look import sample_looks
from training.hands.model import Array, HandModel, joint_positions, pose_bones
from training.hands.motion import random_sequence
from training.hands.pictures import Studio
from training.hands.scene import Scenes, SceneSettings, sample_scenes, surfaces
from training.hands.stage import crop_stage, view
from training.hands.turns import bone_turns

WIDTH, HEIGHT = 640, 480
TAN_HALF = 0.53  # a 56° lens
FOCAL = WIDTH / 2 / TAN_HALF
CAMERA = PinholeCamera(FOCAL, FOCAL, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5, WIDTH, HEIGHT)
LENS = (FOCAL, FOCAL, CAMERA.cx, CAMERA.cy)
WALL_M = 1.3
#: Closing of index, middle, ring, little; the thumb's angles as in turns.py; a key pose every half second.
KEY_POSES = (
    ((0.0, 0.0, 0.0, 0.0), (0, 20, 0, 0, 0)),  # open
    ((0.3, 0.3, 0.3, 0.3), (10, 10, 5, 10, 15)),  # relaxed
    ((1.0, 1.0, 1.0, 1.0), (30, 5, 20, 40, 45)),  # fist
    ((0.0, 1.0, 1.0, 1.0), (30, 5, 20, 40, 45)),  # pointing
    ((0.0, 0.0, 1.0, 1.0), (30, 5, 20, 40, 45)),  # two
    ((0.45, 0.1, 0.1, 0.15), (28, 12, 22, 25, 30)),  # towards a pinch
    ((0.0, 0.0, 0.0, 0.0), (0, 20, 0, 0, 0)),
)


@dataclass(frozen=True)
class Film:
    """What is filmed: `frames` at 30 Hz of a right hand opening, closing and pointing while it turns and moves.

    seed: of shape, light and noise. skins: a folder of skin textures; without one the skin is procedural. still_at: 0
    to 1, the moment of this motion at which the hand keeps still all the time. gestures: its fingers wander through
    random gestures instead.
    """

    frames: int = 60
    seed: int = 11
    skins: Path | None = None
    still_at: float | None = None
    gestures: bool = False

    def shoot(self) -> Iterator[tuple[RgbdFrame, Array]]:
        """Frames of the hand and its joints (21, 3) in the camera's frame."""
        studio = Studio(self.skins, None)
        rng = np.random.default_rng(self.seed)
        plain = SceneSettings(mirrored=0, empty=0, depth_noise=False, occluders=False)
        still = alone(replace(sample_scenes(studio.model, rng, 1, plain), seed=np.array([self.seed])))
        look, sensor = plain_look(rng), plain_sensor()
        wall = LINEAR[_wall(rng)]
        moments = list(motion(self.frames, self.still_at))
        poses = np.array([_angles(flexion, thumb) for flexion, thumb, *_ in moments])
        if self.gestures:
            capsules = measure_capsules(studio.model, still.shape)
            poses = random_sequence(studio.model, capsules, np.random.default_rng([self.seed, 1]), self.frames)
        for i, (angles, (*_, turn, place)) in enumerate(zip(poses, moments, strict=True)):
            scene = _moved(studio.model, still, angles, turn, place)
            vertices = surfaces(studio.model, scene)[0]
            # light, sleeve and skin stay as they are, only the sensors' noise changes
            stage = crop_stage(studio.model, scene, vertices, 0)
            rgb = through_lens(studio.light(stage, look, wall, LENS), look, self.seed + i)
            true = view(studio.model, stage, LENS, (HEIGHT, WIDTH))
            depth = np.empty_like(true.depth)
            measure(np.minimum(true.depth, np.float32(WALL_M)), true.part, sensor, LENS, self.seed + i, depth)
            yield RgbdFrame(CAMERA, rgb, depth), scene.joints[0]


def record(folder: Path, film: Film) -> None:
    """Write `film` with its ground truth as the frames folder `folder`."""
    pictures, joints = zip(*film.shoot(), strict=True)
    names = [f"{i:04d}" for i in range(film.frames)]
    write_folder(folder, names, pictures, joints_m=np.stack(joints), side=["right"] * film.frames, jpeg_quality=88)


def alone(scenes: Scenes) -> Scenes:
    """The scenes without anything beside the hand."""
    things = scenes.things
    far = np.full_like(things.planes, np.inf)
    return replace(
        scenes, things=replace(things, planes=far, kind=np.zeros_like(things.kind)), border=far * [-1, -1, 1, 1]
    )


def plain_sensor() -> Array:
    """A good stereo camera: one of depth.SENSOR."""
    sensor = perfect_sensors(1)
    values = {"focal": FOCAL, "sigma": 0.0006, "lumpy": 0.5, "step": 0.002, "fray": 0.6, "edge_hole": 0.3}
    for name, value in values.items():
        sensor[name] = value
    return sensor[0]


def plain_look(rng: np.random.Generator) -> Array:
    """One look of LOOK: a fair skin in daylight before a good camera."""
    look = sample_looks(rng, 1)
    look["texture"], look["tone"], look["exposure"], look["balance"] = 0.25, [0.55, 0.33, 0.24], 1, 1
    look["blur"], look["motion"], look["jpeg"], look["grain"], look["saturation"], look["gamma"] = 0, 0, 0, [1, 1], 1, 1
    return look[0]


def motion(frames: int, still_at: float | None = None) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Per frame: flexion (4, 3) and thumb (5,) in degrees, the hand's rotation (3, 3) and place (3,) in metres."""
    key_times = np.linspace(0, 1, len(KEY_POSES))
    curl = CubicSpline(key_times, [c for c, _ in KEY_POSES], bc_type="clamped")
    thumb = CubicSpline(key_times, [t for _, t in KEY_POSES], bc_type="clamped")
    up = np.array([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])  # fingers up, palm to the camera
    tilts = Rotation.from_euler(
        "yxz", [(0, 0, 0), (30, 10, 10), (-25, -10, -15), (20, 15, 20), (0, 0, 0)], degrees=True
    )
    turns = RotationSpline(np.linspace(0, 1, 5), tilts)
    for time in np.linspace(0, 1, frames) if still_at is None else np.full(frames, still_at):
        closed = curl(time).clip(0, 1)
        flexion = np.stack([-5 + 85 * closed, 4 + 96 * closed, 3 + 60 * closed], axis=1)
        place = [
            0.07 * np.sin(2 * np.pi * time),
            0.02 * np.sin(4 * np.pi * time),
            0.52 + 0.06 * np.cos(2 * np.pi * time),
        ]
        yield flexion, thumb(time), turns(time).as_matrix() @ up, np.array(place)


def _angles(flexion: Array, thumb: Array) -> Array:
    """A pose (21,) of fingers as `motion` gives them; the more they are bent the less they are spread."""
    spread = np.array([6.0, 1, -4, -9]) * (1 - flexion[:, 0] / 100)
    return np.concatenate([flexion.ravel(), spread, thumb])


def _moved(model: HandModel, still: Scenes, pose: Array, turn: Array, place: Array) -> Scenes:
    """The scene of one hand with its pose (21,), rotation and the place of its joints' mean."""
    angles = pose[None]
    turns = bone_turns(model, angles)
    maps, positions = pose_bones(still.shape, turns)
    joints = joint_positions(model, still.shape, maps, positions)
    shift = place - joints[0].mean(0) @ turn.T
    return replace(
        still, angles=angles, turns=turns, maps=maps, positions=positions, turn=turn[None], shift=shift[None],
        joints=joints @ turn.T + shift, distance=place[2:], palm=-turn[None, :, 2],
    )  # fmt: skip


def _wall(rng: np.random.Generator) -> Array:
    """A softly lit wall with a shelf (HEIGHT, WIDTH, 3) uint8."""
    light = cv2.resize(
        rng.uniform(0.75, 1.05, (4, 4)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    wall: Array = np.array([168.0, 172.0, 165.0], dtype=np.float64) * light[..., None]
    shelf = int(0.8 * HEIGHT)
    wall[shelf : shelf + 13] *= 0.6
    for left in range(30, WIDTH - 60, 85):
        height, width = int(rng.uniform(0.13, 0.29) * HEIGHT), int(rng.uniform(25, 70))
        wall[shelf - height : shelf, left : left + width] *= rng.uniform(0.3, 1.1, 3)
    return wall.clip(0, 255).astype(np.uint8)
