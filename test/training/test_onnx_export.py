"""Exported networks give what torch gives, for any batch, and a network that does not is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from hand_pose_ros.quantise import to_int8
from hand_pose_ros.types import HandPoseError
from training.backbones import PretrainedEncoder
from training.export import ENCODER_OUTPUTS
from training.networks import LATENT, CloudDecoder, DepthEncoder, JointsDecoder
from training.onnx_export import ROUNDED, export_network, round_weights


@pytest.mark.parametrize(
    ("make", "shapes", "outputs"),
    [
        (lambda: DepthEncoder(64), {"x": (1, 64, 64), "tan_half": ()}, ENCODER_OUTPUTS),
        (lambda: PretrainedEncoder(96), {"x": (3, 96, 96)}, ENCODER_OUTPUTS),
        (JointsDecoder, {"z": (LATENT,)}, ("joints", "joints_2d")),
        (CloudDecoder, {"z": (LATENT,)}, ("cloud",)),
    ],
    ids=["depth", "rgb", "joints", "cloud"],
)
def test_onnx_agrees_with_torch(tmp_path: Path, make: type, shapes: dict, outputs: tuple[str, ...]) -> None:
    path, module = tmp_path / "network.onnx", trained(make())
    example = {name: torch.randn(2, *shape) for name, shape in shapes.items()}
    assert export_network(path, module, example, outputs) < 1e-3
    for count in (1, 5):
        batch = {name: torch.randn(count, *shape) for name, shape in shapes.items()}
        with torch.no_grad():
            expected = module(*batch.values())
        got = _run(path, batch)
        for one, other in zip(expected if isinstance(expected, tuple) else (expected,), got, strict=True):
            np.testing.assert_allclose(other, one.numpy(), rtol=1e-3, atol=1e-4)
    assert not {node.op_type for node in onnx.load(path).graph.node} & {
        "BatchNormalization",
        "Range",
        "ConstantOfShape",
    }
    assert str(Path(__file__).parents[2]).encode() not in path.read_bytes()  # where the code stood is nobody's business


def test_weights_in_7_bits_are_those_of_the_integers_and_are_computed_with_in_floats(tmp_path: Path) -> None:
    module = trained(DepthEncoder(64))
    example = {"x": torch.rand(2, 1, 64, 64) * 2 - 1, "tan_half": torch.rand(2)}
    path, integers = tmp_path / "network.onnx", tmp_path / "integers.onnx"
    export_network(path, module, example, ENCODER_OUTPUTS)
    before, size = _run(path, example), path.stat().st_size
    shutil.copyfile(path, integers)
    round_weights(path)
    assert path.stat().st_size < 0.3 * size
    model = onnx.load(path)
    onnx.checker.check_model(model)
    for one, other in zip(before, _run(path, example), strict=True):
        assert other.dtype == np.float32
        np.testing.assert_allclose(other, one, rtol=0.1, atol=0.05 * np.abs(one).max())
    pictures = [{name: x[k : k + 1].numpy() for name, x in example.items()} for k in range(2)]
    to_int8(integers, pictures)
    ours, theirs = (_whole_numbers(graph) for graph in (model, onnx.load(integers)))
    assert ours and set(ours) <= set(theirs)
    same = [ours[name] == theirs[name] for name in ours]
    assert np.concatenate([each.ravel() for each in same]).mean() > 0.999  # but for ties


def _whole_numbers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    tensors = (t for t in model.graph.initializer if t.name.endswith(f"weight{ROUNDED}"))
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}


def _run(path: Path, inputs: dict[str, Tensor]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {name: x.numpy() for name, x in inputs.items()})


def trained(module: nn.Module) -> nn.Module:
    """The network with normalisations that do something."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            part.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return module.eval()


class Wavering(nn.Module):
    """Never says the same twice, as dropout left switched on would."""

    def forward(self, z: Tensor) -> Tensor:
        return z + torch.rand_like(z)


def test_a_network_that_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandPoseError, match="differs from the trained network"):
        export_network(tmp_path / "network.onnx", Wavering(), {"z": torch.randn(2, LATENT)}, ("y",))
