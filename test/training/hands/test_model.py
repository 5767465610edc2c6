"""The parametric hand: what skinning and posing keep."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hand_pose_ros.skeleton import FINGERS, LITTLE_MCP, WRIST
from training.hands.joints import rest_joints
from training.hands.model import (
    BONE_COUNT,
    BONE_PARENT,
    FOREARM_RINGS,
    Array,
    HandModel,
    HandShape,
    joint_positions,
    pose_bones,
)
from training.hands.raster import skin
from training.hands.shapes import sample_shapes

seeds = st.integers(0, 2**32 - 1)
STRAIGHT = np.broadcast_to(np.eye(3), (1, BONE_COUNT, 3, 3))


def skinned(model: HandModel, shape: HandShape, turns: Array) -> Array:
    """The skin (V, 3) of the first hand of a batch."""
    maps, positions = pose_bones(shape, turns)
    count = shape.vertices.shape[1]
    out = np.empty((count, 3), dtype=np.float32)
    bones, values = model.weight_bones[:count], model.weight_values[:count]
    skin(shape.vertices[0], shape.heads[0], maps[0], positions[0], bones, values, out)
    return out


def random_turns(rng: np.random.Generator, batch: int = 1) -> Array:
    return Rotation.random(batch * BONE_COUNT, rng=rng).as_matrix().reshape(batch, BONE_COUNT, 3, 3)


def test_unposed_mean_hand_is_the_template(model: HandModel, rest: HandShape) -> None:
    np.testing.assert_allclose(skinned(model, rest, STRAIGHT), rest.vertices[0], atol=1e-5)
    maps, positions = pose_bones(rest, STRAIGHT)
    np.testing.assert_allclose(positions, rest.heads - rest.heads[:, :1], atol=1e-12)
    expected = rest_joints(rest.heads, rest.tips) + model.joint_offsets
    np.testing.assert_allclose(joint_positions(model, rest, maps, positions), expected, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_posing_keeps_bone_lengths_and_the_palm(model: HandModel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = sample_shapes(model, rng, 3)
    straight, posed = (pose_bones(shape, turns) for turns in (np.repeat(STRAIGHT, 3, axis=0), random_turns(rng, 3)))
    for bone, parent in enumerate(BONE_PARENT[1:], start=1):
        was, now = (np.linalg.norm(p[:, bone] - p[:, parent], axis=1) for _, p in (straight, posed))
        np.testing.assert_allclose(now, was, rtol=1e-9)
    was, now = (joint_positions(model, shape, *pose) for pose in (straight, posed))
    for finger in FINGERS.values():
        for start, end in pairwise(finger[1:]):
            lengths = [np.linalg.norm(joints[:, end] - joints[:, start], axis=1) for joints in (was, now)]
            np.testing.assert_allclose(lengths[1], lengths[0], rtol=1e-9)
    palm = [WRIST, *(finger[0] for finger in FINGERS.values())]
    between = [np.linalg.norm(j[:, palm, None] - j[:, None, palm], axis=-1) for j in (was, now)]
    np.testing.assert_allclose(between[1], between[0], atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_turning_the_wrist_turns_everything(model: HandModel, rest: HandShape, seed: int) -> None:
    rng = np.random.default_rng(seed)
    turns = random_turns(rng)
    turns[:, 0] = np.eye(3)
    whole = Rotation.random(rng=rng).as_matrix()
    turned = turns.copy()
    turned[:, 0] = whole
    joints, joints_turned = (joint_positions(model, rest, *pose_bones(rest, t)) for t in (turns, turned))
    np.testing.assert_allclose(joints_turned, joints @ whole.T, atol=1e-9)
    np.testing.assert_allclose(skinned(model, rest, turned), skinned(model, rest, turns) @ whole.T, atol=1e-5)


def test_skin_far_from_the_bend_follows_its_bone_rigidly(model: HandModel, rest: HandShape) -> None:
    """Bending the index's last joint moves skin that belongs to that bone alone, and nothing of the other fingers."""
    turns = STRAIGHT.copy()
    bone = 6
    turns[0, bone] = Rotation.from_rotvec(0.7 * model.flex_axes[bone]).as_matrix()
    was, now = rest.vertices[0], skinned(model, rest, turns)
    count = len(was)
    weight = (model.weight_values[:count] * (model.weight_bones[:count] == bone)).sum(1)
    head = rest.heads[0, bone]
    assert (weight > 0.999).sum() > 20
    np.testing.assert_allclose(now[weight > 0.999], (was - head)[weight > 0.999] @ turns[0, bone].T + head, atol=1e-4)
    np.testing.assert_allclose(now[weight == 0], was[weight == 0], atol=1e-5)


def test_the_hand_frame_is_a_right_hands(rest: HandShape) -> None:
    """+y to the middle knuckle, +x to the little finger, palm to -z, where the bent fingers and the thumb are."""
    joints = rest_joints(rest.heads, rest.tips)[0]
    middle, little, thumb = joints[9], joints[LITTLE_MCP], joints[4]
    np.testing.assert_allclose(middle[[0, 2]] / middle[1], 0, atol=1e-3)
    assert middle[1] > 0.08 and little[0] > 0.02 and thumb[0] < -0.03
    assert (joints[[4, 8, 12, 16, 20], 2] < -0.02).all()


def test_mesh_is_wound_alike_and_closed(model: HandModel) -> None:
    faces = model.faces
    edges = Counter(map(tuple, np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()))
    assert max(edges.values()) == 1
    assert all((b, a) in edges for a, b in edges)
    assert faces[: model.skin_faces].max() < len(model.mean) - 21
    assert len(model.rim) * FOREARM_RINGS == len(model.weight_bones) - (len(model.mean) - 21)


def test_skin_weights_are_shares(model: HandModel) -> None:
    np.testing.assert_allclose(model.weight_values.sum(1), 1, atol=1e-6)
    assert (model.weight_values >= 0).all() and model.weight_bones.min() == 0 and model.weight_bones.max() == 15


def test_every_corner_of_every_face_has_a_place_in_the_texture(model: HandModel) -> None:
    assert model.faces_uv.shape == model.faces.shape
    assert model.faces_uv.min() >= 0 and model.faces_uv.max() < len(model.uv)
    assert model.uv.min() >= 0 and model.uv.max() <= 1
    skin = model.faces_uv[: model.skin_faces]
    edges = np.linalg.norm(model.uv[skin] - model.uv[np.roll(skin, 1, axis=1)], axis=-1)
    assert edges.max() < 0.05  # no face spans a seam of the texture
