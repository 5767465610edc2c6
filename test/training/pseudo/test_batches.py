"""Batches of pseudo-labelled hands: labels stay on the picture, whatever is done to it."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.camera import project
from hand_pose_ros.types import FloatArray
from training.hands.pictures import RgbBatch, rgb_batches
from training.hands.samples import pose_batches
from training.pseudo.batches import beside, pseudo_batches
from training.pseudo.teacher import PATCH_PX, PseudoLabels, camera_of, save_labels

TIP = 12


@pytest.fixture
def labels() -> PseudoLabels:
    """Four black pictures of synthetic hands, a white disc at the tip of the middle finger."""
    poses = next(pose_batches(5, 4))
    ahead = np.array([0.0, 0.0, 0.5], np.float32)
    joints, surface = poses.joints + ahead, poses.surface + ahead
    rgb = np.zeros((4, PATCH_PX, PATCH_PX, 3), np.uint8)
    alpha = np.full((4, PATCH_PX, PATCH_PX), 255, np.uint8)
    made = PseudoLabels(rgb, alpha, np.full(4, 0.4), joints, surface, np.zeros(4))
    for k in range(4):
        u, v = project(joints[k], camera_of(made, k))[TIP]
        cv2.circle(rgb[k], (round(u), round(v)), 4, (255, 255, 255), -1)
    return made


def brightest(picture: FloatArray) -> FloatArray:
    """Crop coordinates (2,) of the middle of the white disc."""
    grey = cv2.GaussianBlur(picture.astype(np.float32).mean(2), (0, 0), 1.5)
    bright = grey > 0.7 * grey.max()
    rows, columns = np.nonzero(bright)
    return (np.array([columns.mean(), rows.mean()]) + 0.5) * 2 / len(picture) - 1


def test_a_disc_on_a_fingertip_stays_there(labels: PseudoLabels) -> None:
    seen = 0
    for batch in islice(pseudo_batches(1, 8, 96, labels, None), 4):
        for i in range(8):
            tip = batch.joints_2d[i, TIP]
            if np.abs(tip).max() < 0.9:
                picture = batch.rgb[i] if batch.right[i] else batch.rgb[i][:, ::-1]
                np.testing.assert_allclose(brightest(picture), tip, atol=0.12)
                seen += 1
    assert seen > 10


def test_joints_are_about_the_crops_centre_and_project_to_their_2d_ones(labels: PseudoLabels) -> None:
    batch = next(pseudo_batches(2, 16, 32, labels, None))
    assert np.abs(batch.joints.mean(1)).max() < 0.08
    # the distance to the crop's centre follows from any joint's 2D coordinate
    x, z = batch.joints[..., 0], batch.joints[..., 2]
    wide = np.abs(batch.joints_2d[..., 0]) > 0.1
    distance = x / np.where(wide, batch.joints_2d[..., 0], 1) / batch.tan_half[:, None] - z
    for row, used in zip(distance, wide, strict=True):
        assert np.ptp(row[used]) < 1e-3 and 0.35 < row[used].mean() < 0.7
    assert set(batch.right) <= {0.0, 1.0} and (batch.present == 1).all()


def test_they_stand_behind_synthetic_hands(labels: PseudoLabels, tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    save_labels(path, labels)

    def synthetic(seed: int):
        return rgb_batches(seed, batch=3, size=32, skins=None, backgrounds=None)

    mixed = next(beside(4, synthetic, path, 2, 32, None))
    alone: RgbBatch = next(synthetic(4))
    real = next(pseudo_batches(4, 2, 32, labels, None))
    for name, values in vars(mixed).items():
        np.testing.assert_array_equal(values, np.concatenate([getattr(alone, name), getattr(real, name)]))
