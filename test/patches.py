"""A picture of patches that stand for hands."""

from __future__ import annotations

import numpy as np

from training.detector.photos import Scene


def scene(depth: bool = False) -> Scene:
    """Two white patches on grey, the left one a left hand's."""
    rgb = np.full((240, 320, 3), 90, np.uint8)
    boxes = np.array([[40.0, 60.0, 90.0, 130.0], [200.0, 100.0, 260.0, 170.0]])
    depth_m = np.full((240, 320), 1.4, np.float32) if depth else None
    for left, top, right, bottom in boxes.astype(int):
        rgb[top:bottom, left:right] = 255
        if depth_m is not None:
            depth_m[top:bottom, left:right] = 0.5
    return Scene(rgb, depth_m, boxes, np.array([0.0, 1.0]))
