"""Real poses as joint angles of our hand: a bank of tracked hands retargeted, drawn from by mixing and perturbing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hand_pose_ros.types import HandPoseError
from training.hands.model import FINGER_BONES, Array, HandModel, load_hand_model
from training.hands.turns import HIGH, LOW, THUMB, bone_turns

BONES = 17  # wrist, palm, three of the thumb, then three of each finger
#: How their hand bends before ours looks the same: their fingers at rest lie together, ours apart (degrees).
REST_SPREAD = np.array([-12.0, -3.0, 7.0, 1.0])


@dataclass(frozen=True)
class PoseBank:
    """poses: (N, 21) degrees, as in `turns.py`."""

    poses: Array

    def sample(self, rng: np.random.Generator, batch: int) -> Array:
        """Poses (B, 21): somewhere between two of the bank, most near one of them, and a little beside."""
        first, second = self.poses[rng.integers(len(self.poses), size=(2, batch))]
        share = rng.beta(0.4, 1.2, (batch, 1))
        return first + share * (second - first) + rng.normal(0, 4, (batch, 1)) + rng.normal(0, 4, (batch, 21))


@cache
def load_pose_bank(folder: Path | None) -> PoseBank | None:
    """The poses of Intel's hand_tracking_samples (Apache-2.0), from a folder with `assets/animbank.pose` and
    `assets/model_hand.json`; None for no folder.

    Raises HandPoseError where they are missing or of another form.
    """
    if folder is None:
        return None
    bank, rig = folder / "assets" / "animbank.pose", folder / "assets" / "model_hand.json"
    try:
        poses = np.array([np.fromstring(line, sep=" ") for line in bank.read_text().splitlines() if line.strip()])
        joints = json.loads(rig.read_text())["joints"]
        poses = poses.reshape(len(poses), BONES, 7)
    except OSError as error:
        raise HandPoseError(f"cannot read the pose bank's {error.filename}: {error.strerror}") from error
    except (ValueError, KeyError) as error:
        raise HandPoseError(f"{folder} is no pose bank of {BONES} bones a line: {error}") from error
    return PoseBank(retarget(load_hand_model(), poses[..., 3:], joints))


def retarget(model: HandModel, quaternions: Array, rig: list[dict]) -> Array:
    """Poses (N, 21) of bones' orientations (N, 17, 4), x y z w, in a rig whose joints have frames and places.

    Fingers bend about x and spread about y of their joint's frame, z along the bone, so their angles carry over. The
    thumb has other axes than ours: its angles are fitted to the directions of its bones.
    """
    turns = [Rotation.from_quat(quaternions[:, bone]) for bone in range(BONES)]
    by_child = {joint["rbi1"]: joint for joint in rig}
    angles = np.zeros((len(quaternions), 21))
    for finger in range(4):
        for k in range(3):
            child = 5 + 3 * finger + k
            joint = by_child[child]
            frame = Rotation.from_quat(joint["jointframe"])
            x, y, z = (frame.inv() * turns[joint["rbi0"]].inv() * turns[child]).apply([0.0, 0.0, 1.0]).T
            flexion = np.arctan2(-y, z)
            angles[:, 3 * finger + k] = np.degrees(flexion)
            if k == 0:
                spread = np.degrees(np.arcsin(x)) + REST_SPREAD[finger]
                angles[:, 12 + finger] = spread * np.cos(flexion).clip(0, 1)
    frame = _palm_frame(by_child)
    directions = np.empty((len(angles), 3, 3))
    for k, bone in enumerate((2, 3, 4)):
        along = by_child[bone + 1]["p0"] if k < 2 else (0.0, 0.0, 1.0)
        inward = (turns[1].inv() * turns[bone]).apply(np.array(along) / np.linalg.norm(along))
        directions[:, k] = inward @ frame.T
    angles[:, THUMB] = _fit_thumbs(model, directions)
    return angles.clip(LOW, HIGH)


def _palm_frame(rig: dict[int, dict]) -> Array:
    """Rotation (3, 3) from the rig's palm to our hand frame."""
    index, middle, little = (np.array(rig[bone]["p0"]) for bone in (5, 8, 14))
    y = middle / np.linalg.norm(middle)
    z = np.cross(little, index)
    z -= y * (y @ z)
    z /= np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z])


def _fit_thumbs(model: HandModel, directions: Array) -> Array:
    """Thumb angles (N, 5) whose bones point as `directions` (N, 3, 3) as nearly as their limits let them."""
    heads, tips = model.mean[-21:-5], model.mean[-5:]
    rest = np.diff(np.concatenate([heads[list(FINGER_BONES[0])], tips[:1]]), axis=0)
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    low, high = LOW[THUMB], HIGH[THUMB]

    def residuals(angles: Array) -> Array:
        poses = np.zeros((len(angles), 21))
        poses[:, THUMB] = angles
        turns = bone_turns(model, poses)
        world = turns[:, 1]
        out = np.empty((len(angles), 14))
        for k, bone in enumerate((1, 2, 3)):
            world = world if k == 0 else world @ turns[:, bone]
            out[:, 3 * k : 3 * k + 3] = world @ rest[k] - directions[:, k]
        out[:, 9:] = 0.05 * np.radians(angles)  # what directions leave open stays near rest
        return out

    angles = np.zeros((len(directions), 5))
    for _ in range(15):  # Gauss-Newton with damping, all poses at once
        error = residuals(angles)
        jacobian = np.stack([residuals(angles + step) - error for step in np.eye(5)], axis=2)
        normal = jacobian.transpose(0, 2, 1) @ jacobian + 1e-5 * np.eye(5)
        change = np.linalg.solve(normal, jacobian.transpose(0, 2, 1) @ error[..., None])[..., 0]
        angles = (angles - change.clip(-15, 15)).clip(low, high)
    return angles
