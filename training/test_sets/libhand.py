"""LibHand's hand (Marin Šarić, libhand.org; model and texture CC BY 3.0) as a rig."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hand_pose_ros.types import HandPoseError
from training.test_sets.rig import BONE_COUNT, FOREARM, Rig, build_rig

ATTRIBUTION = "LibHand's hand model and texture, Marin Šarić, CC BY 3.0"
#: Our finger bones from the thumb on; LibHand counts fingers from the little finger to the thumb.
_FINGERS = ("finger5", "finger4", "finger3", "finger2", "finger1")
_HANDS_SHARE = 1024  # pixels of the texture that we keep: a hand fills a few hundred


def load_libhand(folder: Path) -> Rig:
    """Reads `libhand_arm.npz` and `hand_texture.png`; raises HandPoseError where they are missing or damaged."""
    mesh_file, picture_file = folder / "libhand_arm.npz", folder / "hand_texture.png"
    picture = cv2.imread(str(picture_file))
    if not mesh_file.is_file() or picture is None:
        raise HandPoseError(f"{folder}: needs LibHand's libhand_arm.npz and hand_texture.png; name their folder")
    try:
        with np.load(mesh_file) as data:
            names = [str(name) for name in data["bone_names"]]
            vertices, uv, faces = data["vertices"].astype(float), data["uv"].astype(float), data["faces_skin"]
            raw, bind = data["weights"].astype(float), data["bind_global"]
    except (OSError, ValueError, KeyError) as error:
        raise HandPoseError(f"{mesh_file}: cannot be read ({error}); copy it again") from error
    ours = ["metacarpals"] + [f"{finger}joint{k}" for finger in _FINGERS for k in (1, 2, 3)]
    weights = np.zeros((len(vertices), BONE_COUNT))
    for bone, name in enumerate(names):
        # "carpals" is the forearm; "Bone" and its kin are metacarpals, and our palm is one rigid bone
        target = ours.index(name) if name in ours else FOREARM if name in ("root", "carpals") else 0
        weights[:, target] += raw[:, bone]
    frames = bind[[names.index(name) for name in ours]]
    # bones lie along their y axis and flex about -x; the thumb's base is turned, so it takes its neighbour's axis
    axes, along = -frames[:, :3, 0], frames[:, :3, 1]
    axes[1] = axes[2] - (axes[2] @ along[1]) * along[1]
    texture = cv2.resize(picture, (_HANDS_SHARE, _HANDS_SHARE), interpolation=cv2.INTER_AREA)
    return build_rig(
        vertices,
        faces.astype(np.int32),
        uv * (_HANDS_SHARE - 1),
        cv2.cvtColor(texture, cv2.COLOR_BGR2RGB).astype(np.float32) / 255,
        weights,
        frames[:, :3, 3],
        axes,
        along[3::3],
    )
