"""Whole RGB-D pictures with none to four hands, arms, a body and clutter: for detectors, trackers and the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hand_pose_ros.camera import look_at, project, ray
from hand_pose_ros.types import HandPoseError, PinholeCamera
from training.hands.appearance import LINEAR, through_lens
from training.hands.depth import measure
from training.hands.look import sample_looks
from training.hands.model import FOREARM_RINGS, Array, HandModel
from training.hands.parts import FOREARM
from training.hands.pictures import Studio
from training.hands.samples import generators
from training.hands.scene import Scenes, SceneSettings, sample_scenes, surfaces
from training.hands.stage import Stage, view
from training.hands.things import BOX, CYLINDER, ELLIPSOID, HELD, NONE

WIDTH, HEIGHT = 640, 480
#: Focal lengths in pixels of 640 x 480 pictures of Azure Kinect, Kinect and Xtion, Astra, D435, L515.
FOCALS = (504.0, 525.0, 570.0, 615.0, 605.0)
COUNT_SHARES = (0.12, 0.32, 0.32, 0.12, 0.12)
#: Nearer than this a hand's middle may not come to another's.
APART_M = 0.16
CLUTTER = 4
NEAREST_M, FARTHEST_M = 0.2, 1.5
#: The depth camera measures from so far before the nearest place of a hand.
BEFORE_M = 0.05
#: Blur that every lens has; it spares rasterising finer than the picture.
SOFT_PX = 0.6


@dataclass(frozen=True)
class RoomHand:
    """side: 'left' or 'right'. joints: (21, 3) metres, camera frame. joints_px: (21, 2). box: (4,) x, y, width, height
    in pixels around what is seen of it, its outer pixels included, NaN where nothing is. full_box: the same of all of
    it, hidden or not, cut at the picture's border. visible: share of its pixels in the picture that nothing hides.
    mask_id: its value in `Room.ids`."""

    side: str
    joints: Array
    joints_px: Array
    box: Array
    full_box: Array
    visible: float
    mask_id: int


@dataclass(frozen=True)
class Room:
    """rgb: (H, W, 3) uint8. depth: (H, W) float32 metres, registered to colour, 0 where nothing was measured.
    true_depth: (H, W) before the depth camera's faults, inf where nothing is. ids: (H, W) uint8, 0 or a hand's number,
    from wrist to tips. parts: (H, W) uint8, as named in `parts.py`. hands: those with a pixel in the picture."""

    camera: PinholeCamera
    rgb: Array
    depth: Array
    true_depth: Array
    ids: Array
    parts: Array
    hands: tuple[RoomHand, ...]


def rooms(
    seed: int,
    skins: Path | None,
    backgrounds: Path | None,
    settings: SceneSettings | None = None,
    nearest_m: float = NEAREST_M,
    farthest_m: float = FARTHEST_M,
) -> Iterator[Room]:
    """Endless rooms, each from (seed, index), with hands from `nearest_m` to `farthest_m` away.

    Raises HandPoseError where `nearest_m` is not between what the depth camera leaves out and `farthest_m`.
    """
    if not BEFORE_M < nearest_m < farthest_m:
        raise HandPoseError(
            f"hands from {nearest_m} to {farthest_m} m: say two distances of more than {BEFORE_M} m, the nearer first"
        )
    settings = settings or SceneSettings()
    studio = Studio(skins, backgrounds, settings)
    for rng in generators(seed):
        yield make_room(studio, rng, nearest_m, farthest_m)


def make_room(studio: Studio, rng: np.random.Generator, nearest_m: float, farthest_m: float) -> Room:
    """One picture of 640 x 480 pixels by one of the common cameras."""
    camera = sample_camera(rng)
    lens, shape = (camera.fx, camera.fy, camera.cx, camera.cy), (camera.height, camera.width)
    count = int(rng.choice(len(COUNT_SHARES), p=COUNT_SHARES))
    scenes = sample_scenes(studio.model, rng, max(1, count), replace(studio.settings, empty=0.0, mirrored=0.5))
    stage, joints = arrange(studio.model, rng, camera, scenes, count, studio.settings.occluders, nearest_m, farthest_m)

    look = sample_looks(rng, 1, studio.settings.textures, studio.settings.lights)[0]
    look["blur"] = np.hypot(look["blur"], SOFT_PX)
    room = studio.photos.room(rng, shape)
    rgb = through_lens(studio.light(stage, look, LINEAR[room], lens, corners=False), look, int(scenes.seed[0]))

    seen = view(studio.model, stage, lens, shape)
    sensor = scenes.sensors[0].copy()
    sensor["focal"] = camera.fx
    sensor["nearest"] = min(sensor["nearest"], nearest_m - BEFORE_M)
    depth = np.empty(shape, np.float32)
    measure(seen.depth, seen.part, sensor, lens, scenes.seed[0], depth)

    hand = (seen.face >= 0) & (seen.part < FOREARM)
    ids = np.where(hand, seen.face // len(studio.model.faces) + 1, 0).astype(np.uint8)
    hands = [
        describe(studio.model, stage, lens, ids, k, bool(scenes.right[k]), joints[k], camera) for k in range(count)
    ]
    return Room(camera, rgb, depth, seen.depth, ids, seen.part, tuple(h for h in hands if h is not None))


def sample_camera(rng: np.random.Generator) -> PinholeCamera:
    """A camera of 640 x 480 pixels with the focal length and the middle of a common one, give or take."""
    focal = rng.choice(FOCALS) * np.exp(rng.normal(0, 0.02))
    cx, cy = (np.array([WIDTH, HEIGHT]) / 2 - 0.5 + rng.normal(0, 6, 2)).tolist()
    return PinholeCamera(focal, focal * float(np.exp(rng.normal(0, 0.002))), cx, cy, WIDTH, HEIGHT)


def arrange(
    model: HandModel,
    rng: np.random.Generator,
    camera: PinholeCamera,
    scenes: Scenes,
    count: int,
    occluders: bool,
    nearest_m: float,
    farthest_m: float = FARTHEST_M,
) -> tuple[Stage, Array]:
    """The first `count` of the scenes' hands spread over the picture with arms, a body, walls and clutter, and their
    joints (count, 21, 3), in the camera's frame."""
    vertices, joints = surfaces(model, scenes)[:count].astype(np.float64), scenes.joints[:count].copy()
    held = scenes.things.centre[:count, HELD].copy()
    solids: list[tuple[int, Array, Array, Array]] = []
    places: list[Array] = []
    for k in range(count):
        distance = nearest_m + (farthest_m - nearest_m) * rng.beta(1.3, 2.0)
        for points in (vertices[k], joints[k], held[k]):
            points[..., 2] += distance - scenes.distance[k]
        mirror = np.array([1.0 if scenes.right[k] else -1.0, 1.0, 1.0])
        margin = -10 if rng.random() < 0.1 else 50
        for _ in range(8):
            u, v = rng.uniform([margin, margin], [WIDTH - margin, HEIGHT - margin])
            turn = mirror[:, None] * look_at(ray((u, v), camera))  # crop frame to camera frame, of row vectors
            place = joints[k].mean(0) @ turn
            if all(np.linalg.norm(place - other) > APART_M for other in places):
                break
        places.append(place)
        vertices[k], joints[k] = vertices[k] @ turn, joints[k] @ turn
        solids += _upper_arm(rng, vertices[k], len(model.rim))
        if occluders and scenes.things.kind[k, HELD] != NONE:
            things = scenes.things  # solids that are their own mirror images, so turning their axes is enough
            solids.append(
                (int(things.kind[k, HELD]), held[k] @ turn, things.turn[k, HELD] @ turn, things.half[k, HELD])
            )
    farthest = max([0.5, *(float(place[2]) for place in places)])
    if rng.random() < 0.6:
        solids += _body(rng, farthest)
    if occluders:
        solids += _clutter(rng, farthest)
    solids = solids or [(NONE, np.zeros(3), np.eye(3), np.ones(3))]
    kind, centre, turns, half = (np.array(values) for values in zip(*solids, strict=True))
    stage = Stage(
        vertices.astype(np.float32), scenes.arm.sleeve[:count], scenes.right[:count], 0, _wall(rng, farthest),
        kind.astype(np.int8), centre, turns, half,
    )  # fmt: skip
    return stage, joints


