"""The generic hand of the WebXR input profiles (Amazon, MIT) as a rig. It comes without a texture, so one is painted:
a paler palm, darker creases and redder knuckles over the joints, nails.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hand_pose_ros.types import HandPoseError
from training.test_sets.rig import BONE_COUNT, FOREARM, Array, Rig, build_rig

ATTRIBUTION = "WebXR input profiles' generic hand, Amazon, MIT"
_FINGERS = ("thumb", "index-finger", "middle-finger", "ring-finger", "pinky-finger")
_TEXTURE = 512
_DTYPES = {5121: "u1", 5123: "<u2", 5126: "<f4"}
_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_PALM = np.array([0.86, 0.64, 0.56])
_BACK = np.array([0.78, 0.57, 0.46])
_CREASE = np.array([0.62, 0.40, 0.33])
_NAIL = np.array([0.90, 0.70, 0.66])


def load_webxr(folder: Path) -> Rig:
    """Reads `right.glb`; raises HandPoseError where it is missing or damaged."""
    file = folder / "right.glb"
    try:
        arrays, names = _read_glb(file)
    except OSError as error:
        raise HandPoseError(f"{file}: cannot be read ({error.strerror}); name the WebXR hand's folder") from error
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise HandPoseError(f"{file}: not the WebXR generic hand ({error}); copy it again") from error
    ours = ["wrist"]
    for finger in _FINGERS:
        bones = ("metacarpal", "phalanx-proximal", "phalanx-distal")
        if finger != "thumb":
            bones = ("phalanx-proximal", "phalanx-intermediate", "phalanx-distal")
        ours += [f"{finger}-{bone}" for bone in bones]
    vertices, uv, faces = (arrays[key].astype(float) for key in ("POSITION", "TEXCOORD_0", "indices"))
    faces = faces.reshape(-1, 3).astype(np.int32)
    # the wrist's lid, an island of its own in the texture: the arm goes on there
    faces = faces[~(uv[faces] < [0.35, 0.25]).all((1, 2))]
    weights = np.zeros((len(vertices), BONE_COUNT))
    target = np.array([ours.index(name) if name in ours else 0 for name in names])
    for index, tip in enumerate(f"{name}-tip" for name in _FINGERS):
        target[names.index(tip)] = 3 + 3 * index
    np.add.at(weights, (np.arange(len(vertices))[:, None], target[arrays["JOINTS_0"]]), arrays["WEIGHTS_0"])
    # bones point along -z and flex about -x (WebXR Hand Input, W3C)
    frames = np.linalg.inv(arrays["inverse_bind"].reshape(-1, 4, 4).transpose(0, 2, 1).astype(float))
    bind = frames[[names.index(name) for name in ours]]
    tips = frames[[names.index(f"{name}-tip") for name in _FINGERS], :3, 3]
    blank = np.zeros((_TEXTURE, _TEXTURE, 3), np.float32)
    heads, axes, pointing = bind[:, :3, 3], -bind[:, :3, 0], tips - bind[3::3, :3, 3]
    rig = build_rig(vertices, faces, uv * (_TEXTURE - 1), blank, weights, heads, axes, pointing)
    # what lies behind the wrist is arm
    arm = np.clip(0.5 - (rig.vertices[:, 1] - rig.offsets[0, 1]) / 0.024, 0, 1) * rig.weights[:, 0]
    rig.weights[:, 0] -= arm
    rig.weights[:, FOREARM] += arm
    rig.texture[:] = _paint(rig)
    return rig


def _read_glb(file: Path) -> tuple[dict[str, Array], list[str]]:
    """The mesh's and the skin's arrays by their glTF names, and the bones' names."""
    data = file.read_bytes()
    if data[:4] != b"glTF":
        raise ValueError("no glTF header")
    (length,) = struct.unpack_from("<I", data, 12)
    tree: dict[str, Any] = json.loads(data[20 : 20 + length])
    binary = data[28 + length :]
    primitive, skin = tree["meshes"][0]["primitives"][0], tree["skins"][0]

    def read(index: int) -> Array:
        accessor = tree["accessors"][index]
        columns = _COLUMNS[accessor["type"]]
        start = tree["bufferViews"][accessor["bufferView"]].get("byteOffset", 0)
        flat = np.frombuffer(binary, _DTYPES[accessor["componentType"]], accessor["count"] * columns, start)
        return flat.reshape(-1, columns)

    arrays = {name: read(index) for name, index in primitive["attributes"].items()}
    arrays |= {"indices": read(primitive["indices"]), "inverse_bind": read(skin["inverseBindMatrices"])}
    return arrays, [tree["nodes"][node]["name"] for node in skin["joints"]]


def _paint(rig: Rig) -> Array:
    """A skin (h, w, 3) for the rig, painted vertex by vertex and blended over the faces, with grain over all."""
    normals = np.zeros_like(rig.vertices)
    corners = rig.vertices[rig.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for k in range(3):
        np.add.at(normals, rig.faces[:, k], across)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    size = rig.texture.shape[0]
    where = np.full((size, size, 6), np.nan)
    for face in rig.faces:
        low = np.floor(rig.uv[face].min(0) - 1).astype(int).clip(0, size - 1)
        high = np.ceil(rig.uv[face].max(0) + 1).astype(int).clip(0, size - 1)
        u, v = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        edges = np.vstack([rig.uv[face].T, np.ones(3)])
        weights = np.linalg.lstsq(edges, np.stack([u.ravel(), v.ravel(), np.ones(u.size)]), rcond=None)[0].T
        inside = (weights > -0.6).all(1)  # a rim, so that filtering never reaches beside the paint
        filled = weights[inside] @ np.concatenate([rig.vertices[face], normals[face]], axis=1)
        where[v.ravel()[inside], u.ravel()[inside]] = filled
    point, normal = where[..., :3], where[..., 3:]
    dorsal = normal[..., 2]
    colour = _PALM + (_BACK - _PALM) * np.clip(0.5 + dorsal, 0, 1)[..., None]
    for finger in range(5):
        for bone in (1 + 3 * finger + k for k in range(3)):
            end = rig.heads[bone + 1] if bone % 3 else rig.tips[finger]
            along = (end - rig.heads[bone]) / np.linalg.norm(end - rig.heads[bone])
            back = np.cross(along, rig.flex_axes[bone])
            relative = point - rig.heads[bone]
            near = np.exp(-(((np.abs(relative @ along)) / 0.0018) ** 2)) * (np.linalg.norm(relative, axis=-1) < 0.016)
            if bone % 3 != 1:
                colour += (_CREASE - colour) * (0.5 * near)[..., None]
            if bone % 3 == 0:
                # nails: an ellipse on the back of the last bone, a little before the tip
                ahead, up = (point - rig.tips[finger]) @ along + 0.008, normal @ back
                aside = (point - rig.tips[finger]) @ rig.flex_axes[bone]
                nail = ((ahead / 0.0065) ** 2 + (aside / 0.0055) ** 2 < 1) & (up > 0.25)
                colour = np.where(nail[..., None], _NAIL, colour)
    rng = np.random.default_rng(0)
    for cells, strength in ((9, 0.04), (40, 0.025), (size, 0.02)):
        grain = rng.normal(0, strength, (cells, cells)).astype(np.float32)
        colour *= 1 + cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    painted: Array = np.where(np.isfinite(colour), colour, _BACK).clip(0, 1).astype(np.float32)
    return painted
