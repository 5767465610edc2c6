"""Runs ONNX networks with PyTorch: for machines that have its build for their GPU, and none of ONNX Runtime's.

Imported only where a provider of TORCH_PROVIDERS is asked for; needs `torch` and `onnx`. The graph is read as data and
walked operator by operator: those that the project's exports have, as the ONNX specification defines them (opset 18).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from hand_pose_ros.types import HandPoseError

Attributes = Mapping[str, Any]
#: What an operator does with its attributes and inputs; an input that was left out is None.
Operator = Callable[..., Tensor | tuple[Tensor, ...]]


class Value(NamedTuple):
    """An input or output of a network; an axis of any size has a name."""

    name: str
    shape: list[int | str]


class Node(NamedTuple):
    """One operator of the graph: the names of what it reads ('' for what is left out) and of what it gives."""

    operator: Operator
    attributes: Attributes
    inputs: Sequence[str]
    outputs: Sequence[str]


class TorchSession:
    """One graph on one device; answers what `backend.Network` asks of an ONNX Runtime session.

    Raises HandPoseError where there is no such device and for an operator that is not known.
    """

    def __init__(self, path: Path, provider: str, threads: int) -> None:
        if provider == "TorchCUDA" and not torch.cuda.is_available():
            raise HandPoseError(f"this PyTorch ({torch.__version__}) sees no CUDA device")
        self._provider, self._device = provider, "cuda" if provider == "TorchCUDA" else "cpu"
        torch.set_num_threads(threads)  # of the process: PyTorch has no other way
        graph = onnx.load(str(path)).graph
        unknown = sorted({node.op_type for node in graph.node} - OPERATORS.keys())
        if unknown:
            raise HandPoseError(f"no operator {', '.join(unknown)} in PyTorch's way of running networks")
        self._constants = {each.name: self._on_device(_tensor(each)) for each in graph.initializer}
        self._nodes: list[Node] = []
        for each in graph.node:
            attributes = {named.name: onnx.helper.get_attribute_value(named) for named in each.attribute}
            node = Node(OPERATORS[each.op_type], attributes, each.input, each.output)
            if all(name in self._constants for name in node.inputs if name):  # weights in few bits: unpacked once
                with torch.inference_mode():
                    folded = self._outputs_of(node, self._constants)
                self._constants |= {name: self._on_device(tensor) for name, tensor in folded.items()}
            else:
                self._nodes.append(node)
        self._inputs, self._outputs = ([_value(each) for each in side] for side in (graph.input, graph.output))

    def get_providers(self) -> list[str]:
        return [self._provider]

    def get_inputs(self) -> list[Value]:
        return self._inputs

    def get_outputs(self) -> list[Value]:
        return self._outputs

    def run(self, names: Sequence[str], inputs: Mapping[str, NDArray]) -> list[NDArray]:
        """The outputs of these names."""
        with torch.inference_mode():
            values = self._constants | {
                name: self._on_device(torch.from_numpy(np.array(array))) for name, array in inputs.items()
            }
            for node in self._nodes:
                values |= self._outputs_of(node, values)
            return [values[name].cpu().numpy() for name in names]

    def _outputs_of(self, node: Node, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        given = node.operator(node.attributes, *(values[name] if name else None for name in node.inputs))
        return dict(zip(node.outputs, given if isinstance(given, tuple) else (given,), strict=True))

    def _on_device(self, tensor: Tensor) -> Tensor:
        """Shapes and indices (int64) stay where Python reads them."""
        return tensor if tensor.dtype == torch.int64 else tensor.to(self._device)


def _tensor(stored: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(np.array(numpy_helper.to_array(stored)))


def _constant(said: Attributes) -> Tensor:
    _require("value" in said, "Constant of this kind")
    return _tensor(said["value"])


def _value(described: onnx.ValueInfoProto) -> Value:
    axes = described.type.tensor_type.shape.dim
    return Value(described.name, [axis.dim_param or axis.dim_value for axis in axes])


def _conv(said: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if any(said.get("pads", [])):
        x = F.pad(x, _padding(said["pads"]))
    strides, dilations = said.get("strides", 1), said.get("dilations", 1)
    return F.conv2d(x, weight, bias, strides, dilation=dilations, groups=said.get("group", 1))


def _average_pool(said: Attributes, x: Tensor) -> Tensor:
    """With what is padded counted, as it is exported."""
    if any(said.get("pads", [])):
        _require(bool(said.get("count_include_pad")), "AveragePool that leaves out its padding")
        x = F.pad(x, _padding(said["pads"]))
    return F.avg_pool2d(x, said["kernel_shape"], said.get("strides", 1))


def _padding(pads: Sequence[int]) -> list[int]:
    """ONNX: top, left, bottom, right; PyTorch: left, right, top, bottom."""
    top, left, bottom, right = pads
    return [left, right, top, bottom]


def _resize(said: Attributes, x: Tensor, _: Any = None, scales: Tensor | None = None, sizes: Any = None) -> Tensor:
    """Pictures (N, C, H, W), nearest or linear."""
    defaults = {"mode": b"nearest", "coordinate_transformation_mode": b"half_pixel", "nearest_mode": b""}
    way = tuple(said.get(name, default).decode() for name, default in defaults.items())
    nearest, linear = way == ("nearest", "asymmetric", "floor"), way[:2] == ("linear", "half_pixel")
    _require(nearest or linear, f"Resize of mode {', '.join(way)}")
    if sizes is None:
        assert scales is not None  # the specification has one of the two
        wanted = [int(side * scale) for side, scale in zip(x.shape[2:], scales.tolist()[2:], strict=True)]
    else:
        wanted = sizes.tolist()[2:]
    return F.interpolate(x, wanted, mode="nearest" if nearest else "bilinear")


def _gemm(said: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a, b = (each.T if said.get(flag) else each for each, flag in ((a, "transA"), (b, "transB")))
    product = said.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + said.get("beta", 1.0) * c


def _slice(
    said: Attributes, x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
) -> Tensor:
    axes = torch.arange(len(starts)) if axes is None else axes
    steps = torch.ones_like(starts) if steps is None else steps
    which = [slice(None)] * x.ndim
    for start, end, axis, step in zip(*(each.tolist() for each in (starts, ends, axes, steps)), strict=True):
        which[axis] = slice(start, end, step)
    return x[tuple(which)]


def _reshape(said: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    wanted = shape.tolist()
    if not said.get("allowzero"):
        wanted = [x.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    return x.reshape(wanted)


def _unsqueeze(said: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _gather(said: Attributes, x: Tensor, indices: Tensor) -> Tensor:
    picked = x.index_select(said.get("axis", 0), indices.reshape(-1).to(x.device))
    return picked if indices.ndim else picked.squeeze(said.get("axis", 0))


def _split(said: Attributes, x: Tensor, sizes: Tensor) -> tuple[Tensor, ...]:
    return torch.split(x, sizes.tolist(), said.get("axis", 0))


def _reduce_sum(said: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    return x.sum(axes.tolist(), keepdim=bool(said.get("keepdims", 1)))


def _clip(said: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return x.clamp(low, high)


def _cast(said: Attributes, x: Tensor) -> Tensor:
    return x.to(torch.from_numpy(np.empty(0, onnx.helper.tensor_dtype_to_np_dtype(said["to"]))).dtype)


def _quantize(said: Attributes, x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """Whole numbers of `zero`'s type; kept as floats here, which hold them exactly."""
    limits = torch.iinfo(zero.dtype)
    return (torch.round(x / scale) + zero).clamp(limits.min, limits.max)


