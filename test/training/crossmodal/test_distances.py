"""Distances of clouds."""

import pytest
import torch

from training.crossmodal.distances import chamfer


@pytest.mark.parametrize("seed", range(5))
def test_chamfer_is_the_mean_distance_to_the_nearest_point_both_ways(seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 17, 3, generator=chance), torch.randn(2, 5, 3, generator=chance)
    for got, first, second in zip(chamfer(a, b), a, b, strict=True):
        there = sum(min((p - q).norm().item() for q in second) for p in first) / 17
        back = sum(min((p - q).norm().item() for p in first) for q in second) / 5
        assert got.item() == pytest.approx(there + back, rel=1e-5)


def test_chamfer_of_a_cloud_with_itself_in_any_order_is_nothing_and_has_a_gradient() -> None:
    cloud = torch.randn(1, 30, 3).requires_grad_()
    distance = chamfer(cloud, cloud.detach().flip(1))
    assert distance.item() == 0
    distance.sum().backward()
    assert cloud.grad is not None and torch.isfinite(cloud.grad).all()
