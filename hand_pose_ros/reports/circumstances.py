"""The circumstances in which a hand was seen, from its true joints: the groups over which errors are compared.

A grouping names groups and says which joints of which frames belong to each: (N, 21) masks. Positions in metres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros import metrics
from hand_pose_ros.camera import project
from hand_pose_ros.skeleton import BONES, FINGERS, JOINT_COUNT, MIDDLE_MCP, WRIST
from hand_pose_ros.types import FloatArray, PinholeCamera

Mask = NDArray[np.bool_]
Groups = dict[str, Mask]

#: Bones count as this thick, and joints as this deep in the flesh, where one hides another.
BONE_RADIUS_M = 0.008
FLESH_M = 0.015
#: A surface that was measured this far before a joint is another one than the skin above it.
OCCLUDER_M = 0.03
LONG_FINGERS = ("index", "middle", "ring", "little")
_SAMPLES = np.linspace(0, 1, 8)


def viewpoint_deg(true_m: FloatArray, side: Sequence[str]) -> FloatArray:
    """(N,) angle between the direction out of the hand's back and the direction to the camera: 0 the back faces the
    camera, 90 edge-on, 180 the palm faces it."""
    outwards = metrics.palm_frames(true_m, side)[..., 2]
    # Left hands' frames are left-handed, but their third axis leaves the back all the same.
    to_camera = -_unit(true_m[:, MIDDLE_MCP])
    return np.degrees(np.arccos(np.clip((outwards * to_camera).sum(-1), -1, 1)))


def pointing_deg(true_m: FloatArray) -> FloatArray:
    """(N,) angle between wrist to middle knuckle and the direction to the camera: 0 the hand points at the camera."""
    along = _unit(true_m[:, MIDDLE_MCP] - true_m[:, WRIST])
    return np.degrees(np.arccos(np.clip((along * -_unit(true_m[:, MIDDLE_MCP])).sum(-1), -1, 1)))


def curl_deg(true_m: FloatArray) -> FloatArray:
    """(N, 4) how far index to little finger are bent: between the metacarpal and the last phalanx, 0 straight."""
    bends = []
    for finger in LONG_FINGERS:
        base, _, last, tip = FINGERS[finger]
        metacarpal, phalanx = true_m[:, base] - true_m[:, WRIST], true_m[:, tip] - true_m[:, last]
        bends.append(np.degrees(np.arccos(np.clip((_unit(metacarpal) * _unit(phalanx)).sum(-1), -1, 1))))
    return np.stack(bends, axis=-1)


def hand_length_m(true_m: FloatArray) -> FloatArray:
    """(N,) from the wrist to the middle finger's tip along the bones."""
    chain = (WRIST, *FINGERS["middle"])
    steps = [np.linalg.norm(true_m[:, end] - true_m[:, start], axis=-1) for start, end in pairwise(chain)]
    return np.sum(steps, axis=0)


def self_hidden(joints_m: FloatArray) -> Mask:
    """(21,) which joints lie behind another bone of the same hand as the camera sees it.

    An estimate for sets without labels of occlusion: it knows no skin between the metacarpals, and no objects.
    """
    hidden = np.zeros(JOINT_COUNT, bool)
    distance = np.linalg.norm(joints_m, axis=-1)
    for joint in np.flatnonzero(np.isfinite(distance)):
        ray = joints_m[joint] / distance[joint]
        ends = np.array([[joints_m[a], joints_m[b]] for a, b in BONES if joint not in (a, b)])
        points = (ends[:, :1] + _SAMPLES[:, None] * (ends[:, 1:] - ends[:, :1])).reshape(-1, 3)
        points = points[np.isfinite(points).all(axis=-1)]
        along = points @ ray
        across = np.linalg.norm(points - along[:, None] * ray, axis=-1)
        hidden[joint] = bool(((across < BONE_RADIUS_M) & (along < distance[joint] - FLESH_M)).any())
    return hidden


def hidden_joints(joints_m: FloatArray, camera: PinholeCamera, depth_m: FloatArray | None) -> Mask:
    """(21,) which joints are occluded: by what the depth picture shows before them, or else by `self_hidden`."""
    hidden = self_hidden(joints_m)
    if depth_m is None:
        return hidden
    pixels = project(joints_m, camera)
    for joint in np.flatnonzero(np.isfinite(pixels).all(axis=-1)):
        u, v = np.round(pixels[joint]).astype(int)
        if 0 <= v < depth_m.shape[0] and 0 <= u < depth_m.shape[1] and depth_m[v, u] > 0:
            hidden[joint] = depth_m[v, u] < joints_m[joint, 2] - OCCLUDER_M
    return hidden


def group_by_circumstance(true_m: FloatArray, side: Sequence[str], hidden: Mask, side_right: Mask) -> dict[str, Groups]:
    """All groupings of N hands that have more than one group. hidden: (N, 21). side_right: (N,) whether recognised."""
    frames = np.ones((len(true_m), JOINT_COUNT), bool)
    curl = curl_deg(true_m)
    with np.errstate(invalid="ignore"):
        mixed = np.ptp(curl, axis=1) > 80
        poses = {
            "open": ~mixed & (curl.mean(axis=1) < 60),
            "half closed": ~mixed & (curl.mean(axis=1) >= 60) & (curl.mean(axis=1) < 140),
            "fist": ~mixed & (curl.mean(axis=1) >= 140),
            "some fingers bent": mixed,
        }
    by_frame: dict[str, Mapping[str, Mask]] = {
        "the camera sees": _between(
            viewpoint_deg(true_m, side), {"the back": (0, 60), "the edge": (60, 120), "the palm": (120, 181)}
        ),
        "the hand points": _between(
            pointing_deg(true_m), {"at the camera": (0, 50), "across": (50, 130), "away": (130, 181)}
        ),
        "pose": poses,
        "distance": _thirds(np.linalg.norm(true_m[:, MIDDLE_MCP], axis=-1), 1e2, "cm"),
        "hand length": _thirds(hand_length_m(true_m), 1e3, "mm"),
        "side": {"recognised": side_right, "mistaken": ~side_right},
    }
    groupings = {
        kind: {name: mask[:, None] & frames for name, mask in groups.items() if mask.any()}
        for kind, groups in by_frame.items()
    }
    groupings["joint"] = {"seen": ~hidden, "hidden": hidden}
    # A circumstance that did not vary explains nothing.
    return {kind: groups for kind, groups in groupings.items() if sum(mask.any() for mask in groups.values()) > 1}


def _between(values: FloatArray, limits: Mapping[str, tuple[float, float]]) -> dict[str, Mask]:
    with np.errstate(invalid="ignore"):
        return {name: np.asarray((values >= low) & (values < high)) for name, (low, high) in limits.items()}


def _thirds(values: FloatArray, scale: float, unit: str) -> dict[str, Mask]:
    """Thirds of the known values; one group where most of them differ by less than 5 %."""
    known = values[np.isfinite(values)]
    if known.size < 3:
        return {"all": np.isfinite(values)}
    lower, first, second, upper = np.quantile(known, [1 / 6, 1 / 3, 2 / 3, 5 / 6])
    if upper - lower < 0.05 * known.mean():
        return {"all": np.isfinite(values)}
    names = (
        f"up to {first * scale:.0f} {unit}",
        f"to {second * scale:.0f} {unit}",
        f"above {second * scale:.0f} {unit}",
    )
    limits = ((-np.inf, first), (first, second), (second, np.inf))
    return _between(values, dict(zip(names, limits, strict=True)))


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
