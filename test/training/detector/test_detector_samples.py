"""Photos, rendered rooms and what the detector is shown of them."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.types import HandPoseError
from training.detector.network import HEIGHT, STRIDE, WIDTH
from training.detector.objective import targets
from training.detector.photos import Scene, film_of, is_held_out, read_photos
from training.detector.rendered import read_rooms
from training.detector.samples import augmented, detector_batches, halves

HEADER = "file,orig_w,orig_h,class,xmin,ymin,xmax,ymax\n"


def scene(depth: bool = False) -> Scene:
    """Two white patches on grey, the left one a left hand's."""
    rgb = np.full((240, 320, 3), 90, np.uint8)
    boxes = np.array([[40.0, 60.0, 90.0, 130.0], [200.0, 100.0, 260.0, 170.0]])
    depth_m = np.full((240, 320), 1.4, np.float32) if depth else None
    for left, top, right, bottom in boxes.astype(int):
        rgb[top:bottom, left:right] = 255
        if depth_m is not None:
            depth_m[top:bottom, left:right] = 0.5
    return Scene(rgb, depth_m, boxes, np.array([0.0, 1.0]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    rows = []
    for name in ("train_7_pic001.jpg", "train_7_pic002.jpg", "test_46_pic003.jpg"):
        cv2.imwrite(str(tmp_path / "images" / name), np.full((240, 320, 3), 200, np.uint8))
        rows.append(f"{name},640,480,1-hand,100,100,200,220")
    (tmp_path / "boxes.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return tmp_path


def test_films_are_learnt_or_held_out_whole(folder: Path) -> None:
    assert {film_of(name) for name in ("train_2_pic00012.jpg", "test_2_pic3.jpg")} == {"2"}
    assert film_of("train_Hand_0000451.jpg") == "Hand_0000451.jpg"
    assert is_held_out("test_46_pic003.jpg") and is_held_out("train_46_pic9.jpg")
    learnt, held_out = read_photos(folder)
    assert [len(learnt), len(held_out)] == [2, 1]
    assert not {film_of(p.path.name) for p in learnt} & {film_of(p.path.name) for p in held_out}
    assert learnt[0].boxes.tolist() == [[75, 75, 150, 165]], "in pixels of the picture as it is stored"
    assert np.isnan(learnt[0].read().right).all()


def test_what_is_missing_is_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(HandPoseError, match="no table"):
        read_photos(tmp_path / "images")
    with pytest.raises(HandPoseError, match="no rendered rooms"):
        read_rooms(tmp_path)
    photo = read_photos(folder)[0][0]
    photo.path.write_bytes(b"no picture")
    with pytest.raises(HandPoseError, match="damaged"):
        photo.read()


@pytest.mark.parametrize("depth", [False, True])
def test_boxes_stay_around_the_hands_however_the_picture_is_moved(depth: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        moved = augmented(rng, scene(depth))
        assert moved.rgb.shape == (HEIGHT, WIDTH, 3)
        light = moved.rgb.astype(int).sum(2) > 0.8 * moved.rgb.astype(int).sum(2).max()
        for left, top, right, bottom in np.rint(moved.boxes).astype(int):
            assert light[top:bottom, left:right].mean() > 0.4
        if depth and len(moved.boxes):
            near = (moved.depth_m > 0) & (moved.depth_m < 0.6 * moved.depth_m.max())
            rows, columns = np.nonzero(near)
            low, high = moved.boxes[:, :2].min(0), moved.boxes[:, 2:].max(0)
            inside = (columns >= low[0] - 6) & (columns <= high[0] + 6) & (rows >= low[1] - 6) & (rows <= high[1] + 6)
            assert inside.mean() > 0.4


def test_the_mirror_image_of_a_right_hand_is_a_left_one() -> None:
    rng = np.random.default_rng(1)
    orders = set()
    for _ in range(60):
        moved = augmented(rng, scene())
        if len(moved.right) == 2:
            first, second = moved.right[np.argsort(moved.boxes[:, 0])]
            # turned by 20° at most, left stays left of right, unless mirrored: then both order and sides swap
            orders.add((first, second))
    assert orders == {(0.0, 1.0)}


def test_halves_keep_what_is_left_of_the_hands() -> None:
    whole = Scene(np.zeros((HEIGHT, WIDTH, 3), np.uint8), None, np.array([[10.0, 10, 60, 60]]), np.array([1.0]))
    other = Scene(np.ones((HEIGHT, WIDTH, 3), np.uint8), None, np.array([[70.0, 10, 100, 60]]), np.array([0.0]))
    both = halves(whole, other)
    assert both.boxes.tolist() == [[10, 10, 60, 60], [80, 10, 100, 60]] and both.right.tolist() == [1, 0]
    assert both.rgb[0, 0, 0] == 0 and both.rgb[0, -1, 0] == 1
    assert len(halves(other, whole).boxes) == 0


def test_targets_say_where_how_large_and_which_side() -> None:
    maps = targets(np.array([[24.0, 32.0, 72.0, 96.0], [100.0, 20.0, 120.0, 40.0]]), np.array([1.0, np.nan]))
    rows, columns = np.nonzero(maps["heat"] == 1)
    assert list(zip(rows, columns, strict=True)) == [(3, 13), (8, 6)]
    dx, dy, log_width, log_height = maps["box"][:, 8, 6]
    assert np.allclose([(6.5 + dx) * STRIDE, (8.5 + dy) * STRIDE], [48, 64])
    assert np.allclose(np.exp([log_width, log_height]) * STRIDE, [48, 64])
    assert maps["side"][8, 6] == 1 and maps["side_weight"][8, 6] == 1
    assert maps["side_weight"][3, 13] == 0 and maps["box_weight"][3, 13] == 1, "whose side nobody knows"
    assert not targets(np.zeros((0, 4)), np.zeros(0))["heat"].any()


def test_batches_show_colour_depth_or_both_and_depend_on_the_seed(folder: Path) -> None:
    photos, _ = read_photos(folder)
    make = [next(detector_batches(seed, 24, photos, [scene(True)], 0.3)) for seed in (1, 1, 2)]
    assert np.array_equal(make[0].rgb, make[1].rgb) and not np.array_equal(make[0].rgb, make[2].rgb)
    assert {tuple(row) for row in make[0].seen} == {(1, 0), (0, 1), (1, 1)}
    unseen = make[0].seen[:, 1] == 0
    assert not make[0].depth[unseen].any() and make[0].depth[~unseen].any()
    for batch in islice(detector_batches(0, 4, photos, [], 0.3), 2):
        assert (batch.seen == [1, 0]).all()
