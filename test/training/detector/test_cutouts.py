"""Single hands cut out of plain backgrounds, and put into other pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.types import HandPoseError
from training.detector.cutouts import SIZE, Cutout, cut_out, is_held_out, put_in, read_cutouts
from training.detector.photos import Scene

SKIN, PAPER = (190, 140, 110), (200, 200, 205)


def picture() -> np.ndarray:
    """A round palm with one finger at its upper right, and a forearm down to the picture's edge."""
    rgb = np.full((SIZE, SIZE, 3), PAPER, np.uint8)
    cv2.circle(rgb, (50, 50), 15, SKIN, -1)
    cv2.rectangle(rgb, (58, 20), (63, 50), SKIN, -1)
    cv2.rectangle(rgb, (43, 50), (57, SIZE), SKIN, -1)
    return rgb


def test_a_hand_is_cut_out_and_its_box_ends_at_the_wrist() -> None:
    made = cut_out(picture())
    assert made is not None
    skin = (picture() == SKIN).all(2).astype(np.uint8)
    inner, outer = cv2.erode(skin, np.ones((5, 5))), cv2.dilate(skin, np.ones((5, 5)))
    assert (made.alpha[inner == 1] > 200).all() and not made.alpha[outer == 0].any()
    left, top, right, bottom = made.box
    assert np.allclose([left, top, right], [35, 20, 66], atol=2) and 65 <= bottom <= 76
    assert cut_out(np.full((SIZE, SIZE, 3), PAPER, np.uint8)) is None


def test_numbers_in_a_row_are_learnt_or_held_out_together(tmp_path: Path) -> None:
    assert len({is_held_out(f"IMG_{number}.JPG") for number in range(1200, 1300)}) == 1
    assert 0.1 < np.mean([is_held_out(f"IMG_{number}.JPG") for number in range(0, 40000, 100)]) < 0.4
    (tmp_path / "5").mkdir()
    names = [
        next(f"IMG_{n}.JPG" for n in range(0, 10000, 100) if is_held_out(f"IMG_{n}.JPG") == held) for held in (0, 1)
    ]
    for name in names:
        cv2.imwrite(str(tmp_path / "5" / name), picture()[..., ::-1])
    learnt, held_out = read_cutouts(tmp_path)
    assert len(learnt) == len(held_out) == 1
    (tmp_path / "5" / names[0]).write_bytes(b"no picture")
    with pytest.raises(HandPoseError, match="damaged"):
        read_cutouts(tmp_path)
    with pytest.raises(HandPoseError, match="no pictures of hands"):
        read_cutouts(tmp_path / "5" / "6")


def test_hands_put_in_are_where_the_boxes_say_and_of_the_side_that_they_show() -> None:
    """A right hand's red half is left of its blue one, its mirror image's right of it; hands hardly ever hang down."""
    rgb = np.zeros((SIZE, SIZE, 3), np.uint8)
    rgb[:, : SIZE // 2, 0], rgb[:, SIZE // 2 :, 2] = 255, 255
    hand = Cutout(rgb, np.full((SIZE, SIZE), 255, np.uint8), np.array([0.0, 0, SIZE, SIZE]))
    room = Scene(np.zeros((128, 160, 3), np.uint8), np.ones((128, 160), np.float32), np.zeros((0, 4)), np.zeros(0))
    rng = np.random.default_rng(0)
    agree = []
    for _ in range(100):
        scene = put_in(rng, room, [hand])
        assert scene.depth_m is None, "nobody knows how far away they would be"
        assert len(scene.boxes) == len(scene.right) > 0
        for left, top, right, bottom in np.rint(scene.boxes).astype(int):
            assert (scene.rgb[top:bottom, left:right].max(2) > 50).mean() > 0.5
        (red, blue) = (np.nonzero(scene.rgb[..., channel] > 50)[1] for channel in (0, 2))
        if len(scene.boxes) == 1 and len(red) and len(blue):
            agree.append((red.mean() < blue.mean()) == bool(scene.right[0]))
    assert len(agree) > 20 and np.mean(agree) > 0.9


def test_hands_that_are_there_are_not_covered() -> None:
    rgb = np.full((128, 160, 3), 255, np.uint8)
    hand = Cutout(
        np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE), 255, np.uint8), np.array([0.0, 0, 100, 100])
    )
    scene = Scene(rgb, None, np.array([[0.0, 0, 160, 128]]), np.array([np.nan]))
    rng = np.random.default_rng(1)
    for _ in range(20):
        after = put_in(rng, scene, [hand])
        for box in after.boxes[1:]:
            assert np.prod(box[2:] - box[:2]) <= 0.15 * 160 * 128
