"""What a light sees of a stage: where it sees something nearer, a point lies in shadow."""

from __future__ import annotations

import numpy as np
from numba import njit

from training.hands.model import Array, HandModel
from training.hands.stage import Stage, draw_hands
from training.hands.things import add_things

#: How far lights are, and how large the pixels are in which they see a scene.
LIGHT_M, LIGHT_PIXEL_M = 3.0, 0.005
#: Pixels of a side of their pictures, at least and at most.
LIGHT_PX = 32, 320


def light_view(model: HandModel, stage: Stage, direction: Array) -> tuple[Array, Array, tuple, Array]:
    """What a light in unit `direction` (3,) sees of the stage but its plane: the turn (3, 3, rows) and place (3,) of
    its frame, its lens and the nearness (L, L) in its picture, 1 / metres, 0 where nothing is."""
    return _light_view(
        stage.vertices, model.faces, stage.right, stage.first, stage.kind, stage.centre, stage.turn, stage.half,
        direction,
    )  # fmt: skip


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _light_view(vertices, faces, right, first, kind, centre, turn, half, direction):
    axes, place = np.empty((3, 3)), np.empty(3)
    axes[2] = -direction
    for c in range(3):
        place[c] = 0.0
    upright = abs(axes[2, 1]) < 0.9  # across from (0, 1, 0), or from (1, 0, 0) where the light comes from above
    axes[0, 0], axes[0, 1] = (axes[2, 2], 0.0) if upright else (0.0, -axes[2, 2])
    axes[0, 2] = -axes[2, 0] if upright else axes[2, 1]
    axes[0] /= np.sqrt((axes[0] ** 2).sum())
    for c in range(3):
        a, b = (c + 1) % 3, (c + 2) % 3
        axes[1, c] = axes[2, a] * axes[0, b] - axes[2, b] * axes[0, a]
    diagonal = 0.0
    for c in range(3):
        low, high = np.inf, -np.inf
        for k in range(vertices.shape[0]):
            for i in range(vertices.shape[1]):
                low, high = min(low, vertices[k, i, c]), max(high, vertices[k, i, c])
        if vertices.shape[0] == 0:
            low, high = centre[:, c].min(), centre[:, c].max()
        place[c] = (low + high) / 2 + LIGHT_M * direction[c]
        diagonal += (high - low) ** 2
    reach = max(0.1, 0.55 * np.sqrt(diagonal))
    size = int(min(max(2 * reach / LIGHT_PIXEL_M, LIGHT_PX[0]), LIGHT_PX[1]))
    focal, middle = size / 2 / reach * LIGHT_M, size / 2 - 0.5
    lens = (focal, focal, middle, middle)

    nearness = np.zeros((size, size), np.float32)
    face, part = np.empty((size, size), np.int32), np.empty((size, size), np.uint8)
    moved = np.empty(vertices.shape)
    for k in range(vertices.shape[0]):
        for i in range(vertices.shape[1]):
            for c in range(3):
                moved[k, i, c] = (
                    axes[c, 0] * (vertices[k, i, 0] - place[0]) + axes[c, 1] * (vertices[k, i, 1] - place[1])
                    + axes[c, 2] * (vertices[k, i, 2] - place[2])
                )  # fmt: skip
    draw_hands(moved, faces, right, first, lens, nearness, face)
    moved_centre, moved_turn = np.zeros(centre.shape), np.zeros(turn.shape)
    for k in range(centre.shape[0]):
        for c in range(3):
            for d in range(3):
                moved_centre[k, c] += axes[c, d] * (centre[k, d] - place[d])
                for e in range(3):
                    moved_turn[k, c, d] += turn[k, c, e] * axes[d, e]
    add_things(nearness, part, lens, kind, moved_centre, moved_turn, half)
    return axes, place, lens, nearness
