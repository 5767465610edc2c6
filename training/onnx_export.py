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

from hand_pose_ros.types import HandPoseError

PARITY = 1e-3
OPSET = 18
#: Weights with at least so many values are most of a file.
LARGE = 100_000
#: What is appended to the name of a weight that is kept in half precision.
HALF = "_half"


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


def halve_weights(path: Path) -> None:
    """Keep a file's large weights in half precision, in place; they are cast where they are read, once, when a runtime
    loads the graph, so that arithmetic stays in single precision."""
    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= LARGE:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + HALF))
            casts.append(
                onnx.helper.make_node("Cast", [name + HALF], [name], name=f"{name}_cast", to=onnx.TensorProto.FLOAT)
            )
    nodes = [*casts, *graph.node]
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