def _dequantize(said: Attributes, x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    if scale.ndim:
        along = [1] * x.ndim
        along[said.get("axis", 1)] = -1
        scale, zero = scale.reshape(along), zero.reshape(along)
    return (x.float() - zero.float()) * scale


def _require(known: bool, what: str) -> None:
    if not known:
        raise HandPoseError(f"no {what} in PyTorch's way of running networks")


OPERATORS: dict[str, Operator] = {
    "Add": lambda said, a, b: a + b,
    "AveragePool": _average_pool,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda said, *parts: torch.cat(parts, said["axis"]),
    "Constant": _constant,
    "Conv": _conv,
    "DequantizeLinear": _dequantize,
    "Div": lambda said, a, b: a / b if a.is_floating_point() else a // b,
    "Expand": lambda said, x, shape: x.expand(torch.broadcast_shapes(x.shape, tuple(shape.tolist()))),
    "Gather": _gather,
    "Gemm": _gemm,
    "MatMul": lambda said, a, b: a @ b,
    "Mul": lambda said, a, b: a * b,
    "QuantizeLinear": _quantize,
    "ReduceSum": _reduce_sum,
    "Relu": lambda said, x: x.relu(),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda said, x: torch.tensor(x.shape[said.get("start", 0) : said.get("end", x.ndim)]),
    "Slice": _slice,
    "Softmax": lambda said, x: x.softmax(said.get("axis", -1)),
    "Split": _split,
    "Sub": lambda said, a, b: a - b,
    "Unsqueeze": _unsqueeze,
}
