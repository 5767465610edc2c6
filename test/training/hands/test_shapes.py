"""Hands of every size and build, and that what they were made from makes them again."""

import numpy as np

from hand_pose_ros.skeleton import PARENTS
from training.hands.model import BONE_COUNT, Array, HandModel, HandShape, joint_positions, pose_bones
from training.hands.shapes import PHENOTYPES, ShapeParameters, make_shapes, sample_parameters, sample_shapes


def bones(model: HandModel, shape: HandShape) -> Array:
    """(B, 20) metres from each joint but the wrist to its parent."""
    maps, positions = pose_bones(shape, np.broadcast_to(np.eye(3), (len(shape.size), BONE_COUNT, 3, 3)))
    joints = joint_positions(model, shape, maps, positions)
    return np.asarray(np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1))


def test_sizes_are_those_of_people(model: HandModel) -> None:
    """Straight from wrist to the middle finger's middle joint: adults about 130 mm, a tenth smaller."""
    shape = sample_shapes(model, np.random.default_rng(0), 2000)
    maps, positions = pose_bones(shape, np.broadcast_to(np.eye(3), (2000, BONE_COUNT, 3, 3)))
    joints = joint_positions(model, shape, maps, positions)
    length = np.linalg.norm(joints[:, 10] - joints[:, 0], axis=1) * 1000
    assert 122 < np.median(length) < 138
    assert 0.04 < (length < 110).mean() < 0.16
    assert length.min() > 60 and length.max() < 190


def test_fingers_vary_apart_from_each_other(model: HandModel) -> None:
    shape = sample_shapes(model, np.random.default_rng(0), 2000)
    maps, positions = pose_bones(shape, np.broadcast_to(np.eye(3), (2000, BONE_COUNT, 3, 3)))
    joints = joint_positions(model, shape, maps, positions)
    index, little = (np.linalg.norm(joints[:, b] - joints[:, a], axis=1) for a, b in ((6, 7), (18, 19)))
    assert 0.03 < np.std(index / little) / np.mean(index / little) < 0.25


def test_each_parameter_changes_what_it_names_and_nothing_else(model: HandModel) -> None:
    one = sample_parameters(model, np.random.default_rng(3), 1)
    usual = bones(model, make_shapes(model, one))[0]

    def times(**changed: Array | float) -> Array:
        """Bone lengths over those of the hand as it is."""
        values = {**vars(one), **{name: getattr(one, name) * factor for name, factor in changed.items()}}
        return np.asarray(bones(model, make_shapes(model, ShapeParameters(**values)))[0] / usual)

    np.testing.assert_allclose(times(hand_length=1.1), 1.1, rtol=1e-5)
    longer = np.ones((1, 5, 3))
    longer[0, 2, 1] = 1.2  # the middle finger's second bone, from joint 10 to joint 11
    np.testing.assert_allclose(times(bone_scale=longer), np.where(np.arange(1, 21) == 11, 1.2, 1), rtol=1e-5)
    # a palm's joints do not lie at the ends of anny's bones, so the next bones change a little with it
    palm, outer = (np.isin(np.arange(1, 21) % 4, ends) for ends in (1, (0, 3)))
    wide = times(palm_scale=1.2)
    np.testing.assert_allclose(wide[palm], 1.2, rtol=1e-5)
    np.testing.assert_allclose(wide[outer], 1, rtol=1e-5)
    np.testing.assert_allclose(times(finger_thickness=1.3)[outer | palm], 1, rtol=1e-5)
    np.testing.assert_allclose(times(phenotypes=0), 1, rtol=1e-6)


def test_phenotypes_are_those_of_the_hands_shape(model: HandModel) -> None:
    """Of each, most can be told from the shape by a linear fit to other hands, of which those of another hand tell
    nothing."""
    drawn = sample_parameters(model, np.random.default_rng(0), 2000)
    told = np.column_stack([drawn.shape_coefficients, np.ones(2000)])
    fit = np.linalg.lstsq(told[:1000], drawn.phenotypes[:1000], rcond=None)[0]
    wrong = (drawn.phenotypes[1000:] - told[1000:] @ fit).var(0) / drawn.phenotypes[1000:].var(0)
    assert len(wrong) == len(PHENOTYPES) and wrong.max() < 0.25 and np.median(wrong) < 0.01
    assert drawn.phenotypes[:, :6].min() >= 0 and drawn.phenotypes[:, :6].max() <= 1
