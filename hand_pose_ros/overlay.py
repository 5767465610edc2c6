"""Pictures of results: skeletons, covariance ellipses, depth in colours, clouds from the side, contact sheets.

Pictures are (H, W, 3) uint8, red first; every function returns a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_pose_ros.camera import project
from hand_pose_ros.metrics import ELLIPSOID_RADIUS_SQUARED
from hand_pose_ros.skeleton import BONES, FINGERS, JOINT_COUNT
from hand_pose_ros.types import FloatArray, PinholeCamera

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

#: Okabe and Ito's palette, which colour-blind readers can tell apart.
FINGER_COLOURS: dict[str, Colour] = {
    "thumb": (230, 159, 0),
    "index": (0, 190, 135),
    "middle": (86, 180, 233),
    "ring": (224, 130, 180),
    "little": (225, 95, 20),
}
WRIST_COLOUR: Colour = (240, 240, 240)
TRUTH_COLOUR: Colour = (255, 255, 255)
_OUTLINE: Colour = (20, 20, 20)
#: cv2 draws at fractions of a pixel in fixed point with this many bits.
_SHIFT = 4


def joint_colours() -> list[Colour]:
    """One colour per joint: its finger's."""
    colours = [WRIST_COLOUR] * JOINT_COUNT
    for finger, joints in FINGERS.items():
        for joint in joints:
            colours[joint] = FINGER_COLOURS[finger]
    return colours


def draw_skeleton(picture: Picture, joints_px: FloatArray, *, scale: float = 1.0) -> Picture:
    """The hand in its fingers' colours. joints_px: (21, 2); bones with a joint that is NaN are left out."""
    drawn, colours = picture.copy(), joint_colours()
    for colour_of, width in ((lambda joint: _OUTLINE, 4.5), (lambda joint: colours[joint], 2.5)):
        for parent, child in BONES:
            _line(drawn, joints_px[parent], joints_px[child], colour_of(child), width * scale)
    for joint, position in enumerate(joints_px):
        _dot(drawn, position, 4.0 * scale, _OUTLINE)
        _dot(drawn, position, 2.8 * scale, colours[joint])
    return drawn


def draw_truth(picture: Picture, joints_px: FloatArray, *, scale: float = 1.0) -> Picture:
    """The true hand as thin white lines, to lie under or over a drawn skeleton."""
    drawn = picture.copy()
    for colour, width in ((_OUTLINE, 2.6), (TRUTH_COLOUR, 1.2)):
        for parent, child in BONES:
            _line(drawn, joints_px[parent], joints_px[child], colour, width * scale)
    return drawn


def draw_ellipses(
    picture: Picture,
    joints_m: FloatArray,
    joint_cov_m2: FloatArray,
    camera: PinholeCamera,
    to_picture: FloatArray | None = None,
    *,
    level: float = 0.9,
) -> Picture:
    """Outlines of the joints' covariance ellipsoids (of this probability) as the camera sees them.

    to_picture: the (2, 3) matrix of `crop_around`, when the picture is a cut-out of the camera's.
    """
    drawn, colours = picture.copy(), joint_colours()
    outlines = projected_ellipses(joints_m, joint_cov_m2, camera, level=level)
    for joint, outline in enumerate(outlines if to_picture is None else move_points(outlines, to_picture)):
        if _drawable(outline):
            points = np.round(outline * 2**_SHIFT).astype(np.int32)
            cv2.polylines(drawn, [points], True, colours[joint], 1, cv2.LINE_AA, _SHIFT)
    return drawn


def projected_ellipses(
    joints_m: FloatArray, joint_cov_m2: FloatArray, camera: PinholeCamera, *, level: float = 0.9, points: int = 32
) -> FloatArray:
    """Outlines in pixels (J, points, 2): the covariances projected by the camera linearised at each joint."""
    x, y, z = np.moveaxis(joints_m, -1, 0)
    zero = np.zeros_like(z)
    jacobian = np.stack(
        [
            np.stack([camera.fx / z, zero, -camera.fx * x / z**2], axis=-1),
            np.stack([zero, camera.fy / z, -camera.fy * y / z**2], axis=-1),
        ],
        axis=-2,
    )
    covariance = jacobian @ joint_cov_m2 @ np.swapaxes(jacobian, -1, -2)
    usable = np.isfinite(covariance).all(axis=(-1, -2))
    values, vectors = np.linalg.eigh(np.where(usable[:, None, None], covariance, 0.0))
    radii = np.sqrt(np.maximum(values, 0.0) * ELLIPSOID_RADIUS_SQUARED[level])
    radii[~usable] = np.nan
    angle = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    centre = project(joints_m, camera)
    return centre[:, None] + np.einsum("jik,jk,pk->jpi", vectors, radii, circle)


