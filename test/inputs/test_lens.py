"""Undistorted pictures show straight what is straight, at the place where a pinhole camera sees it."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from hand_pose_ros.inputs import lens as module
from hand_pose_ros.inputs.lens import Lens, lens_from_info
from hand_pose_ros.types import HandPoseError, PinholeCamera

CAMERA = PinholeCamera(300.0, 310.0, 158.0, 121.0, 320, 240)
K = np.array([[CAMERA.fx, 0, CAMERA.cx], [0, CAMERA.fy, CAMERA.cy], [0, 0, 1]])
LENSES = {
    "plumb_bob": (-0.25, 0.08, 0.001, -0.002, 0.0),
    "rational_polynomial": (0.3, -0.2, 0.001, 0.0005, 0.02, 0.5, -0.1, 0.01),
    "equidistant": (-0.02, 0.01, -0.003, 0.001),
}


def info(model="plumb_bob", d=LENSES["plumb_bob"], **changes):
    fields = {"width": 320, "height": 240, "k": K.ravel().tolist(), "d": list(d), "distortion_model": model}
    fields |= {"p": [250.0, 0, 160, 0, 0, 250, 120, 0, 0, 0, 1, 0], "binning_x": 0, "binning_y": 0}
    fields |= {"roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)}
    return SimpleNamespace(**(fields | changes))


def seen_at(model: str, point: np.ndarray) -> tuple[float, float]:
    """Pixel at which the real lens sees a point (OpenCV's forward models)."""
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    pixels, _ = project(point.reshape(1, 1, 3), np.zeros(3), np.zeros(3), K, np.array(LENSES[model]))
    return tuple(pixels.ravel())


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("point", [(0.0, 0.0, 0.5), (0.2, 0.1, 0.5), (-0.18, 0.12, 0.5)])
def test_a_point_appears_where_the_pinhole_sees_it(model, point):
    lens = lens_from_info(info(model, LENSES[model]), rectified=False)
    assert lens.camera == CAMERA
    u, v = seen_at(model, np.array(point))
    raw, depth = np.zeros((240, 320), np.uint8), np.zeros((240, 320), np.float32)
    cv2.circle(raw, (round(u), round(v)), 3, 255, -1)
    cv2.circle(depth, (round(u), round(v)), 3, 0.5, -1)
    expected = (CAMERA.fx * point[0] / point[2] + CAMERA.cx, CAMERA.fy * point[1] / point[2] + CAMERA.cy)
    for picture in (lens.undistort(raw), lens.undistort(depth, depth=True)):
        rows, columns = np.nonzero(picture > picture.max() / 2)
        np.testing.assert_allclose((columns.mean(), rows.mean()), expected, atol=1.0)


def test_depths_are_never_mixed():
    depth = np.random.default_rng(0).choice([0.0, 0.5, 2.0], (240, 320)).astype(np.float32)
    undistorted = lens_from_info(info(), rectified=False).undistort(depth, depth=True)
    assert set(np.unique(undistorted)) == {0.0, 0.5, np.float32(2.0)}


@pytest.mark.parametrize(("rectified", "d"), [(True, LENSES["plumb_bob"]), (False, [0.0] * 5), (False, [])])
def test_without_distortion_the_picture_is_the_same(rectified, d):
    lens = lens_from_info(info(d=d), rectified=rectified)
    picture = np.zeros((240, 320, 3), np.uint8)
    assert lens.undistort(picture) is picture
    assert lens.camera.fx == (250.0 if rectified else 300.0)


def test_maps_are_made_once_for_a_camera(monkeypatch):
    module._maps.cache_clear()
    for _ in range(5):
        lens_from_info(info(), rectified=False).undistort(np.zeros((240, 320), np.uint8))
    assert module._maps.cache_info().misses == 1


@pytest.mark.parametrize(
    ("model", "d"),
    [("plumb_bob", [0.1] * 6), ("equidistant", [0.1] * 5), ("kannala", [0.1] * 4), ("plumb_bob", [np.nan] * 5)],
)
def test_a_distortion_that_cannot_be_undone_is_named(model, d):
    with pytest.raises(HandPoseError, match=f"'{model}'.*cannot be undone.*plumb_bob.*equidistant"):
        lens_from_info(info(model, d), rectified=False)


def test_a_lens_is_a_value():
    assert Lens(CAMERA, "plumb_bob", (0.1,)) == Lens(CAMERA, "plumb_bob", (0.1,))
