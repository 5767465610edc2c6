"""One frame of a test set after the other: a posed hand in a sleeve, in a room, through an RGB-D camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from hand_pose_ros.camera import project
from hand_pose_ros.frames_folder import write_folder
from hand_pose_ros.types import HandPoseError, PinholeCamera, RgbdFrame
from training.hands.raster import render, vertex_normals
from training.test_sets import libhand, webxr
from training.test_sets.light import sample_lighting, shine_on
from training.test_sets.poses import sample_pose
from training.test_sets.rig import FOREARM, Array, Rig
from training.test_sets.room import see_room
from training.test_sets.sensor import expose, measure_stereo, measure_time_of_flight

RIGS = {"libhand": libhand.load_libhand, "webxr": webxr.load_webxr}
ATTRIBUTIONS = {"libhand": libhand.ATTRIBUTION, "webxr": webxr.ATTRIBUTION}
WIDTH, HEIGHT = 640, 480
_FINE = 2  # subpixels a pixel, each way
_ARM_RINGS, _ARM_SIDES = 12, 40
_ARM_M = 0.55


@dataclass(frozen=True)
class Scene:
    """A hand before a camera. vertices: (V, 3), joints: (21, 3), arm: (12, 40, 3) rings of a sleeve or bare arm; all
    metres, camera frame. bare: whether the arm is. size: of the hand, 1 for an adult's. box: (4,) x y w h pixels, as
    a detector draws it."""

    camera: PinholeCamera
    vertices: Array
    joints: Array
    arm: Array
    bare: bool
    side: str
    box: Array


def write_test_set(hand: str, out: Path, count: int, seed: int, assets: Path, *, clean: bool = False) -> Rig:
    """Writes `count` frames of the hand (one of RIGS) from `assets` as the frames folder `out`; returns the rig.

    clean: depth as it is, instead of as a sensor measures it; everything else is the same. Raises HandPoseError where
    the hand is unknown, its files are missing, or `out` already holds something.
    """
    if hand not in RIGS:
        raise HandPoseError(f"no hand '{hand}'; there are {', '.join(RIGS)}")
    if count < 1:
        raise HandPoseError(f"{count} frames: a test set needs at least one")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise HandPoseError(f"{out} is not an empty folder; name a new one")
    rig = RIGS[hand](assets)
    scenes = [stage(rig, np.random.default_rng([seed, index])) for index in range(count)]
    write_folder(
        out,
        [f"{index:05d}" for index in range(count)],
        (photograph(rig, scene, seed, index, clean=clean) for index, scene in enumerate(scenes)),
        joints_m=np.stack([scene.joints for scene in scenes]),
        side=[scene.side for scene in scenes],
        boxes=np.stack([scene.box for scene in scenes]),
    )
    (out / "SOURCE.txt").write_text(f"Rendered from {ATTRIBUTIONS[hand]}.\n", encoding="utf-8")
    return rig


def stage(rig: Rig, rng: np.random.Generator) -> Scene:
    """A pose, a side, a camera (the intrinsics of common RGB-D cameras) and a place before it, from 0.3 to 0.95 m."""
    size = rng.uniform(0.82, 1.12)
    vertices, joints = sample_pose(rig, rng)
    bare, arm = sample_arm(rig, vertices, rng)
    focal = rng.uniform(380, 620)
    camera = PinholeCamera(
        focal, focal * rng.uniform(0.995, 1.005),
        (WIDTH - 1) / 2 + rng.normal(0, 5), (HEIGHT - 1) / 2 + rng.normal(0, 5), WIDTH, HEIGHT,
    )  # fmt: skip
    side = str(rng.choice(["left", "right"]))
    mirror = np.array([-1.0 if side == "left" else 1.0, 1, 1]) * size
    turn = _viewpoint(rng, (arm[-1] - arm[0]).mean(0) * mirror)
    middle = joints.mean(0)
    distance = rng.uniform(0.3, 0.95)
    reach = 0.10 * size * focal / distance  # a hand may touch the picture's border, hardly leave it
    u, v = (rng.uniform(min(reach, length / 2), max(length - reach, length / 2)) for length in (WIDTH, HEIGHT))
    place = distance * np.array([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1.0])
    vertices, joints, arm = (((p - middle) * mirror) @ turn.T + place for p in (vertices, joints, arm))
    return Scene(camera, vertices, joints, arm, bare, side, _box(rng, vertices, rig, camera))


def sample_arm(rig: Rig, vertices: Array, rng: np.random.Generator) -> tuple[bool, Array]:
    """Whether the arm is bare, and its rings (12, 40, 3), or its sleeve's, in the posed hand's frame: what covers the
    mesh's end and goes on from there."""
    bare = bool(rng.random() < 0.3)
    arm = vertices[rig.weights[:, FOREARM] > 0.9]
    along = arm.mean(0) - vertices[rig.weights[:, FOREARM] < 0.1].mean(0)
    along /= np.linalg.norm(along)
    middle = (arm.min(0) + arm.max(0)) / 2
    side = np.cross(along, (0, 0, 1.0))
    side /= np.linalg.norm(side)
    deep = np.cross(side, along)
    across = [np.ptp((arm - middle) @ axis) / 2 for axis in (side, deep)]
    start = ((arm - middle) @ along).min() if not bare else ((arm - middle) @ along).max() - 0.008
    loose = 0.97 if bare else rng.uniform(1.12, 1.6)
    growth = rng.uniform(1.1, 1.6)
    angles = np.linspace(0, 2 * np.pi, _ARM_SIDES, endpoint=False)
    rings = []
    for share in np.linspace(0, 1, _ARM_RINGS):
        wide = loose * (1 + (growth - 1) * share) * (1 if bare else 1 + rng.normal(0, 0.03))
        ring = np.cos(angles)[:, None] * side * across[0] + np.sin(angles)[:, None] * deep * across[1]
        rings.append(middle + along * (start + _ARM_M * share) + wide * ring)
    return bare, np.stack(rings)


