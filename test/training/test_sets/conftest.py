"""What the tests of the test sets share."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.test_sets.film import RIGS
from training.test_sets.rig import BONE_COUNT, FOREARM, Rig, build_rig

FOLDERS = {"libhand": "libhand", "webxr": "webxr_generic_hand"}


@pytest.fixture(scope="session", params=sorted(RIGS))
def real_rig(request: pytest.FixtureRequest, shared_data: Path) -> Rig:
    """One of the two hands, where their files are."""
    return RIGS[request.param](shared_data / "assets" / FOLDERS[request.param])


@pytest.fixture(scope="session")
def blocks() -> Rig:
    """A hand of boxes, one a bone, with fingers straight and thumb aside, a fifth of everything in some other unit."""
    heads = np.zeros((16, 3))
    heads[1:4] = [[-25, 30, -15], [-45, 55, -25], [-62, 75, -34]]
    for finger, x in enumerate((-20, 0, 18, 35)):
        for k, y in enumerate((85, 130, 155)):
            heads[4 + 3 * finger + k] = [x, y - 0.3 * abs(x), 0]
    ends = np.zeros((16, 3))
    ends[0] = [0, 80, 0]
    for bone in range(1, 16):
        ends[bone] = heads[bone + 1] if bone % 3 else heads[bone] + 0.8 * (heads[bone] - heads[bone - 1])
    vertices, faces, weights = [], [], []
    for bone in range(17):
        start, end = (heads[bone], ends[bone]) if bone < FOREARM else (np.zeros(3), np.array([0, -60.0, 0]))
        half = (32, 14) if bone in (0, FOREARM) else (7, 6)
        corners, sides = _block(start, end, *half)
        faces.append(sides + len(vertices) * 8)
        vertices.append(corners)
        weights.append(np.eye(BONE_COUNT)[[bone] * 8] * 0.7)  # rows that do not sum to 1
    axes = np.tile([-1.0, 0, 0], (16, 1))
    axes[1:4] = [0.35, 0.1, -0.93]
    pointing = ends[3::3] - heads[3::3]
    points = np.concatenate(vertices)
    uv = np.random.default_rng(0).uniform(2, 60, (len(points), 2))
    texture = cv2.resize(np.full((2, 2, 3), 0.6, np.float32), (64, 64))
    return build_rig(
        points / 5, np.concatenate(faces), uv, texture, np.concatenate(weights), heads / 5, axes, pointing / 5
    )


def _block(start: np.ndarray, end: np.ndarray, wide: float, thick: float) -> tuple[np.ndarray, np.ndarray]:
    along = end - start
    side = np.cross(along, [0, 0, 1.0])
    side *= wide / np.linalg.norm(side)
    deep = np.cross(side, along)
    deep *= thick / np.linalg.norm(deep)
    corners = [p + a * side + b * deep for p in (start, end) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    quads = [(0, 1, 2, 3), (7, 6, 5, 4), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)]
    return np.array(corners), np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