def describe(
    model: HandModel, stage: Stage, lens: tuple, ids: Array, k: int, right: bool, joints: Array, camera: PinholeCamera
) -> RoomHand | None:
    """Hand `k` of the stage with its exact boxes; None where it has no pixel in the picture, hidden or not."""
    own = Stage(
        stage.vertices[k : k + 1], stage.sleeves[k : k + 1], stage.right[k : k + 1], 0, np.array([0, 0, 1, np.inf]),
        stage.kind[:0], stage.centre[:0], stage.turn[:0], stage.half[:0],
    )  # fmt: skip
    alone = view(model, own, lens, ids.shape)
    whole = (alone.part > 0) & (alone.part < FOREARM)
    if not whole.any():
        return None
    seen = ids == k + 1
    side = "right" if right else "left"
    visible = float(seen.sum() / whole.sum())
    return RoomHand(side, joints, project(joints, camera), box_of(seen), box_of(whole), visible, k + 1)


def box_of(mask: Array) -> Array:
    """x, y, width, height (4,) of the true pixels of a mask (H, W), outer ones included; NaN without any."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.full(4, np.nan)
    return np.array([columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1], dtype=np.float64)


def _upper_arm(rng: np.random.Generator, vertices: Array, rim: int) -> list[tuple[int, Array, Array, Array]]:
    """An elbow and an upper arm (solids) where the forearm of `vertices` (V, 3) ends."""
    rings = vertices[-FOREARM_RINGS * rim :].reshape(FOREARM_RINGS, rim, 3)
    end = rings[-1].mean(0)
    radius = float(np.linalg.norm(rings[-1] - end, axis=1).mean())
    forearm = end - rings[-2].mean(0)
    # most people's shoulders are lower in the picture than their hands, and behind them
    way = forearm / np.linalg.norm(forearm) + rng.normal([0, 0.5, 0.3], 0.4)
    axis = way / np.linalg.norm(way)
    side = np.cross(axis, rng.normal(size=3))
    side /= np.linalg.norm(side)
    turn = np.stack([side, np.cross(axis, side), axis])
    length, thick = rng.uniform(0.12, 0.17), radius * rng.uniform(1.0, 1.25)
    return [
        (ELLIPSOID, end, np.eye(3), np.full(3, radius * 1.02)),
        (CYLINDER, end + length * axis, turn, np.array([thick, thick, length])),
    ]


def _body(rng: np.random.Generator, farthest: float) -> list[tuple[int, Array, Array, Array]]:
    """A head on a trunk (solids) behind the hands."""
    place = np.array([rng.normal(0, 0.25), rng.uniform(-0.3, 0.3), farthest + rng.uniform(0.15, 0.8)])
    head, trunk = (
        rng.uniform([0.065, 0.1, 0.08], [0.085, 0.13, 0.11]),
        rng.uniform([0.16, 0.25, 0.1], [0.26, 0.36, 0.16]),
    )
    lean = Rotation.from_rotvec(rng.normal(0, 0.15, (2, 3))).as_matrix()
    below = place + np.array([0, head[1] + trunk[1] * 0.95, 0.03])
    return [(ELLIPSOID, place, lean[0], head), (ELLIPSOID, below, lean[1], trunk)]


def _clutter(rng: np.random.Generator, farthest: float) -> list[tuple[int, Array, Array, Array]]:
    """Boxes, bottles and balls (solids) lying about, more behind the hands than before them."""
    solids = []
    for _ in range(rng.integers(0, CLUTTER + 1)):
        z = rng.uniform(0.45, farthest + 1.0)
        centre = np.array([*(rng.uniform(-0.5, 0.5, 2) * z), z])
        half = np.exp(rng.uniform(np.log(0.015), np.log(0.12), 3))
        solids.append((int(rng.choice([ELLIPSOID, BOX, CYLINDER])), centre, Rotation.random(rng=rng).as_matrix(), half))
    return solids


def _wall(rng: np.random.Generator, farthest: float) -> Array:
    """A wall, a table top or nothing (4,): unit normal and offset, inf for none."""
    kind = rng.random()
    if kind < 0.25:  # out of range, or removed
        return np.array([0.0, 0.0, 1.0, np.inf])
    normal = (
        np.array([*rng.normal(0, 0.2, 2), 1.0])
        if kind < 0.75
        else np.array([rng.normal(0, 0.1), 1.0, rng.uniform(0.1, 0.9)])
    )
    normal /= np.linalg.norm(normal)
    middle = (
        np.array([0, 0, farthest + rng.uniform(0.15, 3.0)])
        if kind < 0.75
        else np.array([0, rng.uniform(0.15, 0.5), farthest])
    )
    return np.append(normal, normal @ middle)
