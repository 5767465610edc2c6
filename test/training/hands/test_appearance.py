"""Colours: textures are cut where the hand's skin is, backgrounds show no hands, lenses stay within a picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError
from training.hands.appearance import Backgrounds, load_skins, through_lens, wrinkle_slopes
from training.hands.look import LOOK

UV = np.array([[0.30, 0.55], [0.45, 0.55], [0.30, 0.75], [0.45, 0.75], [0.37, 0.66]])


def test_a_skins_colours_are_found_where_the_texture_has_them(tmp_path: Path) -> None:
    """Red grows to the right with u, green upwards with v; the cut keeps both in place."""
    u, v = np.meshgrid((np.arange(200) + 0.5) / 200, 1 - (np.arange(160) + 0.5) / 160)
    picture = np.stack([np.zeros_like(u), v, u], axis=-1)  # OpenCV's order: red last
    cv2.imwrite(str(tmp_path / "skin.png"), (255 * picture).astype(np.uint8))
    (texture,), pixels = load_skins(tmp_path, UV)
    assert texture.dtype == np.float32
    assert (pixels >= 0).all() and (pixels < np.array(texture.shape[1::-1])).all()
    columns, rows = pixels.astype(int).T
    colours = texture[rows, columns, :2]
    np.testing.assert_allclose(colours.mean(0), 1, rtol=0.05)
    np.testing.assert_allclose(colours / colours[0], (UV / UV[0]) ** 2.2, rtol=0.1)  # linear light
    assert texture.shape[0] < 0.25 * 160 and texture.shape[1] < 0.2 * 200


def test_skins_go_from_light_to_dark(tmp_path: Path) -> None:
    for name, value in (("a", 60), ("b", 220), ("c", 140)):
        picture = np.full((64, 64, 3), value, np.uint8)
        picture[:, 25] = value // 2  # a mark as broad as the skin is bright
        picture[:, 25 : 25 + value // 60] = value // 2
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    skins, _ = load_skins(tmp_path, UV)
    marks = [(skin[..., 0] < 0.5 * skin.max()).sum(1)[0] for skin in skins]
    assert marks == sorted(marks, reverse=True) and marks[0] > marks[-1]


def test_without_a_folder_skins_are_painted() -> None:
    skins, pixels = load_skins(None, UV)
    assert len(skins) > 10
    for skin in skins:
        assert skin.mean() == pytest.approx(1, abs=0.01) and 0.02 < skin.std() < 0.3 and skin.min() >= 0
    np.testing.assert_allclose([pixels.min(0), pixels.max(0)], [[0, 0], [127, 127]])


def test_wrinkles_are_seamless_slopes() -> None:
    slopes = wrinkle_slopes(64)
    assert slopes.shape == (64, 64, 2) and slopes.std() == pytest.approx(1, rel=0.01)
    assert abs(slopes[..., 0].sum(1)).max() < 1e-3  # up and down again: the relief repeats
    assert abs(slopes[0] - slopes[-1]).mean() < 1.5 * abs(slopes[1:] - slopes[:-1]).mean()


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
        Backgrounds(tmp_path).patches(np.random.default_rng(0), 1, 8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A blue photo whose right third is a red hand, as its box says in the coordinates of a photo twice as large."""
    picture = np.zeros((320, 480, 3), np.uint8)
    picture[..., 0] = 200
    picture[:, 320:] = [0, 0, 200]
    cv2.imwrite(str(tmp_path / "scene.jpg"), picture)
    header = "file,orig_w,orig_h,class,xmin,ymin,xmax,ymax"
    (tmp_path / "hands.csv").write_text(f"{header}\nscene.jpg,960,640,5-hand,636,0,960,640\n")
    return tmp_path


def test_backgrounds_are_cut_beside_the_hands(photos: Path) -> None:
    rng = np.random.default_rng(0)
    backgrounds = Backgrounds(photos)
    patches = backgrounds.patches(rng, 100, 20)
    assert patches.shape == (100, 20, 20, 3) and patches.dtype == np.uint8
    blue = [p for p in patches if p[..., 2].min() > 180 and p[..., :2].max() < 20]
    red = [p for p in patches if ((p[..., 0] > 150) & (p[..., 1:].max(-1) < 60)).mean() > 0.2]
    assert len(blue) > 40
    assert len(red) <= 3  # a painted background may happen to be red


def test_backgrounds_without_photos_are_painted_and_differ() -> None:
    rng = np.random.default_rng(0)
    backgrounds = Backgrounds(None)
    patches = backgrounds.patches(rng, 12, 32).astype(int)
    assert np.abs(np.diff(patches, axis=0)).mean((1, 2, 3)).min() > 3
    assert np.median(patches.std((1, 2, 3))) > 5


def plain_camera() -> NDArray:
    look = np.zeros(1, LOOK)[0]
    look["exposure"], look["balance"], look["gamma"], look["saturation"] = 1, 1, 1, 1
    return look


def test_a_plain_camera_shows_the_light_as_it_is() -> None:
    """Of the brightness that it exposes for, by the usual power of 2.2; whiter than white is white."""
    light = np.full((16, 16, 3), 0.2, np.float32)
    light[:8, :, 0], light[8:, :, 0] = 0.1, 0.3
    seen = through_lens(light, plain_camera(), 0)
    np.testing.assert_allclose(seen[0, 0], 255 * np.array([0.1, 0.2, 0.2]) ** (1 / 2.2), atol=1.5)
    assert (through_lens(1e6 * light, plain_camera(), 0) == 255).all()
    assert (through_lens(0 * light, plain_camera(), 0) == 0).all()
    dim = through_lens(0.25 * light, plain_camera(), 0)
    assert 0.25 < (dim[0, 0, 1] / seen[0, 0, 1]) ** 2.2 < 0.8  # the exposure makes up for some of it


def test_each_fault_of_the_camera_shows() -> None:
    light = np.full((64, 64, 3), 0.1, np.float32)
    light[:, 32:] = 0.3
    plain = through_lens(light, plain_camera(), 0).astype(int)

    def seen(**faults: object) -> NDArray:
        look = plain_camera()
        for name, value in faults.items():
            look[name] = value
        return through_lens(light, look, 1).astype(int)

    assert (plain[:, :32].std(), plain[:, 32:].std()) == (0, 0)
    for soft in (seen(blur=2.0), seen(motion=[8, 0])):
        assert len(np.unique(soft[20])) > 3 and (soft[:, [0, -1]] == plain[:, [0, -1]]).all()
    assert (seen(motion=[0, 8])[20] == plain[20]).all()
    assert (seen(balance=[1.3, 1, 1]) - plain)[..., 0].min() > 5
    grainy = seen(grain=[4, 0])
    assert (grainy - plain).std() == pytest.approx(4, rel=0.05)
    assert (seen(grain=[0, 8])[:, 32:]).std() > 1.2 * (seen(grain=[0, 8])[:, :32]).std()
    blocks = seen(jpeg=40, grain=[6, 0])
    assert 0 < np.abs(blocks - seen(grain=[6, 0])).mean() < 10
    grey = through_lens(light * np.float32([1.5, 1, 0.5]), plain_camera(), 1)
    look = plain_camera()
    look["saturation"] = 0
    assert (
        np.ptp(through_lens(light * np.float32([1.5, 1, 0.5]), look, 1), axis=-1).max()
        <= 1
        < np.ptp(grey, axis=-1).min()
    )
