"""Scenes drawn by chance: a hand before a camera that looks at it, off-centre as a detector does, and all beside it.

Sampling is apart from rendering: `Scenes` holds everything that is random about a picture but the noise of its pixels,
as plain arrays, and what renders it draws nothing anew. Everything is in the crop frame of docs/architecture.md: z
forward through the crop's centre (0, 0, distance).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from training.hands.depth import sample_sensors
from training.hands.model import (
    FOREARM_LENGTH,
    FOREARM_RINGS,
    Array,
    HandModel,
    HandShape,
    joint_positions,
    pose_bones,
)
from training.hands.pose_bank import load_pose_bank
from training.hands.poses import sample_poses
from training.hands.raster import skin
from training.hands.shapes import ShapeParameters, make_shapes, sample_parameters
from training.hands.things import Things, put_instead, sample_things
from training.hands.turns import axis_rotation, bone_turns

CROP_SIZE_M = 0.26
HALF = CROP_SIZE_M / 2
#: Degrees of the wrist: extension to flexion, radial to ulnar deviation (American Academy of Orthopaedic Surgeons).
WRIST_BEND = (-70, 80)
WRIST_SWAY = (-20, 30)
AXES = dict(zip("xyz", np.eye(3), strict=True))


@dataclass(frozen=True)
class SceneSettings:
    """What may vary in scenes; each switch turned off makes one part of them plain, to measure what it is worth.

    facing: share of hands held up to the camera; mirrored, empty: of left hands and of pictures without a hand.
    textures: photographed skins, creases, nails, cloth and photo backgrounds, or plain colours. lights: two lights
    with shadows and any colour, or one white one. depth_noise: a depth camera's faults. occluders: things held and in
    the way. poses: folder of a bank of real poses (see pose_bank.py), None for sampled ones alone.
    """

    facing: float = 0.5
    mirrored: float = 0.25
    empty: float = 0.1
    textures: bool = True
    lights: bool = True
    depth_noise: bool = True
    occluders: bool = True
    poses: Path | None = None


@dataclass(frozen=True)
class Arm:
    """The forearm behind the wrist. bend: (B, 3) rotation vector at the wrist, hand frame. thick: (B,) how much wider
    the arm is at its end than at the wrist. sleeve: (B,) ring where a sleeve begins, FOREARM_RINGS for none. cuff: (B,)
    how much wider the sleeve is than the arm. folds: (B, rings, rim) its folds, 1 for none."""

    bend: Array
    thick: Array
    sleeve: Array
    cuff: Array
    folds: Array


@dataclass(frozen=True)
class Scenes:
    """`B` scenes with one right hand each; scenes of left hands are to be mirrored once they are rendered.

    parameters: what the hand is made from. shape: the hand at rest. angles: (B, 21) degrees, as turns.py orders them;
    turns, maps, positions: of its bones, as `bone_turns` and `pose_bones` give them, in the hand frame. arm:
    the forearm. turn: (B, 3, 3), shift: (B, 3), hand frame to crop frame, p @ turn.T + shift. joints: (B, 21, 3)
    metres, crop frame. distance: (B,) metres to the crop's centre. palm: (B, 3) unit vector out of the palm. things:
    what stands beside the hand. sensors: (B,) of depth.SENSOR. border: (B, 4) left, top, right, bottom edge of the
    camera's picture in units of x/z and y/z, infinite where the crop does not reach it. right, present, arm_only: (B,)
    bool; where no hand is present there is at most its forearm, and often a thing in its place. seed: (B,) of the noise
    of its pixels.
    """

    parameters: ShapeParameters
    shape: HandShape
    angles: Array
    turns: Array
    maps: Array
    positions: Array
    arm: Arm
    turn: Array
    shift: Array
    joints: Array
    distance: Array
    palm: Array
    things: Things
    sensors: Array
    border: Array
    right: Array
    present: Array
    arm_only: Array
    seed: Array


def sample_scenes(
    model: HandModel, rng: np.random.Generator, batch: int, settings: SceneSettings | None = None
) -> Scenes:
    """Draw `batch` scenes: shape, pose, viewpoint, distance (0.2 to 1.5 m), the crop's error, surroundings, sensor."""
    settings = settings or SceneSettings()
    parameters = sample_parameters(model, rng, batch)
    shape = make_shapes(model, parameters)
    angles = sample_poses(model, shape, rng, load_pose_bank(settings.poses))
    turns = bone_turns(model, angles)
    maps, positions = pose_bones(shape, turns)
    joints = joint_positions(model, shape, maps, positions)
    arm = sample_arms(rng, batch, len(model.rim))

    turn = sample_viewpoints(rng, batch, settings.facing)
    distance = 0.2 + 1.3 * rng.beta(1.1, 2.4, batch)
    # most crops are off by a few centimetres; one in five slid down the forearm, as a blob's centre does
    error = rng.normal(0, 0.013, (batch, 3))
    slid = rng.random(batch) < 0.2
    error -= (slid * rng.uniform(0, 0.06, batch))[:, None] * turn[:, :, 1]
    shift = -(turn @ joints.mean(1)[..., None])[..., 0] - error
    shift[:, 2] += distance
    joints = joints @ turn.transpose(0, 2, 1) + shift[:, None]
    palm = -turn[:, :, 2]
    things = sample_things(rng, joints, palm, distance, settings.occluders)
    sensors = sample_sensors(rng, distance, settings.depth_noise)
    border = sample_borders(rng, distance)
    right, present = rng.random(batch) >= settings.mirrored, rng.random(batch) >= settings.empty
    arm_only = rng.random(batch) < 0.3
    if settings.occluders:
        # chance of its own: what is drawn after this does not hang on how many scenes are empty
        things = put_instead(rng.spawn(1)[0], things, distance, ~present)
    return Scenes(
        parameters, shape, angles, turns, maps, positions, arm, turn, shift, joints, distance, palm, things, sensors,
        border, right, present, arm_only, rng.integers(2**31, size=batch),
    )  # fmt: skip


