"""One complete sample as files: both pictures and their labels, in the form that shards hold.

`<index>.rgb.png` (S, S, 3); `<index>.depth.png` (S, S) 16 bit, cube units from -1 to 1 as 0 to 65535;
`<index>.labels.npz` with everything else of `Sample`. Nothing is lost but depth's last 4 µm.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from hand_pose_ros.types import HandPoseError
from training.hands.model import Array
from training.hands.pictures import Studio, sample_framing
from training.hands.samples import pose_labels, see_depth
from training.hands.scene import HALF, SceneSettings, sample_scenes, surfaces

#: So many scenes are drawn at once; block b of a seed follows from (seed, b).
BLOCK = 64
FILES = ("rgb.png", "depth.png", "labels.npz")
_DEPTH_STEPS = 65535


@dataclass(frozen=True)
class Sample:
    """rgb: (S, S, 3) uint8, red first. depth: (s, s) float32 in cube units, 1 where nothing came back. joints: (21, 3)
    and surface: (256, 3), metres from the cube's centre. joints_2d, joints_2d_depth: (21, 2) in the crop coordinates of
    the colour and of the depth picture, which span tan_half and tan_half_depth (). distance: () metres to the cube's
    centre. right, present: () 1 or 0; labels of hands that are not right ones or not there mean nothing."""

    rgb: Array
    depth: Array
    joints: Array
    surface: Array
    joints_2d: Array
    joints_2d_depth: Array
    tan_half: Array
    tan_half_depth: Array
    distance: Array
    right: Array
    present: Array


def make_block(
    studio: Studio, seed: int, block: int, rgb_size: int, depth_size: int, settings: SceneSettings
) -> Iterator[Sample]:
    """The BLOCK samples of a block, left hands mirrored; the same whenever and wherever they are made."""
    rng = np.random.default_rng([seed, block])
    scenes = sample_scenes(studio.model, rng, BLOCK, settings)
    tan_half = sample_framing(rng, scenes)
    vertices = surfaces(studio.model, scenes)
    rgb = studio.see_rgb(rng, scenes, vertices, tan_half, rgb_size)
    surface, joints, joints_2d = pose_labels(studio.model, rng, scenes, vertices, tan_half)
    cube = HALF / scenes.distance
    in_depth = scenes.joints[..., :2] / scenes.joints[..., 2:] / cube[:, None, None]
    for i in range(BLOCK):
        depth = see_depth(studio.model, scenes, vertices[i], i, depth_size)
        turn = slice(None) if scenes.right[i] else slice(None, None, -1)
        floats = joints[i], surface[i], joints_2d[i], in_depth[i], tan_half[i], cube[i], scenes.distance[i]
        flags = scenes.right[i], scenes.present[i]
        yield Sample(rgb[i][:, turn], depth[:, turn], *(np.asarray(a, np.float32) for a in (*floats, *flags)))


def pack(sample: Sample) -> dict[str, bytes]:
    """The sample's files by ending; the same sample gives the same bytes."""
    steps = np.rint((sample.depth + 1) / 2 * _DEPTH_STEPS).astype(np.uint16)
    labels = io.BytesIO()
    np.savez(labels, **{f.name: getattr(sample, f.name) for f in fields(Sample)[2:]})
    return {
        "rgb.png": cv2.imencode(".png", np.ascontiguousarray(sample.rgb[..., ::-1]))[1].tobytes(),
        "depth.png": cv2.imencode(".png", steps)[1].tobytes(),
        "labels.npz": labels.getvalue(),
    }


def unpack(files: Mapping[str, bytes], where: Path | str) -> Sample:
    """The sample of these files; raises HandPoseError, naming `where` they are from, if one is missing or damaged."""
    missing = [name for name in FILES if name not in files]
    if missing:
        raise HandPoseError(f"{where}: lacks {', '.join(missing)}; render the shard again")
    rgb = cv2.imdecode(np.frombuffer(files["rgb.png"], np.uint8), cv2.IMREAD_COLOR)
    steps = cv2.imdecode(np.frombuffer(files["depth.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    try:
        with np.load(io.BytesIO(files["labels.npz"])) as data:
            labels = {f.name: data[f.name] for f in fields(Sample)[2:]}
    except (OSError, ValueError, KeyError) as error:
        raise HandPoseError(f"{where}: labels.npz cannot be read ({error}); render the shard again") from error
    if rgb is None or steps is None:
        raise HandPoseError(f"{where}: a picture cannot be decoded; render the shard again")
    depth = steps.astype(np.float32) / np.float32(_DEPTH_STEPS / 2) - 1
    return Sample(np.ascontiguousarray(rgb[..., ::-1]), depth, **labels)
