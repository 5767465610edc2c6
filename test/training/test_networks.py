"""The networks' contract with docs/architecture.md."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_pose_ros.latent import product_of_experts
from training.networks import (
    LATENT,
    RGB_MEAN,
    RGB_STD,
    CloudDecoder,
    DepthEncoder,
    ExpertHead,
    JointsDecoder,
    JointsEncoder,
    Pyramid,
    Votes,
    cell_centres,
    normalise,
    point_map,
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


def test_a_depth_encoder_gives_one_expert_and_21_votes_per_picture() -> None:
    encoder = DepthEncoder(32, width=8).eval()
    pictures, tan_half = torch.randn(3, 1, 32, 32), torch.rand(3) * 0.4
    expert, votes = encoder.look(pictures, tan_half)
    assert [tuple(part.shape) for part in expert] == [(3, LATENT), (3, LATENT), (3,), (3,)]
    assert votes.shape == (3, 21, 3)
    alone = encoder(pictures[1:2], tan_half[1:2])
    for part, one in zip(expert, alone, strict=True):
        torch.testing.assert_close(part[1:2], one, atol=1e-4, rtol=1e-3)


def test_a_depth_encoder_sees_where_things_are_and_how_wide_the_camera_looks() -> None:
    encoder = DepthEncoder(32, width=8).eval()
    pictures = torch.zeros(2, 1, 32, 32)
    pictures[0, :, 4:10, 4:10] = pictures[1, :, 20:26, 20:26] = 1
    tan_half = torch.full((2,), 0.2)
    first, second = encoder(pictures, tan_half).mean
    assert (first - second).abs().max() > 1e-4
    assert (encoder(pictures, 2 * tan_half).mean[0] - first).abs().max() > 1e-4


@settings(max_examples=30, deadline=None)
@given(st.floats(0.2, 1.5), st.integers(0, 2**32 - 1))
def test_a_point_map_is_the_depth_pictures_pixels_in_space(distance: float, seed: int) -> None:
    """Against the crop of docs/architecture.md: pixel i's ray is at ((2 i + 1) / S - 1) tan_half."""
    rng, size, half = np.random.default_rng(seed), 6, 0.13
    tan_half = half / distance
    depth = rng.uniform(-1, 1, (size, size))
    z = distance + depth * half
    ray = ((2 * np.arange(size) + 1) / size - 1) * tan_half
    expected = np.stack([ray[None] * z, ray[:, None] * z, z - distance]) / half
    got = point_map(torch.from_numpy(depth)[None, None], torch.tensor([tan_half], dtype=torch.float64))
    np.testing.assert_allclose(got[0], expected, atol=1e-6)


def test_votes_are_of_the_cells_that_count() -> None:
    """A network that trusts, for joint j, only the cell of feature j puts the joint there, plus its offset."""
    votes, cells = Votes(21), 5
    with torch.no_grad():
        votes.out.weight.zero_()
        votes.out.bias.zero_()
        votes.out.weight[:21, :, 0, 0] = 50 * torch.eye(21)
        votes.out.bias[21:].view(21, 3)[:, 2] = 0.25
    at = torch.randint(0, cells, (21, 2))
    features = torch.zeros(1, 21, cells, cells)
    features[0, torch.arange(21), at[:, 1], at[:, 0]] = 1
    centres = cell_centres(cells)
    anchors = torch.cat([centres, torch.zeros(1, cells, cells)])[None]
    joints = votes(features, anchors)[0]
    torch.testing.assert_close(joints[:, :2], (2 * at + 1) / cells - 1, atol=1e-4, rtol=0)
    torch.testing.assert_close(joints[:, 2], torch.full((21,), 0.25), atol=1e-4, rtol=0)


def test_a_pyramid_is_as_fine_as_its_finest_map_and_hears_all_of_them() -> None:
    pyramid = Pyramid((8, 4, 2), outputs=6).eval()
    maps = [torch.randn(2, 8, 3, 3), torch.randn(2, 4, 6, 6), torch.randn(2, 2, 12, 12)]
    merged = pyramid(*maps)
    assert merged.shape == (2, 6, 12, 12)
    for k in range(3):
        changed = [m + (i == k) for i, m in enumerate(maps)]
        assert (pyramid(*changed) != merged).any()


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
