"""Hands placed before a camera that looks at them: posed, turned, with a forearm, seen off-centre as a detector does.

Everything is in the crop frame of docs/architecture.md: z forward through the crop's centre (0, 0, distance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from training.hands.model import (
    FOREARM_LENGTH,
    FOREARM_RINGS,
    Array,
    HandModel,
    HandShape,
    joint_positions,
    pose_bones,
    sample_shapes,
)
from training.hands.poses import sample_turns
from training.hands.raster import skin

CROP_SIZE_M = 0.26


@dataclass(frozen=True)
class Scenes:
    """`B` scenes with one right hand each.

    vertices: (B, V, 3) skin and forearm. joints: (B, 21, 3). Both metres, crop frame, camera at the origin.
    distance: (B,) metres to the crop's centre. palm: (B, 3) unit vector out of the palm.
    sleeve: (B,) ring of the forearm where a sleeve begins, FOREARM_RINGS for none.
    """

    vertices: Array
    joints: Array
    distance: Array
    palm: Array
    sleeve: Array


def sample_scenes(model: HandModel, rng: np.random.Generator, batch: int, facing: float = 0.5) -> Scenes:
    """Draw `batch` scenes: shape, pose, viewpoint (a share `facing` held up to the camera, the others from anywhere),
    distance (0.22 to 1.4 m) and the crop's error."""
    shape = sample_shapes(model, rng, batch)
    maps, positions = pose_bones(shape, sample_turns(model, rng, batch))
    joints = joint_positions(model, shape, maps, positions)
    vertices, sleeve = posed_surface(model, shape, maps, positions, rng)

    turn = sample_viewpoints(rng, batch, facing)
    distance = 0.22 + 1.18 * rng.beta(1.1, 2.2, batch)
    # most crops are off by a few centimetres; one in five slid down the forearm, as a blob's centre does
    error = rng.normal(0, 0.013, (batch, 3))
    slid = rng.random(batch) < 0.2
    arm = -turn[:, :, 1]
    error += (slid * rng.uniform(0, 0.06, batch))[:, None] * arm
    middle = joints.mean(1, keepdims=True)
    centre = np.zeros((batch, 1, 3))
    centre[:, 0, 2] = distance
    centre -= error[:, None]
    vertices, joints = ((p - middle) @ turn.transpose(0, 2, 1) + centre for p in (vertices, joints))
    return Scenes(vertices, joints, distance, -turn[:, :, 2], sleeve)


def sample_viewpoints(rng: np.random.Generator, batch: int, facing: float) -> Array:
    """Rotations (B, 3, 3) from the hand to the crop frame: a share held up to the camera, the others from anywhere."""
    anywhere = Rotation.random(batch, rng=rng).as_matrix()
    # fingers up in the picture (-y), the palm or the back of the hand towards the camera (-z)
    palm = np.array([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])
    back = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    front = np.where((rng.random(batch) < 0.6)[:, None, None], palm, back)
    tilt = Rotation.from_rotvec(rng.normal(0, 0.55, (batch, 3))).as_matrix()
    roll = Rotation.from_rotvec(rng.normal(0, 0.8, (batch, 1)) * [0.0, 0.0, 1.0]).as_matrix()
    return np.where((rng.random(batch) < facing)[:, None, None], roll @ tilt @ front, anywhere)


def posed_surface(
    model: HandModel, shape: HandShape, maps: Array, positions: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Posed skin with forearm (B, V, 3) in the hand frame, and the ring where the sleeve begins (B,)."""
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
    bend = np.stack([rng.normal(0, 0.45, batch), np.zeros(batch), rng.normal(0, 0.25, batch)], 1)
    sleeve = np.where(rng.random(batch) < 0.5, rng.integers(1, FOREARM_RINGS, batch), FOREARM_RINGS)
    cuff = rng.uniform(1.15, 1.7, batch)
    thick = rng.uniform(1.2, 1.75, batch)  # how much wider the arm is at its end than at the wrist
    step = FOREARM_LENGTH / FOREARM_RINGS * shape.size[:, None, None]
    centre = middle
    for k in range(FOREARM_RINGS):
        turn = Rotation.from_rotvec(bend * min(1.0, (k + 1) / 2)).as_matrix()
        centre = centre + step * (turn @ np.array([0.0, -1.0, 0.0]))[:, None]
        wide = (1 + (thick - 1) * (k + 1) / FOREARM_RINGS) * np.where(k >= sleeve, cuff, 1.0)
        start = count + ring_size * k
        ring = (rim - middle) @ turn.transpose(0, 2, 1) * wide[:, None, None]
        surface[:, start : start + ring_size] = centre + ring
    return surface, sleeve
