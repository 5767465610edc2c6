"""One hand in four small pictures, for sheets and reports."""

from __future__ import annotations

import numpy as np

from hand_pose_ros import overlay
from hand_pose_ros.camera import project
from hand_pose_ros.overlay import Picture
from hand_pose_ros.types import FloatArray, RgbdFrame


def draw_tiles(
    frame: RgbdFrame,
    joints_m: FloatArray,
    joint_cov_m2: FloatArray,
    true_m: FloatArray,
    cloud_m: FloatArray | None,
    size: int,
) -> list[Picture]:
    """Colour with skeletons, depth with ellipses, points from the front and from the right, `size` pixels square.

    joints_m, true_m: (21, 3), NaN where unknown. cloud_m: (P, 3) surface points, or None.
    """
    seen_px, true_px = project(joints_m, frame.camera), project(true_m, frame.camera)
    around = np.concatenate([seen_px, true_px])
    blank: Picture = np.full((frame.camera.height, frame.camera.width, 3), 38, np.uint8)
    colour, to_tile = overlay.crop_around(frame.rgb if frame.rgb is not None else blank, around, size=size)
    colour = overlay.draw_skeleton(colour, overlay.move_points(seen_px, to_tile))
    colour = overlay.draw_truth(colour, overlay.move_points(true_px, to_tile))
    # Without depth, the ellipses lie on the darkened picture.
    depth: Picture = blank if frame.rgb is None else frame.rgb // 2
    if frame.depth_m is not None:
        near = np.concatenate([joints_m[:, 2], true_m[:, 2]])
        middle = float(np.nanmedian(near)) if np.isfinite(near).any() else None
        depth = overlay.colour_depth(frame.depth_m, *((middle - 0.15, middle + 0.15) if middle else ()))
    depth, to_tile = overlay.crop_around(depth, around, size=size)
    depth = overlay.draw_ellipses(depth, joints_m, joint_cov_m2, frame.camera, to_tile)
    cloud = cloud_m if cloud_m is not None else np.zeros((0, 3))
    return [colour, depth, *(overlay.draw_cloud(cloud, joints_m, sideways=side, size=size) for side in (False, True))]
