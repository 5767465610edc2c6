"""Synthetic depth pictures of simple solids, exact to floating point, for tests of geometry."""

from __future__ import annotations

import numpy as np

from hand_pose_ros.types import FloatArray, PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(500.0, 505.0, 322.0, 238.0, 640, 480)


def rays(camera: PinholeCamera = CAMERA) -> FloatArray:
    """(H, W, 3) directions through the pixels, with z = 1."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1)


def depth_of_balls(balls: FloatArray, camera: PinholeCamera = CAMERA) -> FloatArray:
    """Depth picture (H, W) in metres, 0 where nothing is, of balls (N, 4): x, y, z, radius."""
    direction = rays(camera)
    squared = (direction**2).sum(axis=-1)
    depth = np.full(squared.shape, np.inf)
    for *centre, radius in balls:
        along = direction @ np.array(centre)
        discriminant = along**2 - squared * (np.dot(centre, centre) - radius**2)
        hit = discriminant > 0
        z = (along - np.sqrt(np.where(hit, discriminant, 0.0))) / squared
        depth = np.where(hit & (z > 0), np.minimum(depth, z), depth)
    return np.where(np.isfinite(depth), depth, 0.0).astype(np.float32)


def rod(start: FloatArray, end: FloatArray, radius: float, end_radius: float | None = None) -> FloatArray:
    """Balls (N, 4) along a line, close enough to look like a rod."""
    share = np.linspace(0.0, 1.0, 16)[:, None]
    radii = radius + share * ((radius if end_radius is None else end_radius) - radius)
    return np.hstack([np.asarray(start) + share * (np.asarray(end) - np.asarray(start)), radii])


def arm(wrist: FloatArray, along: FloatArray, forearm_m: float = 0.35) -> tuple[FloatArray, FloatArray]:
    """Balls (N, 4) of a forearm, a palm and three fingers, and the middle (3,) of the hand, 5 cm beyond the wrist.

    along: unit vector from elbow to hand.
    """
    wrist, along = np.asarray(wrist, dtype=float), np.asarray(along, dtype=float)
    across = np.cross(along, (0.0, 0.0, 1.0))
    parts = [rod(wrist - forearm_m * along, wrist, 0.045, 0.028)]
    for side in (-0.025, 0.0, 0.025):
        knuckle = wrist + 0.09 * along + side * across
        parts += [rod(wrist + 0.01 * along + side * across, knuckle, 0.018)]
        parts += [rod(knuckle, knuckle + 0.08 * along + 0.6 * side * across, 0.009)]
    return np.concatenate(parts), wrist + 0.08 * along


def arm_frame(balls: FloatArray, camera: PinholeCamera = CAMERA) -> RgbdFrame:
    """The balls in front of nothing, grey where something is and black elsewhere."""
    depth = depth_of_balls(balls, camera)
    rgb = np.repeat(np.where(depth > 0, 200, 0).astype(np.uint8)[..., None], 3, axis=-1)
    return RgbdFrame(camera, rgb, depth)
