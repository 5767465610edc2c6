"""What is said about generated hands: bone lengths, points of other data sets, tables in a document."""

from pathlib import Path

import numpy as np

from training.hands.model import HandModel
from training.hands.statistics import (
    BONES,
    bone_lengths,
    bone_table,
    lengths,
    overlap_table,
    read_points,
    write_between,
)


def test_lengths_are_between_the_joints_of_each_bone() -> None:
    joints = np.zeros((1, 21, 3))
    joints[0, :, 0] = np.arange(21)
    measured = lengths(joints)[0]
    assert measured.shape == (20,)
    assert measured[BONES.index((0, 17))] == 17 and measured[BONES.index((19, 20))] == 1


def test_generated_bones_are_those_of_people(model: HandModel) -> None:
    """Middle phalanx of the middle finger about 27 mm, of the little one shorter; hands of all sizes."""
    ours = bone_lengths(model, np.random.default_rng(0), 500)
    middle, little = (np.median(ours[:, BONES.index(bone)]) for bone in ((10, 11), (18, 19)))
    assert 22 < middle < 32 and little < 0.8 * middle
    assert ours.min() > 5 and ours.max() < 150


def test_points_are_projected_back(tmp_path: Path) -> None:
    path = tmp_path / "points.txt"
    path.write_text("160 120 500 260.99 120 500\n260.99 120 250 160 120 250\n")
    points = read_points(path, (100.99, 100.0, 160.0, 120.0))
    np.testing.assert_allclose(points, [[[0, 0, 500], [500, 0, 500]], [[250, 0, 250], [0, 0, 250]]])


def test_tables_have_a_row_for_each_bone_and_part(model: HandModel, tmp_path: Path) -> None:
    rows = bone_table(np.ones((3, 20)), tmp_path)
    assert len(rows) == 2 + len(BONES) and "real_rgbd" not in rows[0]
    rows = overlap_table(model, np.random.default_rng(0), 3, None)
    assert len(rows) == 2 + 4 and all(row.count("%") == 2 for row in rows[2:])


def test_a_document_keeps_everything_around_a_table(tmp_path: Path) -> None:
    path = tmp_path / "document.md"
    path.write_text("before\n<!-- t -->\nold\n<!-- /t -->\nafter\n")
    write_between(path, "t", ["| new |"])
    assert path.read_text() == "before\n<!-- t -->\n| new |\n<!-- /t -->\nafter\n"
