"""Drawings: where the ink lands, and that nothing breaks on missing joints."""

import numpy as np
import pytest

from hand_pose_ros import overlay
from hand_pose_ros.camera import project
from hand_pose_ros.skeleton import FINGERS
from hand_pose_ros.types import PinholeCamera

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)
BLACK = np.zeros((240, 320, 3), np.uint8)


def hand_px() -> np.ndarray:
    """Fingers as five rows of joints."""
    joints = np.full((21, 2), 30.0)
    for row, members in enumerate(FINGERS.values()):
        joints[list(members)] = [(80 + 50 * column, 40 + 40 * row) for column in range(4)]
    return joints


def test_every_joint_has_its_fingers_colour_and_the_input_stays() -> None:
    drawn = overlay.draw_skeleton(BLACK, hand_px())
    for finger, members in FINGERS.items():
        for joint in members:
            x, y = hand_px()[joint].astype(int)
            assert tuple(drawn[y, x]) == overlay.FINGER_COLOURS[finger]
    assert not BLACK.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e12])
def test_joints_that_cannot_be_drawn_are_left_out(bad: float) -> None:
    joints = hand_px()
    joints[4] = bad
    assert overlay.draw_skeleton(BLACK, joints).any() and overlay.draw_truth(BLACK, joints).any()
    assert not overlay.draw_skeleton(BLACK, np.full((21, 2), bad)).any()


def test_ellipses_of_an_isotropic_covariance_are_circles_of_the_right_size() -> None:
    joints = np.tile([0.0, 0.0, 0.5], (21, 1))
    outline = overlay.projected_ellipses(joints, np.tile(np.eye(3) * 0.01**2, (21, 1, 1)), CAMERA, level=0.9)
    radius = np.linalg.norm(outline - project(joints, CAMERA)[:, None], axis=-1)
    assert radius == pytest.approx(np.sqrt(6.251389) * 0.01 * 300 / 0.5)


def test_ellipses_match_projected_samples() -> None:
    generator = np.random.default_rng(0)
    factor = generator.normal(scale=0.004, size=(3, 3))
    joints = np.tile([0.05, -0.03, 0.5], (21, 1))
    outline = overlay.projected_ellipses(joints, np.tile(factor @ factor.T, (21, 1, 1)), CAMERA)[0]
    pixels = project(joints[0] + generator.normal(size=(20000, 3)) @ factor.T, CAMERA)
    centred = outline - outline.mean(axis=0)
    assert np.cov(centred.T) / np.cov(pixels.T) == pytest.approx(6.251389 / 2, rel=0.1)


def test_ellipses_of_unknown_covariance_are_left_out() -> None:
    joints = np.tile([0.0, 0.0, 0.5], (21, 1))
    assert not overlay.draw_ellipses(BLACK, joints, np.full((21, 3, 3), np.nan), CAMERA).any()


def test_depth_colours_tell_near_from_far_from_nothing() -> None:
    depth = np.array([[0.3, 0.6, 0.0, np.nan]], np.float32)
    near, far, nothing, not_a_number = (pixel.astype(int) for pixel in overlay.colour_depth(depth, 0.3, 0.6)[0])
    assert near[0] > near[2] and far[2] > far[0]
    assert len(set(nothing)) == 1 and (nothing == not_a_number).all()
    assert overlay.colour_depth(np.zeros((2, 2), np.float32)).shape == (2, 2, 3)


def test_clouds_are_drawn_from_two_sides_even_when_empty_or_missing() -> None:
    points = np.random.default_rng(0).normal((0.0, 0.0, 0.5), (0.04, 0.04, 0.005), size=(200, 3))
    unknown = np.full((21, 3), np.nan)

    def width(sideways: bool) -> int:
        drawn = overlay.draw_cloud(points, unknown, sideways=sideways).max(axis=-1) > 60
        return int(np.ptp(np.flatnonzero(drawn.any(axis=0))))

    assert width(sideways=False) > 3 * width(sideways=True) > 0
    assert overlay.draw_cloud(np.zeros((0, 3)), unknown).shape == (360, 360, 3)


def test_cut_outs_move_points_along() -> None:
    drawn = overlay.draw_skeleton(BLACK, hand_px())
    cut, matrix = overlay.crop_around(drawn, hand_px(), size=200)
    x, y = np.round(overlay.move_points(hand_px()[8], matrix)).astype(int)
    assert cut.shape == (200, 200, 3)
    assert np.abs(cut[y, x].astype(int) - overlay.FINGER_COLOURS["index"]).max() < 60
    assert overlay.crop_around(BLACK, np.full((21, 2), np.nan))[0].shape == (360, 360, 3)


def test_contact_sheets_hold_all_tiles() -> None:
    tiles = [np.full((20, 30, 3), value, np.uint8) for value in (50, 100, 150)]
    sheet = overlay.contact_sheet(tiles, 2, gap=2)
    assert sheet.shape == (2 * 22 + 2, 2 * 32 + 2, 3)
    assert [int(sheet[y, x, 0]) for y, x in ((5, 5), (5, 40), (30, 5), (30, 40))] == [50, 100, 150, 16]


def test_text_is_written_on_a_band() -> None:
    drawn = overlay.write_text(np.full((60, 200, 3), 100, np.uint8), "hand 7")
    assert (drawn[:20] > 200).any() and (drawn[40:] == 100).all()
