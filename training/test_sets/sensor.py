"""Sensors: what a colour camera makes of light, and a stereo or a time-of-flight camera of distance."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.test_sets.rig import Array

#: Of the stereo camera: metres between its eyes, and the steps of a disparity, pixels (Intel RealSense D400 family).
BASELINE_M = 0.050
DISPARITY_STEP = 1 / 32
NEAREST_M = 0.17


def expose(rng: np.random.Generator, light: Array) -> NDArray[np.uint8]:
    """An sRGB picture (H, W, 3) of linear light (H, W, 3): exposure, white balance, blur, shot and read noise."""
    middle, bright = np.percentile(light.mean(-1), [70, 98]) + 1e-6
    gain = min(rng.uniform(0.2, 0.45) / middle, 1 / bright)  # highlights are kept, as cameras do
    light = light * gain * np.exp(rng.normal(0, 0.05, 3))
    light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.35, 0.9))
    shot, read = rng.uniform(0.002, 0.02), rng.uniform(0.001, 0.006)
    light = light + rng.normal(0, 1, light.shape) * np.sqrt(shot**2 * light.clip(0) + read**2)
    light = light.clip(0, 1)
    coded = np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * coded).astype(np.uint8)


def measure_stereo(rng: np.random.Generator, z: Array, facing: Array, focal: float) -> Array:
    """Depth (H, W) metres, 0 where there is none, of an active stereo camera looking at true depth `z` (H, W, inf for
    nothing), whose surfaces turn away from it by the cosines `facing` (H, W).

    Disparity is found in windows, so edges move by about a pixel and noise hangs together; it comes in steps, so
    depth's steps grow with its square; what the second eye does not see, and what turns away, has none.
    """
    height, width = z.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    wobble = [cv2.GaussianBlur(rng.normal(0, 1, z.shape).astype(np.float32), (0, 0), 1.5) * 5.3 for _ in range(2)]
    across, down = columns + 0.6 * wobble[0], rows + 0.6 * wobble[1]
    near = np.minimum(z, 20).astype(np.float32)
    shown = cv2.remap(near, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    disparity = focal * BASELINE_M / shown
    noise = cv2.GaussianBlur(rng.normal(0, 1, z.shape), (0, 0), 1.0) * 3.5
    found = np.rint((disparity + rng.uniform(0.03, 0.09) * noise) / DISPARITY_STEP) * DISPARITY_STEP
    # the other eye sees, in each of its columns, only what is nearest
    landing = np.rint(columns - disparity).astype(int).clip(0, width - 1)
    nearest = np.zeros(z.shape)
    np.maximum.at(nearest, (np.broadcast_to(np.arange(height)[:, None], z.shape), landing), disparity)
    hidden = disparity < np.take_along_axis(nearest, landing, 1) - 1.0
    patchy = cv2.GaussianBlur(rng.normal(0, 1, z.shape), (0, 0), 2.5) * 8.8
    lost = hidden | (facing < 0.12 + 0.06 * patchy) | (patchy > rng.uniform(1.9, 3.2)) | (shown > 8)
    with np.errstate(divide="ignore"):
        depth = np.where(found > 0, focal * BASELINE_M / found, 0)
    return np.where(lost | (depth < NEAREST_M), 0, depth)


def measure_time_of_flight(rng: np.random.Generator, fine: Array, facing: Array, albedo: Array) -> Array:
    """Depth (H, W) metres, 0 where there is none, of a time-of-flight camera: `fine` (2H, 2W) is the true depth at
    twice its resolution, `facing` and `albedo` (H, W) say how much of its light comes back.

    A pixel across an edge mixes both distances (flying pixels); noise grows with distance and with darkness; light
    that bounces into creases makes them look farther.
    """
    fine = np.minimum(fine, 20.0)
    parts = np.stack([fine[a::2, b::2] for a in (0, 1) for b in (0, 1)])
    strength = (albedo * facing.clip(0.05)) ** 0.5
    weight = 1 / parts**2
    z = (parts * weight).sum(0) / weight.sum(0)
    spread = parts.max(0) - parts.min(0)
    bounce = cv2.GaussianBlur(np.minimum(z, 2.0), (0, 0), 6) - np.minimum(z, 2.0)
    depth = z + rng.uniform(0, 0.15) * bounce.clip(0, 0.02) + rng.normal(0, 0.0015)
    depth = depth + rng.normal(0, 1, z.shape) * rng.uniform(0.0008, 0.002) * (0.3 + z**2) / strength.clip(0.15)
    lost = (strength * rng.uniform(0.8, 1.2) / z.clip(0.2) < 0.05) | (z > 6) | (z < 0.15)
    lost |= (spread > 0.03) & (rng.random(z.shape) < rng.uniform(0.2, 0.8))
    return np.where(lost, 0, depth)
