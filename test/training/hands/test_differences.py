"""Our hand laid over joints: nothing remains of its own, and a difference of definitions is found."""

import numpy as np
from scipy.spatial.transform import Rotation

from training.hands.differences import draw_joints, fit, mean_hand
from training.hands.gestures import GESTURES
from training.hands.model import HandModel, joint_positions, pose_bones
from training.hands.turns import bone_turns


def test_fit_finds_a_moved_wrist(model: HandModel) -> None:
    shape = mean_hand(model, palm=1.08, fingers=0.95)
    pose = GESTURES["relaxed"].pose()[None]
    joints = joint_positions(model, shape, *pose_bones(shape, bone_turns(model, pose)))[0]
    moved = joints.copy()
    moved[0] += [0, -0.008, 0.0]
    turn = Rotation.from_rotvec([0.4, -0.3, 0.5])
    away = np.array([0.1, 0, 0.5])
    exact, _ = fit(model, turn.apply(joints) + away)
    remains, distance = fit(model, turn.apply(moved) + away)
    assert np.abs(exact).max() < 1
    assert remains[0, 1] < -3 and distance[0] == distance.max()
    assert np.linalg.norm(remains[[8, 12, 16, 20]], axis=1).max() < 3


def test_picture_shows_the_hand_and_its_joints(model: HandModel) -> None:
    picture = draw_joints(model, 160)
    assert picture.shape == (160, 320, 3)
    red = (picture[..., 2] > 200) & (picture[..., 1] < 60)
    assert red[:, :160].sum() > 50 and red[:, 160:].sum() > 50
