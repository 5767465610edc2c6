"""Hands as tapered capsules: one for each finger bone, as thick as the skin around it, and four along the palm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.hands.model import BONE_PARENT, FINGER_BONES, Array, HandModel, HandShape

#: Sections of the palm at 30 % and 95 % of each metacarpal: how far (m) its middle lies below the bone, its radius.
PALM_SECTIONS = ((0.30, 0.0045, 0.0205), (0.95, 0.009, 0.0145))


@dataclass(frozen=True)
class Capsules:
    """Lengths in metres. local: (B, 16, 3) from the parent's head to each bone's, in the parent's frame. bones:
    (B, 5, 3, 2, 4) both ends (from the bone's head, in its frame) and radii of the finger bones. palm: (B, 4, 2, 4)
    the same of the metacarpals, hand frame, index first."""

    local: Array
    bones: Array
    palm: Array


def measure_capsules(model: HandModel, shape: HandShape) -> Capsules:
    """The capsules of a batch of hands."""
    offsets, radii = model.sections[..., :3], model.sections[..., 3]
    batch = len(shape.heads)
    local = np.zeros((batch, 16, 3))
    for bone, parent in enumerate(BONE_PARENT[1:], start=1):
        step = shape.heads[:, bone] - shape.heads[:, parent]
        local[:, bone] = (shape.scales[:, parent] @ step[..., None])[..., 0]
    bones = np.empty((batch, 5, 3, 2, 4))
    for finger, own in enumerate(FINGER_BONES):
        for k, bone in enumerate(own):
            scale = shape.scales[:, bone]
            end = (shape.tips[:, finger] if k == 2 else shape.heads[:, bone + 1]) - shape.heads[:, bone]
            axis = end / np.linalg.norm(end, axis=1, keepdims=True)
            if k == 2:
                end = end - radii[finger, 3] * axis  # the tip is at the skin
            along = np.einsum("bi,bij,bj->b", axis, scale, axis)
            across = (np.trace(scale, axis1=1, axis2=2) - along) / 2  # as thick one way as the other
            for side, start in enumerate((np.zeros_like(end), end)):
                bones[:, finger, k, side, :3] = (scale @ (start + offsets[finger, k + side])[..., None])[..., 0]
                bones[:, finger, k, side, 3] = radii[finger, k + side] * across
    palm = np.empty((batch, 4, 2, 4))
    wide = shape.scales[:, 0]
    for k in range(4):
        metacarpal = shape.heads[:, 4 + 3 * k] - shape.heads[:, 0]
        for side, (share, sink, radius) in enumerate(PALM_SECTIONS):
            palm[:, k, side, :3] = (wide @ (share * metacarpal - [0, 0, sink])[..., None])[..., 0]
            palm[:, k, side, 3] = radius * wide[:, 2, 2]
    return Capsules(local, bones, palm)
