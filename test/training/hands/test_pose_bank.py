"""The bank of real poses: read, turned into our joint angles, mixed."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_pose_ros.types import HandPoseError
from training.hands.model import HandModel, HandShape, joint_positions, pose_bones
from training.hands.pose_bank import REST_SPREAD, PoseBank, load_pose_bank
from training.hands.turns import HIGH, LOW, bone_turns

BANK = Path(__file__).parents[4] / "shared" / "data" / "poses"
#: A rig of straight fingers: bone, parent, place in the parent's frame.
PLACES = [(1, 0, (0, 0, 0.2)), (2, 1, (0.01, 0, 0)), (3, 2, (0.03, -0.02, 0.05)), (4, 3, (0, 0, 0.03))]
for first, x in ((5, 0.03), (8, 0.01), (11, -0.01), (14, -0.03)):
    PLACES += [(first, 1, (x, 0, 0.08)), (first + 1, first, (0, 0, 0.04)), (first + 2, first + 1, (0, 0, 0.03))]


def write_bank(folder: Path, turns: dict[int, Rotation]) -> Path:
    """One pose whose bones turn against their parents by `turns`."""
    world = {0: Rotation.identity()}
    for bone, parent, _ in sorted(PLACES):
        world[bone] = world[parent] * turns.get(bone, Rotation.identity())
    line = " ".join(" ".join(map(str, (0, 0, 0, *world[bone].as_quat()))) for bone in range(17))
    (folder / "assets").mkdir()
    (folder / "assets" / "animbank.pose").write_text(line + "\n")
    rig = [{"rbi0": parent, "rbi1": bone, "p0": place, "jointframe": [0, 0, 0, 1]} for bone, parent, place in PLACES]
    (folder / "assets" / "model_hand.json").write_text(json.dumps({"joints": rig}))
    return folder


def test_fingers_angles_carry_over(tmp_path: Path) -> None:
    turns = {5: (30, 8), 6: (50, 0), 7: (20, 0), 14: (10, -15)}
    bent = {bone: Rotation.from_euler("XY", angles, degrees=True) for bone, angles in turns.items()}
    bank = load_pose_bank(write_bank(tmp_path, bent))
    assert bank is not None
    np.testing.assert_allclose(bank.poses[0, [0, 1, 2, 3, 9]], [30, 50, 20, 0, 10], atol=1e-6)
    # the index went towards the thumb, the little finger away from it
    spread = bank.poses[0, [12, 15]] / np.cos(np.radians([30, 10])) - REST_SPREAD[[0, 3]]
    np.testing.assert_allclose(spread, [8, -15], atol=0.01)


def test_no_folder_is_no_bank_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    assert load_pose_bank(None) is None
    with pytest.raises(HandPoseError, match=r"animbank\.pose"):
        load_pose_bank(tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "animbank.pose").write_text("1 2 3\n")
    (tmp_path / "assets" / "model_hand.json").write_text('{"joints": []}')
    with pytest.raises(HandPoseError, match="no pose bank"):
        load_pose_bank(tmp_path)


def test_samples_lie_between_and_near_the_banks_poses() -> None:
    bank = PoseBank(np.stack([np.zeros(21), np.full(21, 40.0)]))
    poses = bank.sample(np.random.default_rng(0), 2000)
    assert poses.shape == (2000, 21)
    assert -30 < poses.min() < 0 and 40 < poses.max() < 70
    near_one = np.minimum(np.abs(poses.mean(1)), np.abs(poses.mean(1) - 40)) < 10
    assert near_one.mean() > 0.6


def test_real_bank_has_fists_and_open_hands_and_thumbs_that_bend_as_theirs(model: HandModel, rest: HandShape) -> None:
    if not BANK.exists():
        pytest.skip("the bank of real poses is not at ../shared/data/poses")
    bank = load_pose_bank(BANK)
    assert bank is not None and len(bank.poses) > 2000
    assert (bank.poses >= LOW).all() and (bank.poses <= HIGH).all()
    bends = bank.poses[:, 1:12:3]
    assert (bends < 30).all(1).mean() > 0.05 and (bends > 75).all(1).mean() > 0.05
    shape = HandShape(*(np.repeat(a, len(bank.poses), axis=0) for a in vars(rest).values()))
    joints = joint_positions(model, shape, *pose_bones(shape, bone_turns(model, bank.poses)))
    assert (joints[:, 4, 0] < 0.03).mean() > 0.97  # no thumb beyond the little finger
