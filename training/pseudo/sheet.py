"""Labelled hands on one picture, to be looked at."""

from __future__ import annotations

import cv2
import numpy as np

from hand_pose_ros.camera import project
from hand_pose_ros.overlay import Picture, contact_sheet, draw_skeleton
from training.pseudo.teacher import PATCH_PX, PseudoLabels, camera_of

TILE_PX = 200


def draw_labels(labels: PseudoLabels, count: int) -> Picture:
    """At most `count` of the hands, evenly picked, with their joints."""
    scale, tiles = TILE_PX / PATCH_PX, []
    for k in np.unique(np.linspace(0, len(labels.rgb) - 1, count).round().astype(int)):
        picture = cv2.resize(labels.rgb[k], (TILE_PX, TILE_PX), interpolation=cv2.INTER_LINEAR)
        joints_px = (project(labels.joints[k], camera_of(labels, int(k))) + 0.5) * scale - 0.5
        tiles.append(draw_skeleton(np.asarray(picture, np.uint8), joints_px, scale=0.5))
    return contact_sheet(tiles, 10)