def photograph(rig: Rig, scene: Scene, seed: int, index: int, *, clean: bool) -> RgbdFrame:
    """The scene in a room, through a colour camera and, registered to it, a stereo or a time-of-flight camera."""
    rng = np.random.default_rng([seed, index, 1])
    camera = scene.camera
    vertices = np.concatenate([scene.vertices, scene.arm.reshape(-1, 3)])
    faces = np.concatenate([rig.faces, len(scene.vertices) + _tube(_ARM_RINGS, _ARM_SIDES)]).astype(np.int32)
    lighting = sample_lighting(rng, scene.joints.mean(0))
    rays = _rays(camera, 1)
    room = see_room(rng, rays, behind=float(vertices[:, 2].max()) + 0.01)
    points, normals, albedo = (
        a.reshape(-1, 3) for a in (rays * np.minimum(room.z, 20)[..., None], room.normal, room.albedo)
    )
    light = shine_on(lighting, points, normals, albedo, np.zeros(len(points)), (vertices, faces)).reshape(rays.shape)

    # the hand in finer pixels over the room
    light, z, normals, dark = (
        a.repeat(_FINE, 0).repeat(_FINE, 1) for a in (light, room.z, room.normal, room.albedo.mean(-1))
    )
    # a pixel's centre, whole in the camera's coordinates, is half way between its subpixels' centres
    lens = (*(f * _FINE for f in (camera.fx, camera.fy)), *(_FINE * (c + 0.5) - 0.5 for c in (camera.cx, camera.cy)))
    depth, face_id, bary = render(vertices, faces, lens, (HEIGHT * _FINE, WIDTH * _FINE))
    drawn = face_id >= 0
    fine_rays = _rays(camera, _FINE)[drawn]
    blend = np.column_stack([bary[drawn], 1 - bary[drawn].sum(-1)])
    corner = np.empty_like(vertices)
    vertex_normals(vertices, faces, corner)
    smooth = np.einsum("nk,nki->ni", blend, corner[faces[face_id[drawn]]])
    smooth /= np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-12
    # mirrored meshes are inside out: what we see faces us
    smooth[np.einsum("ni,ni->n", smooth, fine_rays) > 0] *= -1
    albedo, gloss = _colours(rig, scene, rng, face_id[drawn], blend, faces)
    z[drawn], normals[drawn], dark[drawn] = depth[drawn], smooth, albedo.mean(-1)
    points = fine_rays * depth[drawn, None]
    light[drawn] = shine_on(lighting, points, smooth, albedo, gloss, (vertices, faces))

    light, seen, dark = (cv2.resize(a, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for a in (light, normals, dark))
    rgb = expose(rng, light)
    facing = -np.einsum("vui,vui->vu", seen, rays) / np.linalg.norm(rays, axis=-1)
    coarse = z[1::_FINE, 1::_FINE]
    if clean:
        measured = np.where(np.isfinite(coarse), coarse, 0)
    elif rng.random() < 0.6:
        measured = measure_stereo(rng, coarse, facing, camera.fx)
    else:
        measured = measure_time_of_flight(rng, z, facing, dark)
    return RgbdFrame(camera, rgb, measured.astype(np.float32))


def _colours(
    rig: Rig, scene: Scene, rng: np.random.Generator, seen: Array, blend: Array, faces: Array
) -> tuple[Array, Array]:
    """Linear albedo (N, 3) and gloss (N,) where faces `seen` (N,) show with weights `blend` (N, 3)."""
    tone = np.exp(rng.normal(0, 0.08, 3)) * rng.choice([1.0, 0.75, 0.45, 0.25]) * np.exp(rng.normal(0, 0.12))
    skin = len(rig.faces)
    on_skin = seen < skin
    uv = np.einsum("nk,nki->ni", blend[on_skin], rig.uv[faces[seen[on_skin]]])
    albedo = np.empty((len(seen), 3))
    albedo[on_skin] = _bilinear(rig.texture, uv) ** 2.2
    arm = rig.weights[:, FOREARM] > 0.9
    wrist = rig.texture[tuple(rig.uv[arm].astype(int).clip(0, len(rig.texture) - 1).T[::-1])]
    cloth = rng.uniform(0.02, 0.8) * (0.4 + 0.6 * rng.random(3))
    bare = np.median(wrist, axis=0) ** 2.2
    albedo[~on_skin] = bare if scene.bare else cloth / tone
    gloss = np.where(on_skin | scene.bare, rng.uniform(0.01, 0.12), 0.0)
    return (albedo * tone).clip(0.005, 0.95), gloss


def _bilinear(texture: Array, uv: Array) -> Array:
    """The texture (h, w, 3) at `uv` (N, 2) pixels."""
    start = np.floor(uv).astype(int).clip(0, np.array(texture.shape[1::-1]) - 2)
    across, down = (uv - start).clip(0, 1).T[..., None]
    column, row = start.T
    upper = texture[row, column] * (1 - across) + texture[row, column + 1] * across
    lower = texture[row + 1, column] * (1 - across) + texture[row + 1, column + 1] * across
    found: Array = upper * (1 - down) + lower * down
    return found


def _viewpoint(rng: np.random.Generator, arm: Array) -> Array:
    """Rotation (3, 3) from the hand to the camera: fingers mostly up, any turn about them. An `arm` (3,) that would
    reach towards the camera and hide its hand is seen from elsewhere."""
    up = np.array([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])  # fingers up, palm to the camera
    while True:
        about = Rotation.from_euler("y", rng.uniform(-180, 180), degrees=True)
        lean = Rotation.from_euler("x", rng.normal(0, 40), degrees=True)
        roll = Rotation.from_euler("z", rng.normal(0, 60), degrees=True)
        turn: Array = (roll * lean * about).as_matrix() @ up
        if (turn @ arm)[2] > -0.25 * np.linalg.norm(arm):
            return turn


def _box(rng: np.random.Generator, vertices: Array, rig: Rig, camera: PinholeCamera) -> Array:
    """The hand's bounding box in the picture (4,) x y w h, each edge off by a twentieth, as a detector's is."""
    pixels = project(vertices[rig.weights[:, FOREARM] < 0.5], camera)
    limit = np.array([WIDTH - 1, HEIGHT - 1])
    low, high = pixels.min(0).clip(0, limit), pixels.max(0).clip(0, limit)
    extent = high - low
    low, high = low + rng.normal(0, 0.05, 2) * extent, high + rng.normal(0, 0.05, 2) * extent
    return np.concatenate([low, high - low])


def _tube(rings: int, sides: int) -> Array:
    """Faces of a tube of rings."""
    here = np.arange((rings - 1) * sides).reshape(rings - 1, sides)
    beside = np.roll(here, -1, axis=1)
    quads = np.stack([here, beside, here + sides, beside, beside + sides, here + sides], -1)
    return quads.reshape(-1, 3)


def _rays(camera: PinholeCamera, fine: int) -> Array:
    """Directions (fine H, fine W, 3) with z = 1 through the subpixels."""
    u, v = ((np.arange(length * fine) + 0.5) / fine - 0.5 for length in (camera.width, camera.height))
    x, y = np.meshgrid((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy)
    return np.stack([x, y, np.ones_like(x)], -1)
