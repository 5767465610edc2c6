"""Torch networks to ONNX files, checked against torch."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from hand_pose_ros.quantise import inner_layers
from hand_pose_ros.types import HandPoseError

PARITY = 1e-3
OPSET = 18
#: A weight in 7 bits is a whole number from minus this to this.
MOST = 64
#: What is appended to the name of a weight that is kept so: for the numbers, as ONNX Runtime's quantiser has it, for
#: them as floats, and for their scale.
ROUNDED, WHOLE, SCALE = "_quantized", "_whole", "_scale"


def export_network(path: Path, module: nn.Module, example: dict[str, Tensor], outputs: tuple[str, ...]) -> float:
    """Write one network with a dynamic batch; returns its largest relative error against torch on fresh inputs.

    example: its inputs by name, in order, each with the batch as its first axis, of at least 2. Raises HandPoseError
    where the error is 1e-3 or more.
    """
    module = module.eval()
    batch = torch.export.Dim("n")
    # by torch.export, whose graphs have sizes as numbers; traced ones spend a tenth of their time on finding them
    program = torch.onnx.export(
        fold_norms(module), tuple(example.values()), input_names=list(example), output_names=list(outputs),
        opset_version=OPSET, dynamic_shapes={name: {0: batch} for name in example}, dynamo=True, verbose=False,
    )  # fmt: skip
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:  # they tell where on this machine the network's code stood
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fresh = {name: torch.rand_like(x.repeat(3, *[1] * (x.dim() - 1))) * 2 - 1 for name, x in example.items()}
    with torch.no_grad():
        expected = module(*fresh.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    got = session.run(list(outputs), {name: x.numpy() for name, x in fresh.items()})
    errors = [np.linalg.norm(e.numpy() - g) / np.linalg.norm(e.numpy()) for e, g in zip(expected, got, strict=True)]
    worst = float(max(errors))
    if not worst < PARITY:
        raise HandPoseError(f"{path} differs from the trained network by {worst:.1e}; the bundle must not be used")
    return worst


#: For the card of a bundle whose weights are rounded so.
ROUNDED_WEIGHTS = "single precision; weights of inner layers are kept in 7 bits"


def round_weights(path: Path) -> None:
    """Keep the weights of a file's inner layers in 7 bits with a scale for each output channel, in place: the very
    numbers that `quantise.to_int8` rounds them to, so that both files share them.

    They are multiplied out where they are read, once, when a runtime loads the graph: arithmetic stays in single
    precision.
    """
    model = onnx.load(str(path))
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    inner = set(inner_layers(graph))
    unpack = []
    for node in graph.node:
        if node.name not in inner or node.op_type not in ("Conv", "Gemm"):
            continue
        name = node.input[1]
        values = numpy_helper.to_array(weights[name])
        scale = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True) / MOST
        scale[scale == 0] = 1.0
        whole = np.rint(values / scale).astype(np.int8)
        weights[name].CopyFrom(numpy_helper.from_array(whole, name + ROUNDED))
        graph.initializer.append(numpy_helper.from_array(scale, name + SCALE))
        unpack += [
            onnx.helper.make_node("Cast", [name + ROUNDED], [name + WHOLE], name + WHOLE, to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("Mul", [name + WHOLE, name + SCALE], [name], name + SCALE),
        ]
    nodes = [*unpack, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    path.write_bytes(model.SerializeToString())


def fold_norms(module: nn.Module) -> nn.Module:
    """A copy in which linear layers have the batch normalisation behind them in their weights; the exporter does that
    for convolutions alone."""
    folded = copy.deepcopy(module)
    for chain in folded.modules():
        if isinstance(chain, nn.Sequential):
            for k in range(len(chain) - 1):
                first, second = chain[k], chain[k + 1]
                if isinstance(first, nn.Linear) and isinstance(second, nn.BatchNorm1d):
                    chain[k], chain[k + 1] = fuse_linear_bn_eval(first, second), nn.Identity()
    return folded
