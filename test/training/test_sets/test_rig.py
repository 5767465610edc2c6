"""Other people's hands as rigs: our frame, our units, our joints."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from training.test_sets.rig import ADULT_M, BONE_COUNT, Rig, describe_definition, pose

REST = np.broadcast_to(np.eye(3), (BONE_COUNT, 3, 3))


def rest_joints_of(rig: Rig) -> np.ndarray:
    return pose(rig, REST)[1]


def test_units_and_frame_are_ours(blocks: Rig) -> None:
    assert np.linalg.norm(blocks.heads[8] - blocks.heads[0]) == pytest.approx(ADULT_M)
    joints = rest_joints_of(blocks)
    assert joints[17, 0] > joints[5, 0]  # the little finger is at +x
    assert blocks.heads[7, 1] > 0.07 and abs(blocks.heads[7, [0, 2]]).max() < 1e-9
    np.testing.assert_allclose(blocks.weights.sum(1), 1)


def test_posing_at_rest_changes_nothing(blocks: Rig) -> None:
    np.testing.assert_allclose(pose(blocks, REST)[0], blocks.vertices, atol=1e-12)


def test_bones_turn_about_their_heads_and_take_their_children_along(blocks: Rig) -> None:
    turns = REST.copy()
    turns[5] = Rotation.from_rotvec([-1.0, 0, 0]).as_matrix()
    joints, rest = pose(blocks, turns)[1], rest_joints_of(blocks)
    moved = np.linalg.norm(joints - rest, axis=1) > 1e-9
    assert list(np.flatnonzero(moved)) == [7, 8]  # the index finger's last joint and tip
    assert joints[8, 2] < rest[8, 2]  # towards the palm
    for a, b in ((6, 7), (7, 8)):
        assert np.linalg.norm(joints[a] - joints[b]) == pytest.approx(np.linalg.norm(rest[a] - rest[b]))


def test_a_finger_that_points_nowhere_is_told(blocks: Rig) -> None:
    from training.test_sets.rig import build_rig

    heads, axes = blocks.heads[:16], blocks.flex_axes
    elsewhere = blocks.vertices + np.array([0, 0, 1.0])
    with pytest.raises(ValueError, match="bones are mapped wrongly"):
        build_rig(
            elsewhere, blocks.faces, blocks.uv, blocks.texture, blocks.weights, heads, axes,
            np.tile([0.0, 1, 0], (5, 1)),
        )  # fmt: skip


def test_real_hands_have_our_joints(real_rig: Rig) -> None:
    joints = rest_joints_of(real_rig)
    for finger in range(5):
        # tips lie on the skin
        tip = joints[4 + 4 * finger]
        assert np.linalg.norm(real_rig.vertices - tip, axis=1).min() < 0.003
    # the definition moves the palm's joints by a centimetre and a half at most, and no other
    offsets = np.linalg.norm(real_rig.offsets, axis=1)
    assert offsets.max() < 0.015
    assert np.all(offsets[[2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15, 16, 18, 19, 20]] == 0)
    # palms of hands: the middle finger's knuckle is 85 to 105 mm from the wrist
    assert 0.08 < np.linalg.norm(joints[9] - joints[0]) < 0.105
    np.testing.assert_allclose(real_rig.weights.sum(1), 1)
    # faces wind counter-clockwise seen from outside: the mesh has a volume, of a hand's size
    a, b, c = (real_rig.vertices[real_rig.faces[:, k]] for k in range(3))
    assert 1e-4 < np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6 < 6e-4


def test_the_definition_is_told_in_millimetres(blocks: Rig) -> None:
    told = describe_definition(blocks)
    assert f"index_mcp {np.linalg.norm(blocks.offsets[5]) * 1000:.1f}" in told and "thumb_cmc" in told
