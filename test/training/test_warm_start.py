"""An encoder started from an exported one computes what that one computes."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError
from training.warm_start import start_from


class Net(nn.Module):
    """Two normalised convolutions, one with a bias, one that is never normalised."""

    def __init__(self, channels: int = 1, extra: bool = False):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(6, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.extra = nn.Conv2d(8, 8, 1) if extra else nn.Identity()
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(self.stem(x)))


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Net, Path]:
    """A network whose normalisations have seen data, and its exported graph, in which they are folded."""
    torch.manual_seed(0)
    net = Net()
    for _ in range(20):
        net(2 + 3 * torch.randn(16, 1, 12, 12))
    for norm in (net.stem[1], net.body[1]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    path = tmp_path / "net.onnx"
    torch.onnx.export(
        net.eval(), (torch.randn(1, 1, 12, 12),), str(path), input_names=["x"], dynamic_axes={"x": {0: "n"}},
        dynamo=False,
    )  # fmt: skip
    assert not any(node.op_type == "BatchNormalization" for node in onnx.load(str(path)).graph.node)
    return net, path


@pytest.mark.parametrize("training", [False, True])
def test_the_started_network_computes_what_the_exported_one_does(trained: tuple[Net, Path], training: bool) -> None:
    net, path = trained
    seen = 2 + 3 * torch.randn(64, 1, 12, 12)
    again = Net()
    assert start_from(again, path, seen) == ["stem.0", "body.0", "last"]
    again.train(training)  # with these very pictures, the batch's statistics are those that were unfolded
    torch.testing.assert_close(again(seen), net(seen), atol=1e-4, rtol=1e-4)


def test_new_layers_between_stay_and_new_channels_come_first(trained: tuple[Net, Path]) -> None:
    net, path = trained
    wider = Net(channels=3, extra=True)
    before = [p.clone() for p in wider.extra.parameters()]
    seen = torch.randn(8, 3, 12, 12)
    assert start_from(wider, path, seen) == ["stem.0", "body.0", "last"]
    assert all(torch.equal(p, q) for p, q in zip(before, wider.extra.parameters(), strict=True))
    torch.testing.assert_close(wider.eval()(seen), net(seen[:, 2:]), atol=1e-4, rtol=1e-4)


def test_a_graph_of_something_else_is_refused(trained: tuple[Net, Path]) -> None:
    other = nn.Sequential(nn.Conv2d(5, 7, 3))
    with pytest.raises(HandPoseError, match="no layer in common"):
        start_from(other, trained[1], torch.randn(1, 5, 8, 8))
