"""The networks' contract with docs/architecture.md."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.latent import product_of_experts
from training.networks import (
    LATENT,
    RGB_MEAN,
    RGB_STD,
    CloudDecoder,
    ExpertHead,
    ImageEncoder,
    JointsDecoder,
    JointsEncoder,
    normalise,
    posterior,
)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_posterior_is_the_robots_product_of_experts(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    means, log_vars = rng.normal(0, 2, (2, count, 3, 7))
    mean, log_var = posterior(
        *((torch.from_numpy(m), torch.from_numpy(v)) for m, v in zip(means, log_vars, strict=True))
    )
    expected_mean, expected_variance = product_of_experts(list(means), list(log_vars))
    np.testing.assert_allclose(mean, expected_mean, atol=1e-9)
    np.testing.assert_allclose(log_var.exp(), expected_variance, rtol=1e-9)


@pytest.mark.parametrize(("channels", "size"), [(1, 32), (3, 48)])
def test_image_encoders_give_one_expert_per_picture(channels: int, size: int) -> None:
    encoder = ImageEncoder(channels, size, width=8).eval()
    pictures = torch.randn(3, channels, size, size)
    expert = encoder(pictures)
    assert [tuple(part.shape) for part in expert] == [(3, LATENT), (3, LATENT), (3,), (3,)]
    alone = encoder(pictures[1:2])
    for part, one in zip(expert, alone, strict=True):
        torch.testing.assert_close(part[1:2], one, atol=1e-4, rtol=1e-3)


def test_image_encoders_see_where_things_are() -> None:
    encoder = ImageEncoder(1, 32, width=8).eval()
    pictures = torch.zeros(2, 1, 32, 32)
    pictures[0, :, 4:10, 4:10] = pictures[1, :, 20:26, 20:26] = 1
    first, second = encoder(pictures).mean
    assert (first - second).abs().max() > 1e-4


def test_an_experts_variance_is_bounded_and_its_parts_are_apart() -> None:
    head = ExpertHead(4, hidden=8, latent=3).eval()
    with torch.no_grad():
        head.out.weight.zero_()
        head.out.bias.copy_(torch.tensor([1.0, 2, 3, -99, 0.5, 99, 7, -7]))
    mean, log_var, side, presence = (part[0].tolist() for part in head(torch.zeros(2, 4)))
    assert (mean, log_var, side, presence) == ([1, 2, 3], [-8, 0.5, 8], 7, -7)


def test_decoders_are_of_the_documented_shapes_and_of_a_hands_size() -> None:
    torch.manual_seed(0)
    z = torch.randn(5, LATENT)
    joints, joints_2d = JointsDecoder()(z)
    cloud = CloudDecoder()(z)
    assert joints.shape == (5, 21, 3) and joints_2d.shape == (5, 21, 2) and cloud.shape == (5, 256, 3)
    assert joints.abs().max() < 0.1 and cloud.abs().max() < 0.1  # metres, already before training
    assert (cloud[0] - cloud[1]).abs().max() > 0
    assert len(torch.unique(cloud[0], dim=0)) == 256


def test_the_teacher_sees_both_kinds_of_joints() -> None:
    encoder = JointsEncoder(hidden=16).eval()
    joints, joints_2d = torch.randn(2, 21, 3) * 0.04, torch.randn(2, 21, 2) * 0.3
    mean = encoder(joints, joints_2d).mean
    assert mean.shape == (2, LATENT)
    assert (encoder(joints * 1.1, joints_2d).mean != mean).any()
    assert (encoder(joints, joints_2d * 1.1).mean != mean).any()


def test_pictures_are_normalised_channel_by_channel() -> None:
    rgb = torch.randint(0, 256, (2, 5, 6, 3), dtype=torch.uint8)
    x = normalise(rgb)
    assert x.shape == (2, 3, 5, 6) and x.dtype == torch.float32
    for channel, (mean, std) in enumerate(zip(RGB_MEAN, RGB_STD, strict=True)):
        torch.testing.assert_close(x[:, channel], (rgb[..., channel] / 255 - mean) / std)
