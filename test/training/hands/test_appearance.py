"""Colours: textures are cut where the hand's skin is, backgrounds show no hands, lenses stay within a picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_pose_ros.types import HandPoseError
from training.hands.appearance import Backgrounds, load_skins, through_lens

UV = np.array([[0.30, 0.55], [0.45, 0.55], [0.30, 0.75], [0.45, 0.75], [0.37, 0.66]])


def test_a_skins_colours_are_found_where_the_texture_has_them(tmp_path: Path) -> None:
    """Red grows to the right with u, green upwards with v; the cut keeps both in place."""
    u, v = np.meshgrid((np.arange(200) + 0.5) / 200, 1 - (np.arange(160) + 0.5) / 160)
    picture = np.stack([np.zeros_like(u), v, u], axis=-1)  # OpenCV's order: red last
    cv2.imwrite(str(tmp_path / "skin.png"), (255 * picture).astype(np.uint8))
    (texture,), pixels = load_skins(tmp_path, UV)
    assert texture.dtype == np.float32 and texture.max() <= 1
    assert (pixels >= 0).all() and (pixels < np.array(texture.shape[1::-1])).all()
    columns, rows = pixels.astype(int).T
    np.testing.assert_allclose(texture[rows, columns, :2], UV, atol=0.012)  # two texels
    assert texture.shape[0] < 0.25 * 160 and texture.shape[1] < 0.2 * 200


def test_without_a_folder_skins_are_painted_in_many_tones() -> None:
    skins, pixels = load_skins(None, UV)
    tones = np.array([skin.mean((0, 1)) for skin in skins])
    assert len(skins) > 10
    assert (tones[:, 0] > tones[:, 1]).all() and (tones[:, 1] > tones[:, 2]).all()  # skin is reddish
    assert np.ptp(tones.mean(1)) > 0.3
    np.testing.assert_allclose([pixels.min(0), pixels.max(0)], [[0, 0], [127, 127]])


def test_folders_without_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match=f"no skin textures.*{tmp_path}"):
        load_skins(tmp_path, UV)
    with pytest.raises(HandPoseError, match=f"no photos.*{tmp_path}"):
        Backgrounds(tmp_path)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    for name in ("skin.png", "photo.jpg"):
        (tmp_path / name).write_bytes(b"not a picture")
    with pytest.raises(HandPoseError, match=r"cannot read the picture .*skin\.png"):
        load_skins(tmp_path, UV)
    with pytest.raises(HandPoseError, match=r"cannot read the picture .*photo\.jpg"):
        Backgrounds(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A blue photo whose right third is a red hand, as its box says in the coordinates of a photo twice as large."""
    picture = np.zeros((320, 480, 3), np.uint8)
    picture[..., 0] = 200
    picture[:, 320:] = [0, 0, 200]
    cv2.imwrite(str(tmp_path / "scene.jpg"), picture)
    header = "file,orig_w,orig_h,xmin,ymin,xmax,ymax"
    (tmp_path / "hands.csv").write_text(f"{header}\nscene.jpg,960,640,636,0,960,640\n")
    return tmp_path


def test_backgrounds_are_cut_beside_the_hands(photos: Path) -> None:
    rng = np.random.default_rng(0)
    backgrounds = Backgrounds(photos)
    patches = [backgrounds.patch(rng, 20) for _ in range(100)]
    assert all(p.shape == (20, 20, 3) and p.dtype == np.uint8 for p in patches)
    blue = [p for p in patches if p[..., 2].min() > 180 and p[..., :2].max() < 20]
    red = [p for p in patches if ((p[..., 0] > 150) & (p[..., 1:].max(-1) < 60)).mean() > 0.2]
    assert len(blue) > 40
    assert len(red) <= 3  # a painted background may happen to be red


def test_backgrounds_without_photos_are_painted_and_differ() -> None:
    rng = np.random.default_rng(0)
    backgrounds = Backgrounds(None)
    first, second = (backgrounds.patch(rng, 32).astype(int) for _ in range(2))
    assert first.shape == (32, 32, 3)
    assert np.abs(first - second).mean() > 5 and first.std() > 1


def test_the_lens_changes_the_picture_but_keeps_what_it_shows() -> None:
    picture = np.full((48, 48, 3), 60.0)
    picture[:, 24:] = 180.0
    results = [through_lens(picture.copy(), np.random.default_rng(seed)) for seed in range(60)]
    assert all(r.shape == (48, 48, 3) and r.dtype == np.uint8 for r in results)
    contrast = [r[:, 34:].astype(float).mean() - r[:, :14].mean() for r in results]
    assert min(contrast) > 15
    assert 90 < np.mean([r.mean() for r in results]) < 150
    assert len({r.tobytes() for r in results}) == 60
    again = through_lens(picture.copy(), np.random.default_rng(0))
    np.testing.assert_array_equal(again, results[0])
