"""Torch poses and skins the hand as numpy and numba do."""

import numpy as np
import torch

from training.hands.model import HandModel, joint_positions, pose_bones
from training.hands.poses import sample_turns
from training.hands.raster import skin
from training.hands.shapes import sample_shapes
from training.hands.torch_model import TorchHand


def test_skin_and_joints_are_numbas_to_a_hundredth_of_a_millimetre(model: HandModel) -> None:
    rng = np.random.default_rng(0)
    shape = sample_shapes(model, rng, 6)
    turns = sample_turns(model, shape, rng)
    given = (shape.vertices, shape.heads, shape.tips, shape.scales, turns)
    vertices, joints = TorchHand(model)(*(torch.from_numpy(np.asarray(a, np.float32)) for a in given))
    maps, positions = pose_bones(shape, turns)
    count = vertices.shape[1]
    expected = np.empty((count, 3), np.float32)
    for i in range(6):
        skin(
            shape.vertices[i], shape.heads[i], maps[i], positions[i],
            model.weight_bones[:count], model.weight_values[:count], expected,
        )  # fmt: skip
        np.testing.assert_allclose(vertices[i].numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(joints.numpy(), joint_positions(model, shape, maps, positions), atol=1e-5)


def test_gradients_reach_shape_and_pose(model: HandModel) -> None:
    rng = np.random.default_rng(1)
    shape = sample_shapes(model, rng, 2)
    given = (shape.vertices, shape.heads, shape.tips, shape.scales, sample_turns(model, shape, rng))
    tensors = [torch.tensor(np.asarray(a, np.float32), requires_grad=True) for a in given]
    vertices, joints = TorchHand(model)(*tensors)
    (vertices.square().sum() + joints.square().sum()).backward()
    for tensor in tensors:
        assert tensor.grad is not None and tensor.grad.abs().sum() > 0
