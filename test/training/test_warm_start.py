"""An encoder started from an exported one computes what that one computes."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from hand_pose_ros.quantise import to_int8
from hand_pose_ros.types import HandPoseError
from training import onnx_export
from training.export import ENCODER_OUTPUTS
from training.networks import MAP_CHANNELS, VOTES, DepthEncoder
from training.onnx_export import export_network
from training.warm_start import start_from

LAYERS = ["stem.0", "body.0", "last", "before_last", "head.0", "head.1", "head.3"]


class Net(nn.Module):
    """Two normalised convolutions, one of another order than its place, and a head with a normalisation of its own."""

    def __init__(self, channels: int = 1, extra: bool = False):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(6, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.extra = nn.Conv2d(8, 8, 1) if extra else nn.Identity()
        self.last = nn.Conv2d(8, 8, 1)
        self.before_last = nn.Conv2d(8, 8, 1)  # as large as the last one and run before it
        self.head = nn.Sequential(nn.Linear(8, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.last(self.before_last(self.body(self.stem(x)))).mean((2, 3)))


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Net, Path]:
    """A network whose normalisations have seen data, and its exported graph, in which they are folded."""
    torch.manual_seed(0)
    net = Net()
    for _ in range(20):
        net(2 + 3 * torch.randn(16, 1, 12, 12))
    for norm in (net.stem[1], net.body[1], net.head[1]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    path = tmp_path / "net.onnx"
    torch.onnx.export(
        net.eval(), (torch.randn(1, 1, 12, 12),), str(path), input_names=["x"], dynamic_axes={"x": {0: "n"}},
        dynamo=False,
    )  # fmt: skip
    kinds = [node.op_type for node in onnx.load(str(path)).graph.node]
    assert kinds.count("BatchNormalization") == 1  # the head's
    return net, path


def test_the_started_network_computes_what_the_exported_one_does(trained: tuple[Net, Path]) -> None:
    net, path = trained
    seen = 2 + 3 * torch.randn(64, 1, 12, 12)
    again = Net()
    assert start_from(again, path, seen) == LAYERS
    torch.testing.assert_close(again.eval()(seen), net(seen), atol=1e-4, rtol=1e-4)
    norm = again.body[1].train()  # with these very pictures, the batch's statistics are those that were unfolded
    folded = again.body[0](again.stem(seen))
    torch.testing.assert_close(norm(folded), net.body[1](net.body[0](net.stem(seen))), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kept", ["as they are", "in 7 bits", "in integers"])
def test_a_bundles_graph_is_started_from_whose_head_is_folded_and_which_may_be_rounded(
    trained: tuple[Net, Path], tmp_path: Path, kept: str
) -> None:
    net, _ = trained
    seen = 2 + 3 * torch.randn(64, 1, 12, 12)
    path = tmp_path / "shipped.onnx"
    export_network(path, net, {"x": seen[:2]}, ("y",))
    if kept == "in 7 bits":
        onnx_export.round_weights(path)
    if kept == "in integers":
        to_int8(path, [{"x": picture[None].numpy()} for picture in seen[:32]])
    kinds = {node.op_type for node in onnx.load(str(path)).graph.node}
    assert "BatchNormalization" not in kinds and ("DequantizeLinear" in kinds) == (kept == "in integers")
    again = Net()
    assert set(start_from(again, path, seen)) == set(LAYERS) - {"head.1"}
    again.train()  # with these very pictures, the batch's statistics are those that were unfolded
    error = (again(seen) - net(seen)).norm() / net(seen).norm()
    assert error < (1e-4 if kept == "as they are" else 0.1)


def test_new_layers_between_stay_and_new_channels_come_first(trained: tuple[Net, Path]) -> None:
    net, path = trained
    wider = Net(channels=3, extra=True)
    before = [p.clone() for p in wider.extra.parameters()]
    seen = torch.randn(8, 3, 12, 12)
    assert start_from(wider, path, seen) == LAYERS
    assert all(torch.equal(p, q) for p, q in zip(before, wider.extra.parameters(), strict=True))
    torch.testing.assert_close(wider.eval()(seen), net(seen[:, 2:]), atol=1e-4, rtol=1e-4)


@pytest.fixture
def exported(tmp_path: Path) -> tuple[DepthEncoder, Path, Tensor, Tensor]:
    """A small encoder for 32 pixels whose normalisations have seen data, its exported graph, and that data: depth and
    tan_half."""
    torch.manual_seed(0)
    small = DepthEncoder(32, 8, (1, 1, 1, 1))
    depth, tan_half = torch.rand(16, 1, 32, 32) * 2 - 1, torch.full((16,), 0.2)
    for _ in range(5):
        small(depth, tan_half)
    path = tmp_path / "encoder_depth.onnx"
    export_network(path, small.eval(), {"x": depth[:2], "tan_half": tan_half[:2]}, ENCODER_OUTPUTS)
    return small, path, depth, tan_half


def test_a_depth_encoder_with_more_blocks_begins_as_the_smaller_one(
    exported: tuple[DepthEncoder, Path, Tensor, Tensor],
) -> None:
    small, path, depth, tan_half = exported
    grown = DepthEncoder(32, 8, (1, 2, 3, 2))
    start_from(grown, path, depth, tan_half)
    torch.testing.assert_close(grown.eval()(depth, tan_half).mean, small(depth, tan_half).mean, atol=1e-3, rtol=1e-3)


def test_a_head_over_a_larger_map_begins_as_the_same_function_of_it(
    exported: tuple[DepthEncoder, Path, Tensor, Tensor],
) -> None:
    small, path, depth, tan_half = exported
    large = DepthEncoder(64, 8, (1, 1, 1, 1))
    start_from(large, path, nn.functional.interpolate(depth, scale_factor=2), tan_half)
    # of a map that is the same in every cell, as large a head says the same
    cells = torch.rand(16, MAP_CHANNELS, 1, 1)
    votes = torch.randn(16, VOTES)
    seen = [torch.cat([cells.expand(-1, -1, n, n).flatten(1), votes], 1) for n in (2, 4)]
    torch.testing.assert_close(large.eval().head(seen[1]).mean, small.head(seen[0]).mean, atol=1e-3, rtol=1e-3)


def test_what_is_of_another_shape_stays(trained: tuple[Net, Path]) -> None:
    other = Net()
    other.last, other.head[3] = nn.Conv2d(8, 8, 3, 1, 1), nn.Linear(5, 3)
    assert start_from(other, trained[1], torch.randn(8, 1, 12, 12)) == [
        name for name in LAYERS if name not in ("last", "head.3")
    ]


def test_a_graph_of_something_else_is_refused(trained: tuple[Net, Path]) -> None:
    other = nn.Sequential(nn.Conv2d(5, 7, 3))
    with pytest.raises(HandPoseError, match="no layer in common"):
        start_from(other, trained[1], torch.randn(1, 5, 8, 8))
