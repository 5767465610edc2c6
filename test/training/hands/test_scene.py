"""Hands before the camera: right ones, where they should be, with an arm on the right side of them."""

from dataclasses import asdict

import numpy as np
from scipy.spatial import cKDTree

from hand_pose_ros.skeleton import FINGERS, INDEX_MCP, LITTLE_MCP, MIDDLE_MCP, WRIST
from training.hands.depth import perfect_sensors
from training.hands.model import FOREARM_RINGS, Array, HandModel, joint_positions
from training.hands.scene import CROP_SIZE_M, Scenes, SceneSettings, sample_scenes, sample_viewpoints
from training.hands.things import BODY


def share(condition: np.ndarray) -> float:
    return float(np.mean(condition))


def test_viewpoints_are_rotations_from_all_around_and_often_held_up_to_the_camera() -> None:
    turns = sample_viewpoints(np.random.default_rng(0), 2000, facing=0.5)
    np.testing.assert_allclose(turns @ turns.swapaxes(1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    fingers, back = turns[..., 1], turns[..., 2]
    assert 0.4 < share(fingers[:, 1] < -0.5) < 0.8  # up in the picture
    assert 0.02 < share(fingers[:, 1] > 0.5) < 0.3
    palm_seen, back_seen = share(back[:, 2] > 0.5), share(back[:, 2] < -0.5)
    assert palm_seen > 0.25 and back_seen > 0.25
    assert share(np.abs(fingers[:, 2]) > 0.9) > 0.02  # pointing at the camera or away from it


def test_hands_are_right_ones(scenes: Scenes) -> None:
    """(index - wrist) x (little - wrist) points out of a right hand's palm, into a left one's."""
    wrist = scenes.joints[:, WRIST]
    normal = np.cross(scenes.joints[:, INDEX_MCP] - wrist, scenes.joints[:, LITTLE_MCP] - wrist)
    np.testing.assert_allclose(np.linalg.norm(scenes.palm, axis=1), 1)
    assert ((normal * scenes.palm).sum(1) > 0).all()
    # and fingers bend about axes that point from the little finger to the index, a left hand's the other way
    to_index = scenes.joints[:, INDEX_MCP] - scenes.joints[:, LITTLE_MCP]
    for mcp, pip, _, tip in list(FINGERS.values())[1:]:
        first, rest = scenes.joints[:, pip] - scenes.joints[:, mcp], scenes.joints[:, tip] - scenes.joints[:, pip]
        bent = (first * rest).sum(1) < 0.8 * np.linalg.norm(first, axis=1) * np.linalg.norm(rest, axis=1)
        assert share(bent) > 0.3
        assert share((np.cross(first, rest) * to_index).sum(1)[bent] > 0) > 0.98


def test_thumb_is_right_in_the_picture_of_an_upright_palm_and_left_of_an_upright_back(scenes: Scenes) -> None:
    picture = scenes.joints[..., :2] / scenes.joints[..., 2:]
    fingers = picture[:, MIDDLE_MCP] - picture[:, WRIST]
    upright = fingers[:, 1] < -0.8 * np.linalg.norm(fingers, axis=1)
    thumb_right = picture[:, FINGERS["thumb"][1], 0] > picture[:, LITTLE_MCP, 0]
    palm, back = upright & (scenes.palm[:, 2] < -0.7), upright & (scenes.palm[:, 2] > 0.7)
    assert palm.sum() > 10 and back.sum() > 10
    assert thumb_right[palm].all() and not thumb_right[back].any()


def test_the_hand_is_near_the_middle_of_the_crop_or_slid_towards_the_fingers(scenes: Scenes) -> None:
    assert scenes.distance.min() >= 0.2 and scenes.distance.max() <= 1.5
    centre = np.zeros((len(scenes.distance), 3))
    centre[:, 2] = scenes.distance
    middle = scenes.joints.mean(1)
    assert np.linalg.norm(middle - centre, axis=1).max() < 0.13
    fingers = scenes.joints[:, MIDDLE_MCP] - scenes.joints[:, WRIST]
    fingers /= np.linalg.norm(fingers, axis=1, keepdims=True)
    along = ((middle - centre) * fingers).sum(1)
    # crops that slid down the forearm have the hand off in the fingers' direction
    assert 0.002 < along.mean() < 0.012
    assert (along > 0.035).sum() > 5 * max(1, (along < -0.035).sum())


def test_joints_are_under_the_skin_that_was_posed_with_them(model: HandModel, scenes: Scenes, vertices: Array) -> None:
    tips = [finger[-1] for finger in FINGERS.values()]
    skin = len(model.mean) - 21
    for points, joints in zip(vertices[:40], scenes.joints[:40], strict=True):
        to_skin, _ = cKDTree(points[:skin]).query(joints)
        assert to_skin.max() < 0.03 and to_skin[tips].max() < 0.006


def test_the_forearm_continues_the_wrist_away_from_the_fingers(
    model: HandModel, scenes: Scenes, vertices: Array
) -> None:
    count, ring = len(model.mean) - 21, len(model.rim)
    rings = vertices[:, count:].reshape(len(vertices), FOREARM_RINGS, ring, 3)
    middles = np.concatenate([vertices[:, model.rim].mean(1, keepdims=True), rings.mean(2)], axis=1)
    steps = np.linalg.norm(np.diff(middles, axis=1), axis=2)
    assert steps.min() > 0.01 and steps.max() < 0.06
    wrist = scenes.joints[:, WRIST]
    fingers = scenes.joints[:, MIDDLE_MCP] - wrist
    beyond = ((middles[:, -1] - wrist) * fingers).sum(1) / np.linalg.norm(fingers, axis=1)
    assert share(beyond < -0.08) > 0.95
    radius = np.linalg.norm(rings - rings.mean(2, keepdims=True), axis=-1).mean(2)
    assert (radius[:, -1] > radius[:, 0]).all() and radius.max() < 0.15


def test_sleeves_begin_somewhere_on_half_of_the_arms(scenes: Scenes) -> None:
    assert scenes.arm.sleeve.min() >= 1 and scenes.arm.sleeve.max() == FOREARM_RINGS
    assert 0.35 < share(scenes.arm.sleeve == FOREARM_RINGS) < 0.65


def test_scenes_come_from_the_generator_alone(model: HandModel) -> None:
    first, again, other = (asdict(sample_scenes(model, np.random.default_rng(seed), 3)) for seed in (1, 1, 2))
    np.testing.assert_equal(again, first)
    assert (first["joints"] != other["joints"]).any()


def test_joints_are_those_of_the_posed_bones(model: HandModel, scenes: Scenes) -> None:
    own = joint_positions(model, scenes.shape, scenes.maps, scenes.positions)
    np.testing.assert_allclose(own @ scenes.turn.transpose(0, 2, 1) + scenes.shift[:, None], scenes.joints, atol=1e-12)


def test_one_crop_in_nine_reaches_over_the_pictures_border(scenes: Scenes) -> None:
    cut = np.isfinite(scenes.border)
    assert 0.06 < share(cut.any(1)) < 0.17 and cut.sum(1).max() == 1
    half = CROP_SIZE_M / 2 / scenes.distance
    assert (np.abs(scenes.border[cut]) <= np.broadcast_to(half[:, None], cut.shape)[cut]).all()
    assert (scenes.border[:, :2] < 0).all() and (scenes.border[:, 2:] > 0).all()


def test_switches_take_parts_of_a_scene_away(model: HandModel) -> None:
    plain = SceneSettings(facing=1.0, mirrored=0.0, empty=0.0, depth_noise=False, occluders=False)
    scenes = sample_scenes(model, np.random.default_rng(0), 50, plain)
    assert (scenes.things.kind[:, :BODY] == 0).all()
    np.testing.assert_array_equal(scenes.sensors, perfect_sensors(50))
    assert scenes.right.all() and scenes.present.all()
    assert share(np.abs(scenes.palm[:, 2]) > 0.5) > 0.75
