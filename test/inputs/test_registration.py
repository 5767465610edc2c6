"""Depth put into another camera's view: a scene known to both cameras looks as if that camera had measured it."""

import numpy as np
import pytest

from hand_pose_ros.inputs.lens import Lens
from hand_pose_ros.inputs.registration import DepthView, register_depth
from hand_pose_ros.types import PinholeCamera

DEPTH = PinholeCamera(200.0, 200.0, 79.5, 59.5, 160, 120)
COLOUR = PinholeCamera(230.0, 235.0, 82.0, 57.0, 160, 120)
#: The colour camera sits 3 cm to the right of the depth camera and is turned a little.
ANGLE = 0.05
ROTATION = np.array([[np.cos(ANGLE), 0, np.sin(ANGLE)], [0, 1, 0], [-np.sin(ANGLE), 0, np.cos(ANGLE)]])
TRANSLATION = np.array([-0.03, 0.002, 0.001])
VIEW = DepthView(Lens(DEPTH), "colour", ROTATION, TRANSLATION)


def plane_seen_by(camera: PinholeCamera, normal: np.ndarray, offset: float) -> np.ndarray:
    """Depth picture of the plane normal . p = offset, in the camera's frame."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1)
    return (offset / (rays @ normal)).astype(np.float32)


def scaled(camera: PinholeCamera, factor: int) -> PinholeCamera:
    centre = (factor * (camera.cx + 0.5) - 0.5, factor * (camera.cy + 0.5) - 0.5)
    return PinholeCamera(factor * camera.fx, factor * camera.fy, *centre, factor * camera.width, factor * camera.height)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_slanted_wall_is_seen_as_the_other_camera_would_without_holes(factor):
    normal = np.array([0.2, -0.1, 1.0]) / np.linalg.norm([0.2, -0.1, 1.0])
    seen = plane_seen_by(DEPTH, normal, 0.8)
    camera = scaled(COLOUR, factor)
    registered = register_depth(seen, VIEW, camera)
    turned = ROTATION @ normal
    expected = plane_seen_by(camera, turned, 0.8 + turned @ TRANSLATION)
    inner = (slice(15 * factor, -15 * factor), slice(25 * factor, -25 * factor))
    assert (registered[inner] > 0).mean() > 0.999
    there = registered[inner] > 0
    np.testing.assert_allclose(registered[inner][there], expected[inner][there], atol=0.006)


def test_what_is_nearer_hides_what_is_behind():
    seen = np.full((120, 160), 1.5, np.float32)
    seen[40:80, 60:100] = 0.4
    registered = register_depth(seen, DepthView(Lens(DEPTH), "", np.eye(3), np.array([-0.03, 0, 0])), DEPTH)
    # 3 cm at 0.4 m are 15 px, at 1.5 m 4 px
    assert registered[60, 50] == pytest.approx(0.4) and registered[60, 84] == pytest.approx(0.4)
    assert registered[60, 43] == pytest.approx(1.5)
    assert (registered[50:70, 88:92] == 0).all(), "behind the near square nothing was measured"


def test_the_same_view_changes_nothing():
    seen = np.random.default_rng(0).uniform(0.2, 3.0, (120, 160)).astype(np.float32)
    seen[30:40] = 0
    np.testing.assert_allclose(register_depth(seen, DepthView(Lens(DEPTH), "", np.eye(3), np.zeros(3)), DEPTH), seen)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_nothing_measured_stays_nothing(value):
    registered = register_depth(np.full((120, 160), value, np.float32), VIEW, COLOUR)
    assert registered.shape == (120, 160) and not registered.any()
