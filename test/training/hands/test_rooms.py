"""Whole pictures: every hand is where its labels say, on its own side, and boxes are exact."""

from itertools import islice

import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.types import HandPoseError
from training.hands.model import HandModel
from training.hands.parts import FOREARM, SLEEVE
from training.hands.rooms import HEIGHT, NEAREST_M, WIDTH, Room, arrange, box_of, rooms, sample_camera
from training.hands.scene import SceneSettings, sample_scenes


@pytest.fixture(scope="module")
def some() -> list[Room]:
    return list(islice(rooms(5, None, None, SceneSettings(depth_noise=False)), 8))


def test_pictures_are_as_documented(some: list[Room]) -> None:
    for room in some:
        assert room.rgb.shape == (HEIGHT, WIDTH, 3) and room.rgb.dtype == np.uint8
        assert room.depth.shape == (HEIGHT, WIDTH) and room.depth.dtype == np.float32
        np.testing.assert_array_equal(room.depth, np.where(room.true_depth < 20, room.true_depth, 0))
        assert 400 < room.camera.fx < 700 and abs(room.camera.fy / room.camera.fx - 1) < 0.02
        assert set(np.unique(room.ids)) <= {0, *(hand.mask_id for hand in room.hands)}
    assert {len(room.hands) for room in some} >= {1, 2}


def test_hands_are_where_their_labels_say(some: list[Room]) -> None:
    sides, depths = [], []
    for room in some:
        for hand in room.hands:
            np.testing.assert_allclose(project(hand.joints, room.camera), hand.joints_px)
            u, v = np.rint(hand.joints_px).astype(int).T
            inside = (u >= 0) & (v >= 0) & (u < WIDTH) & (v < HEIGHT)
            own = room.ids[v[inside], u[inside]] == hand.mask_id
            behind = hand.joints[inside, 2][own] - room.true_depth[v[inside], u[inside]][own]
            depths.append(behind)
            if hand.visible > 0.9:  # of what its own forearm leaves to see
                arm = np.isin(room.parts[v[inside], u[inside]], (FOREARM, SLEEVE))
                assert (own | arm).mean() > 0.75
            sides.append(hand.side)
    # joints lie in the flesh, less than a hand's length behind its own skin; of all hands together, for at the edge of
    # a bent finger the pixel of a joint may show the palm behind it
    behind = np.concatenate(depths)
    assert (behind > -0.004).mean() > 0.95 and behind.max() < 0.15
    assert set(sides) == {"left", "right"}


def test_left_hands_are_left_ones(some: list[Room]) -> None:
    """Fingers bend to where (index - wrist) x (little - wrist) points in right hands, and away from it in left ones."""
    right_way, ways = 0, 0
    for room in some:
        for hand in room.hands:
            wrist, index, little = (hand.joints[j] for j in (0, 5, 17))
            palm = np.cross(index - wrist, little - wrist) * (1 if hand.side == "right" else -1)
            for tip, knuckle in ((8, 5), (12, 9), (16, 13), (20, 17)):
                way = (hand.joints[tip] - hand.joints[knuckle]) @ palm / np.linalg.norm(palm)
                if abs(way) > 0.02:
                    right_way, ways = right_way + (way > 0), ways + 1
    assert ways > 10 and right_way > 0.9 * ways


def test_boxes_are_exact(some: list[Room]) -> None:
    checked = 0
    for room in some:
        for hand in room.hands:
            rows, columns = np.nonzero(room.ids == hand.mask_id)
            if not len(rows):
                assert np.isnan(hand.box).all() and hand.visible == 0
                continue
            x, y, width, height = hand.box
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x, y, x + width, y + height)
            full = hand.full_box
            assert full[0] <= x and full[1] <= y and (full[:2] + full[2:] >= [x + width, y + height]).all()
            assert 0 < hand.visible <= 1
            parts = room.parts[room.ids == hand.mask_id]
            assert parts.min() >= 1 and parts.max() < FOREARM
            checked += 1
    assert checked > 5


def test_box_of_a_mask_counts_its_outer_pixels() -> None:
    mask = np.zeros((6, 8), dtype=bool)
    assert np.isnan(box_of(mask)).all()
    mask[2, 3] = True
    np.testing.assert_array_equal(box_of(mask), [3, 2, 1, 1])
    mask[4, 6] = True
    np.testing.assert_array_equal(box_of(mask), [3, 2, 4, 3])


def test_hands_stand_at_every_distance_from_0_2_to_1_5_m(model: HandModel) -> None:
    rng, distances = np.random.default_rng(0), []
    for _ in range(60):
        scenes = sample_scenes(model, rng, 4)
        _, joints = arrange(model, rng, sample_camera(rng), scenes, 4, occluders=False, nearest_m=NEAREST_M)
        distances.append(np.linalg.norm(joints.mean(1), axis=-1))
    shares = np.histogram(np.concatenate(distances), [0.15, 0.25, 0.4, 0.6, 0.9, 1.2, 1.55])[0] / 240
    assert shares.sum() == 1 and shares.min() > 0.02


def test_the_depth_camera_measures_hands_as_near_as_they_come() -> None:
    """But for what faults of its kind take away anywhere."""
    some = islice(rooms(5, None, None, nearest_m=0.2), 30)
    near = [room.depth[(room.ids > 0) & (room.true_depth > 0.15) & (room.true_depth < 0.25)] > 0 for room in some]
    kept = [depth.mean() for depth in near if len(depth) > 1000]
    assert len(kept) > 3 and np.median(kept) > 0.7


@pytest.mark.parametrize(("nearest_m", "farthest_m"), [(0.01, 1.5), (1.5, 1.5), (0.4, 0.3)])
def test_distances_that_no_hand_can_have_are_refused(nearest_m: float, farthest_m: float) -> None:
    with pytest.raises(HandPoseError, match="say two distances"):
        next(rooms(5, None, None, nearest_m=nearest_m, farthest_m=farthest_m))


def test_hands_come_no_nearer_and_no_farther_than_is_asked_for() -> None:
    some = islice(rooms(5, None, None, nearest_m=0.18, farthest_m=0.4), 10)
    middles = [np.linalg.norm(hand.joints.mean(0)) for room in some for hand in room.hands]
    assert len(middles) > 5 and min(middles) > 0.17 and max(middles) < 0.41


def test_rooms_follow_from_seed_and_index(model: HandModel, some: list[Room]) -> None:
    again = next(rooms(5, None, None, SceneSettings(depth_noise=False)))
    np.testing.assert_array_equal(again.rgb, some[0].rgb)
    np.testing.assert_array_equal(again.depth, some[0].depth)
    assert (some[1].rgb != some[0].rgb).any()
