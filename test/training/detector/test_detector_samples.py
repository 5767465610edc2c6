"""Photos, rendered rooms and what the detector is shown of them."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from patches import scene

from hand_pose_ros.types import HandPoseError
from training.detector.network import STRIDE, WINDOW_HEIGHT, WINDOW_WIDTH
from training.detector.objective import targets
from training.detector.photos import Scene, film_of, is_held_out, read_photos
from training.detector.rendered import read_rooms
from training.detector.samples import Sources, detector_batches, halves, moved, recoloured, small

HEADER = "file,orig_w,orig_h,class,xmin,ymin,xmax,ymax\n"


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
        window = moved(rng, scene(depth))
        assert window.rgb.shape == (WINDOW_HEIGHT, WINDOW_WIDTH, 3)
        light = window.rgb.astype(int).sum(2) > 600
        for left, top, right, bottom in np.rint(window.boxes).astype(int):
            assert light[top:bottom, left:right].mean() > 0.4
        if window.depth_m is not None and len(window.boxes):
            assert window.depth_m.shape == (WINDOW_HEIGHT, WINDOW_WIDTH)
            measured = window.depth_m > 0
            near = measured & (window.depth_m < 2 * window.depth_m[measured].min())
            assert (near == light)[measured].mean() > 0.95


def test_windows_show_hands_of_all_sizes_and_depth_that_fits_them() -> None:
    rng = np.random.default_rng(2)
    whole, sizes, products = scene(True), [], []
    for _ in range(60):
        window = moved(rng, whole)
        left_top, right_bottom = window.boxes[:, :2], window.boxes[:, 2:]
        cut = ((left_top < 1) | (right_bottom > (WINDOW_WIDTH - 1, WINDOW_HEIGHT - 1))).any(1)
        for size in (right_bottom - left_top).max(1)[~cut]:
            sizes.append(size)
            products.append(size * window.depth_m[window.depth_m > 0].min())
    assert min(sizes) < 30 and max(sizes) > 70
    # what is shown twice as large is shown half as far away, whatever the lens and the turn
    assert np.std(np.log(products)) < 0.25 < np.std(np.log(sizes))


def test_other_colours_leave_the_rest_as_it_was() -> None:
    before = scene(True)
    after = recoloured(np.random.default_rng(3), before)
    assert after.rgb.dtype == np.uint8 and not np.array_equal(after.rgb, before.rgb)
    assert after.boxes is before.boxes and after.depth_m is before.depth_m and after.right is before.right


def test_the_mirror_image_of_a_right_hand_is_a_left_one() -> None:
    rng = np.random.default_rng(1)
    orders = set()
    for _ in range(60):
        window = moved(rng, scene())
        if len(window.right) == 2:
            first, second = window.right[np.argsort(window.boxes[:, 0])]
            # turned by 20° at most, left stays left of right, unless mirrored: then both order and sides swap
            orders.add((first, second))
    assert orders == {(0.0, 1.0)}


def test_halves_keep_what_is_left_of_the_hands() -> None:
    shape = WINDOW_HEIGHT, WINDOW_WIDTH
    whole = Scene(np.zeros((*shape, 3), np.uint8), None, np.array([[10.0, 10, 60, 60]]), np.array([1.0]))
    other = Scene(np.ones((*shape, 3), np.uint8), None, np.array([[70.0, 10, 100, 60]]), np.array([0.0]))
    both = halves(whole, other)
    assert both.boxes.tolist() == [[10, 10, 60, 60], [80, 10, 100, 60]] and both.right.tolist() == [1, 0]
    assert both.rgb[0, 0, 0] == 0 and both.rgb[0, -1, 0] == 1
    assert len(halves(other, whole).boxes) == 0 and both.depth_m is None
    near, far = (replace(half, depth_m=np.full(shape, z, np.float32)) for half, z in ((whole, 0.5), (other, 2.0)))
    assert halves(near, far).depth_m[0, [0, -1]].tolist() == [0.5, 2.0]
    assert halves(near, other).depth_m is None


def test_photos_are_kept_no_larger_than_they_are_shown() -> None:
    large = Scene(np.zeros((960, 1280, 3), np.uint8), None, np.array([[100.0, 100, 200, 300]]), np.array([np.nan]))
    assert small(large, 1.0).rgb.shape == (192, 256, 3) and small(large, 1.0).boxes.tolist() == [[20, 20, 40, 60]]
    assert small(scene()).rgb.shape == scene().rgb.shape


def test_targets_say_where_and_how_large() -> None:
    maps = targets(np.array([[24.0, 32.0, 72.0, 96.0], [100.0, 20.0, 120.0, 40.0]]))
    rows, columns = np.nonzero(maps["heat"] == 1)
    assert list(zip(rows, columns, strict=True)) == [(3, 13), (8, 6)]
    dx, dy, log_width, log_height = maps["box"][:, 8, 6]
    assert np.allclose([(6.5 + dx) * STRIDE, (8.5 + dy) * STRIDE], [48, 64])
    assert np.allclose(np.exp([log_width, log_height]) * STRIDE, [48, 64])
    assert maps["box_weight"][8, 6] == 1 and maps["box_weight"][3, 13] == 1 and maps["box_weight"].sum() < 18
    assert not targets(np.zeros((0, 4)))["heat"].any()


def test_batches_show_colour_depth_or_both_and_depend_on_the_seed(folder: Path) -> None:
    photos, _ = read_photos(folder)
    make = [next(detector_batches(seed, 24, Sources(photos, [scene(True)], []))) for seed in (1, 1, 2)]
    assert np.array_equal(make[0].rgb, make[1].rgb) and not np.array_equal(make[0].rgb, make[2].rgb)
    assert {tuple(row) for row in make[0].seen} == {(1, 0), (0, 1), (1, 1)}
    unseen = make[0].seen[:, 1] == 0
    assert not make[0].depth[unseen].any() and make[0].depth[~unseen].any()
    for batch in islice(detector_batches(0, 4, Sources(photos, [], [])), 2):
        assert (batch.seen == [1, 0]).all()