def sample_viewpoints(rng: np.random.Generator, batch: int, facing: float) -> Array:
    """Rotations (B, 3, 3) from the hand to the crop frame.

    A share `facing` is held up to the camera; of the others two fifths are seen as from the head they belong to, a
    fourth lie on a table before the camera, the rest is seen from anywhere.
    """
    # columns are where the little finger's side, the fingers and the back of the hand point
    palm = np.array([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])  # fingers up in the picture, palm to the camera
    back = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    front = np.where((rng.random(batch) < 0.6)[:, None, None], palm, back)
    tilt = Rotation.from_rotvec(rng.normal(0, 0.55, (batch, 3))).as_matrix()
    roll = Rotation.from_rotvec(rng.normal(0, 0.8, (batch, 1)) * [0.0, 0.0, 1.0]).as_matrix()
    held_up = roll @ tilt @ front

    # one's own hand: fingers forward and up, the back up and towards the eyes, turned about the forearm
    own = axis_rotation(AXES["x"], np.radians(rng.uniform(-80, -10, batch))) @ back
    own = tilt @ own @ axis_rotation(AXES["y"], np.radians(rng.normal(20, 50, batch)))

    # seen from above at a slant; the hand points anywhere, more often with its back up
    flat = axis_rotation(AXES["z"], np.radians(rng.uniform(0, 360, batch)))
    over = np.where((rng.random(batch) < 0.7)[:, None, None], back, palm)
    slant = axis_rotation(AXES["x"], np.radians(rng.uniform(-70, 0, batch)))
    low = Rotation.from_rotvec(rng.normal(0, 0.25, (batch, 3))).as_matrix()
    table = slant @ flat @ low @ over

    anywhere = Rotation.random(batch, rng=rng).as_matrix()
    kind = rng.random(batch)
    shares = facing + (1 - facing) * np.cumsum([0.4, 0.25])
    return np.where(
        (kind < facing)[:, None, None], held_up,
        np.where((kind < shares[0])[:, None, None], own, np.where((kind < shares[1])[:, None, None], table, anywhere)),
    )  # fmt: skip


def sample_borders(rng: np.random.Generator, distance: Array) -> Array:
    """Edges of the camera's picture (B, 4) as in `Scenes`: one crop in nine reaches over one of them."""
    batch = len(distance)
    border = np.full((batch, 4), np.inf) * [-1, -1, 1, 1]
    edge = rng.integers(4, size=batch)
    cut = rng.uniform(0.25, 1.0, batch) * HALF / distance * np.where(edge < 2, -1, 1)
    reached = np.flatnonzero(rng.random(batch) < 1 / 9)
    border[reached, edge[reached]] = cut[reached]
    return border


def sample_arms(rng: np.random.Generator, batch: int, rim: int) -> Arm:
    """Forearms bent at the wrist, half of them in sleeves."""
    bend = np.zeros((batch, 3))
    bend[:, 0] = np.radians(np.clip(rng.normal(0, 26, batch), *WRIST_BEND))
    bend[:, 2] = np.radians(np.clip(rng.normal(4, 13, batch), *WRIST_SWAY))
    sleeve = np.where(rng.random(batch) < 0.5, rng.integers(1, FOREARM_RINGS, batch), FOREARM_RINGS)
    folds = 1 + rng.normal(0, 1, (batch, FOREARM_RINGS, rim)) * rng.uniform(0, 0.07, (batch, 1, 1))
    return Arm(bend, rng.uniform(1.2, 1.75, batch), sleeve, rng.uniform(1.1, 1.6, batch), folds)


def surfaces(model: HandModel, scenes: Scenes) -> Array:
    """Skin and forearm (B, V, 3) of the scenes' hands in the crop frame."""
    own = posed_surface(model, scenes.shape, scenes.maps, scenes.positions, scenes.arm)
    turn = scenes.turn.transpose(0, 2, 1).astype(np.float32)
    return own @ turn + scenes.shift[:, None].astype(np.float32)


def posed_surface(model: HandModel, shape: HandShape, maps: Array, positions: Array, arm: Arm) -> Array:
    """Posed skin with forearm (B, V, 3) in the hand frame."""
    batch, count = shape.vertices.shape[:2]
    ring_size = len(model.rim)
    surface = np.empty((batch, count + ring_size * FOREARM_RINGS, 3), dtype=np.float32)
    for i in range(batch):
        skin(
            shape.vertices[i], shape.heads[i], maps[i], positions[i],
            model.weight_bones[:count], model.weight_values[:count], surface[i, :count],
        )  # fmt: skip
    rim = surface[:, model.rim].astype(np.float64)
    middle = rim.mean(1, keepdims=True)
    step = FOREARM_LENGTH / FOREARM_RINGS * shape.size[:, None, None]
    centre = middle
    half_turn, full_turn = (Rotation.from_rotvec(arm.bend * share).as_matrix() for share in (0.5, 1.0))
    for k in range(FOREARM_RINGS):
        turn = half_turn if k == 0 else full_turn
        centre = centre + step * (turn @ np.array([0.0, -1.0, 0.0]))[:, None]
        wide = (1 + (arm.thick - 1) * (k + 1) / FOREARM_RINGS)[:, None] * np.where(
            (k >= arm.sleeve)[:, None], arm.cuff[:, None] * arm.folds[:, k], 1.0
        )
        start = count + ring_size * k
        ring = (rim - middle) @ turn.transpose(0, 2, 1) * wide[..., None]
        surface[:, start : start + ring_size] = centre + ring
    return surface
