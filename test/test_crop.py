"""Crops: what goes through the turned camera comes back where it was."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import CAMERA, depth_of_balls, rays

from hand_pose_ros.camera import look_at, project, ray
from hand_pose_ros.crop import (
    CropSpec,
    covariances_to_camera,
    make_crop,
    mirror,
    pixels_per_tangent,
    to_camera,
    to_crop,
)
from hand_pose_ros.types import HandCrop, HandRegion, RgbdFrame

SPEC = CropSpec(size_m=0.3, box_scale=1.5, rgb_size=128, depth_size=96, points=256)
pixels = st.tuples(st.floats(0, 639), st.floats(0, 479))


def crop_of(frame: RgbdFrame, region: HandRegion, spec: CropSpec = SPEC, mirrored: bool = False) -> HandCrop:
    crop = make_crop(frame, region, spec, mirrored)
    assert crop is not None
    return crop


def ball_scene(centre: np.ndarray, radius: float = 0.05) -> tuple[RgbdFrame, HandRegion]:
    """A white ball before nothing, and the region around it."""
    depth = depth_of_balls([(*centre, radius)])
    rgb = np.where(depth[..., None] > 0, np.uint8(255), np.uint8(0)).repeat(3, axis=-1)
    u, v = project(centre, CAMERA)
    return RgbdFrame(CAMERA, rgb, depth), HandRegion((u, v), 150.0, float(np.linalg.norm(centre)))


@given(pixels, st.booleans(), st.integers(0, 2**32 - 1))
def test_points_and_covariances_go_to_the_crop_and_back(pixel: tuple, mirrored: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    crop = HandCrop(look_at(ray(pixel, CAMERA)), 0.3, 0.3, mirrored)
    points = rng.normal(0, 0.5, (21, 3))
    np.testing.assert_allclose(to_camera(crop, to_crop(crop, points)), points, atol=1e-12)
    root = rng.normal(size=(21, 3, 3))
    samples = rng.normal(size=(1000, 3))
    np.testing.assert_allclose(
        covariances_to_camera(crop, np.cov(samples.T)), np.cov(to_camera(crop, samples).T), atol=1e-9
    )
    variances = np.linalg.eigvalsh(root @ root.swapaxes(1, 2))
    turned = np.linalg.eigvalsh(covariances_to_camera(crop, root @ root.swapaxes(1, 2)))
    np.testing.assert_allclose(turned, variances, atol=1e-9)


@given(pixels, st.floats(0.3, 1.5))
def test_the_region_is_the_middle_of_the_cube(pixel: tuple, distance: float) -> None:
    centre = ray(pixel, CAMERA) * distance
    crop = HandCrop(look_at(ray(pixel, CAMERA)), 0.3, 0.3, False)
    np.testing.assert_allclose(to_crop(crop, centre), (0, 0, distance), atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.4, 0.4), st.floats(-0.3, 0.3), st.floats(0.4, 1.0), st.booleans())
def test_colour_depth_and_points_of_a_ball_coincide(x: float, y: float, z: float, mirrored: bool) -> None:
    """The region is beside the ball, so that a wrong sign or half a pixel would show."""
    centre, radius = np.array([x * z, y * z, z]), 0.05
    frame, _ = ball_scene(centre, radius)
    aim = centre + np.array([0.03, -0.02, 0.04])
    u, v = project(aim, CAMERA)
    distance = float(np.linalg.norm(aim))
    crop = crop_of(frame, HandRegion((u, v), 150.0, distance), mirrored=mirrored)
    assert crop.rgb is not None and crop.depth is not None and crop.points is not None
    assert crop.distance_m == distance

    # Points lie on the ball, once they are back in the camera's frame.
    back = to_camera(crop, crop.points * 0.15 + (0, 0, distance))
    np.testing.assert_allclose(np.linalg.norm(back - centre, axis=1), radius, atol=2e-6)

    # Depth: where it was measured it agrees with the ball seen along the crop's rays.
    ball = to_crop(crop, centre)
    steps = (2 * np.arange(96) + 1) / 96 - 1
    direction = np.stack([*np.meshgrid(steps * crop.tan_half, steps * crop.tan_half), np.ones((96, 96))], axis=-1)
    along, squared = direction @ ball, (direction**2).sum(axis=-1)
    discriminant = along**2 - squared * (ball @ ball - radius**2)
    well_inside = discriminant > 0.3 * discriminant.max()
    expected = (along - np.sqrt(np.maximum(discriminant, 0))) / squared
    assert np.abs((crop.depth * 0.15 + distance - expected)[well_inside]).max() < 0.003
    assert (crop.depth[discriminant < -0.1 * discriminant.max()] == 1).all()

    # Colour: the white disc has the same middle and area as the ball in the depth picture.
    white, measured = crop.rgb[..., 0] / 255.0, crop.depth < 1
    middle_of_white = [(white * g).sum() / white.sum() for g in np.meshgrid(*2 * [(2 * np.arange(128) + 1) / 128 - 1])]
    middle_of_depth = [g[measured].mean() for g in np.meshgrid(steps, steps)]
    np.testing.assert_allclose(middle_of_white, middle_of_depth, atol=0.015)
    assert white.mean() == pytest.approx(measured.mean(), rel=0.06)


@given(st.floats(-0.2, 0.2), st.floats(0.4, 1.0))
@settings(max_examples=15, deadline=None)
def test_mirroring_twice_changes_nothing_and_once_negates_x(x: float, z: float) -> None:
    frame, region = ball_scene(np.array([x, 0.05, z]))
    crop, flipped = crop_of(frame, region), crop_of(frame, region, mirrored=True)
    assert crop.rgb is not None and crop.depth is not None and crop.points is not None
    twice = mirror(mirror(crop))
    for name in ("rgb", "depth", "points"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(crop, name))
        np.testing.assert_array_equal(getattr(mirror(crop), name), getattr(flipped, name))
    assert (twice.mirrored, flipped.mirrored) == (False, True)
    point = np.array([0.1, 0.2, 0.7])
    np.testing.assert_allclose(to_crop(flipped, point), to_crop(crop, point) * (-1, 1, 1))


def test_mirrored_scene_gives_the_mirrored_crop() -> None:
    """A camera in its middle sees the mirror image of the mirrored world."""
    camera = CAMERA.__class__(500.0, 500.0, 319.5, 239.5, 640, 480)
    depth = depth_of_balls([(0.06, 0.02, 0.6, 0.05), (0.1, 0.0, 0.62, 0.02)], camera)
    region = HandRegion((380.0, 250.0), 150.0, 0.6)
    other = HandRegion((639 - 380.0, 250.0), 150.0, 0.6)
    crop = crop_of(RgbdFrame(camera, depth_m=depth), region)
    reflected = crop_of(RgbdFrame(camera, depth_m=depth[:, ::-1]), other, mirrored=True)
    assert crop.depth is not None and reflected.depth is not None
    assert np.mean(np.abs(crop.depth - reflected.depth) > 1e-4) < 0.01  # a nearest pixel may tip to the other side


def test_depth_is_clipped_to_the_cube_and_missing_depth_is_far() -> None:
    depth = np.full((480, 640), 5.0, np.float32)
    depth[:, :300] = 0.2  # an occluder before the cube
    depth[:, 300:330] = np.nan
    depth[:, 330:345] = 0.0
    depth[:, 345:360] = 0.55
    depth[:, 360:370] = np.inf
    crop = crop_of(RgbdFrame(CAMERA, depth_m=depth), HandRegion((CAMERA.cx, CAMERA.cy), 100.0, 0.6))
    assert crop.depth is not None and crop.points is not None
    assert crop.depth.dtype == np.float32
    u = CAMERA.cx + ((2 * np.arange(96) + 1) / 96 - 1) * crop.tan_half * CAMERA.fx
    row = crop.depth[48]
    assert (row[u < 299] == -1).all()
    assert (row[(u > 301) & (u < 344)] == 1).all()
    np.testing.assert_allclose(row[(u > 346) & (u < 359)], -0.05 / 0.15, atol=1e-5)
    assert (row[u > 361] == 1).all()
    np.testing.assert_allclose(crop.points[:, 2], -0.05 / 0.15, atol=1e-5)  # points are only those in the cube


@pytest.mark.parametrize("count", [16, 256, 5000])
def test_points_are_as_many_as_asked_and_the_same_every_time(count: int) -> None:
    frame, region = ball_scene(np.array([0.0, 0.0, 0.8]), radius=0.03)
    spec = CropSpec(0.3, 1.5, points=count)
    crop = crop_of(frame, region, spec)
    assert crop.points is not None
    assert crop.points.shape == (count, 3) and crop.points.dtype == np.float32
    assert np.abs(crop.points).max() <= 1
    again = crop_of(frame, region, spec).points
    np.testing.assert_array_equal(crop.points, again)
    few = np.unique(crop.points, axis=0)
    assert len(few) == min(count, len(few)) and (count > 1000) == (len(few) < count)


def test_without_depth_in_the_cube_colour_alone_is_cropped_by_the_box() -> None:
    frame, region = ball_scene(np.array([0.1, 0.0, 0.6]))
    nowhere = HandRegion(region.center_px, region.box_px, 2.0)
    crop = crop_of(frame, nowhere)
    assert crop.distance_m is None and crop.depth is None and crop.points is None and crop.rgb is not None
    edge = crop.tan_half * pixels_per_tangent(crop.rotation, CAMERA)
    assert edge == pytest.approx(region.box_px * SPEC.box_scale / 2)
    assert make_crop(RgbdFrame(CAMERA, depth_m=frame.depth_m), nowhere, SPEC) is None


def test_pixels_per_tangent_is_the_scale_of_the_projection() -> None:
    rotation = look_at(ray((600.0, 50.0), CAMERA))
    corners = np.array([[0, 0, 1], [1e-6, 0, 1], [0, 1e-6, 1]]) @ rotation
    origin, right, down = project(corners, CAMERA)
    area = abs(np.linalg.det(np.stack([right - origin, down - origin]))) / 1e-12
    assert pixels_per_tangent(rotation, CAMERA) == pytest.approx(np.sqrt(area), rel=1e-4)


def test_shrinking_averages_instead_of_picking() -> None:
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    region = HandRegion((320.0, 240.0), 240.0)
    crop = crop_of(RgbdFrame(CAMERA, rgb=stripes), region)
    assert crop.rgb is not None
    assert np.abs(crop.rgb[8:-8, 8:-8].astype(float) - 127.5).max() < 60  # 127.5 without averaging


def test_colour_crop_samples_the_right_place() -> None:
    """A picture whose red and green are the ray's direction keeps them through the turn of the camera."""
    direction = rays()[..., :2]
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[..., :2] = np.clip(np.rint(direction * 150 + 128), 0, 255)
    crop = crop_of(RgbdFrame(CAMERA, rgb=picture), HandRegion((420.0, 300.0), 80.0))
    assert crop.rgb is not None
    steps = ((2 * np.arange(128) + 1) / 128 - 1) * crop.tan_half
    seen = to_camera(crop, np.stack([*np.meshgrid(steps, steps), np.ones((128, 128))], axis=-1))
    expected = seen[..., :2] / seen[..., 2:] * 150 + 128
    assert np.abs(crop.rgb[..., :2] - expected).max() < 1.5


def test_crop_beyond_the_picture_is_black_and_far() -> None:
    frame = RgbdFrame(CAMERA, np.full((480, 640, 3), 99, np.uint8), np.full((480, 640), 0.6, np.float32))
    crop = crop_of(frame, HandRegion((0.0, 240.0), 100.0, 0.65))
    assert crop.rgb is not None and crop.depth is not None
    assert (crop.rgb[:, :50] == 0).all() and (crop.rgb[20:-20, -50:] == 99).all()
    assert (crop.depth[:, :40] == 1).all() and (crop.depth[20:-20, -40:] < 1).all()


def test_pictures_of_any_memory_layout_are_read_alike() -> None:
    frame, region = ball_scene(np.array([0.0, 0.0, 0.6]))
    assert frame.rgb is not None and frame.depth_m is not None
    fortran = RgbdFrame(CAMERA, cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)[..., ::-1], np.asfortranarray(frame.depth_m))
    expected, got = crop_of(frame, region), crop_of(fortran, region)
    np.testing.assert_array_equal(got.rgb, expected.rgb)
    np.testing.assert_array_equal(got.points, expected.points)