def colour_depth(depth_m: FloatArray, near_m: float | None = None, far_m: float | None = None) -> Picture:
    """Near is red, far is blue, nothing measured is dark grey; by default from the nearest to the farthest pixel."""
    seen = np.isfinite(depth_m) & (depth_m > 0)
    picture: Picture = np.full((*depth_m.shape, 3), 38, np.uint8)
    if not seen.any():
        return picture
    near = float(np.percentile(depth_m[seen], 1)) if near_m is None else near_m
    far = float(np.percentile(depth_m[seen], 99)) if far_m is None else far_m
    closeness = 1.0 - np.clip((depth_m[seen] - near) / max(far - near, 1e-6), 0.0, 1.0)
    mapped = cv2.applyColorMap((closeness * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    picture[seen] = mapped.reshape(-1, 3)[:, ::-1]
    return picture


def draw_cloud(cloud_m: FloatArray, joints_m: FloatArray, *, sideways: bool = False, size: int = 360) -> Picture:
    """The hand's surface points and skeleton without perspective: from the camera, or from the camera's right.

    cloud_m: (P, 3). Both views have the same scale and height, so that they can stand side by side.
    """
    everything = np.concatenate([cloud_m, joints_m])
    everything = everything[np.isfinite(everything).all(axis=1)]
    canvas: Picture = np.full((size, size, 3), 24, np.uint8)
    if len(everything) == 0:
        return canvas
    low, high = everything.min(axis=0), everything.max(axis=0)
    pixels_per_metre = 0.86 * size / max(float((high - low).max()), 1e-6)
    centre = (low + high) / 2
    # Seen from the right, what was far lies to the right.
    axes = [2, 1] if sideways else [0, 1]

    def to_pixels(points: FloatArray) -> FloatArray:
        return (points - centre)[:, axes] * pixels_per_metre + size / 2

    distance = -cloud_m[:, 0] if sideways else cloud_m[:, 2]
    shades = np.interp(distance, (distance.min(), distance.max()), (225, 95)) if len(distance) else distance
    for index in np.argsort(-distance):
        shade = int(shades[index])
        _dot(canvas, to_pixels(cloud_m[index : index + 1])[0], size / 110, (int(shade * 0.85), shade, shade))
    return draw_skeleton(canvas, to_pixels(joints_m), scale=size / 400)


def write_text(picture: Picture, text: str, *, scale: float = 0.5) -> Picture:
    """A line of text in the upper left corner, on a dark band."""
    drawn = picture.copy()
    band = round(34 * scale) + 6
    drawn[:band] = (drawn[:band] * 0.35).astype(np.uint8)
    cv2.putText(drawn, text, (6, band - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return drawn


def contact_sheet(tiles: Sequence[Picture], columns: int, *, gap: int = 4) -> Picture:
    """Tiles row by row; each is padded to the largest."""
    height, width = max(tile.shape[0] for tile in tiles), max(tile.shape[1] for tile in tiles)
    rows = -(-len(tiles) // columns)
    sheet: Picture = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 16, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = (
            number * (step + gap) + gap for number, step in zip(divmod(index, columns), (height, width), strict=True)
        )
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def crop_around(
    picture: Picture, points_px: FloatArray, *, margin: float = 0.35, size: int = 360
) -> tuple[Picture, FloatArray]:
    """A square cut-out around the finite points, scaled to `size`; and the (2, 3) matrix from old to new pixels."""
    finite = points_px[np.isfinite(points_px).all(axis=-1)]
    height, width = picture.shape[:2]
    if len(finite) == 0:
        finite = np.array([[0.0, 0.0], [width - 1.0, height - 1.0]])
    low, high = finite.min(axis=0), finite.max(axis=0)
    side = max(float((high - low).max()) * (1 + 2 * margin), 16.0)
    scale, (left, top) = size / side, (low + high) / 2 - side / 2
    matrix = np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]])
    cut = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(cut, np.uint8), matrix


def move_points(points_px: FloatArray, matrix: FloatArray) -> FloatArray:
    """Points (..., 2) under the (2, 3) matrix of `crop_around`."""
    return points_px @ matrix[:, :2].T + matrix[:, 2]


def _fixed(point: FloatArray) -> tuple[int, int]:
    x, y = np.round(np.asarray(point) * 2**_SHIFT).astype(int)
    return int(x), int(y)


def _drawable(*points: FloatArray) -> bool:
    # Far outside, cv2's fixed-point coordinates would overflow.
    return all(np.isfinite(point).all() and np.abs(point).max() < 1e5 for point in points)


def _line(picture: Picture, start: FloatArray, end: FloatArray, colour: Colour, width: float) -> None:
    if _drawable(start, end):
        cv2.line(picture, _fixed(start), _fixed(end), colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _dot(picture: Picture, centre: FloatArray, radius: float, colour: Colour) -> None:
    if _drawable(centre):
        cv2.circle(picture, _fixed(centre), round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)
