"""Start a network from the weights of an exported one, so that a shipped bundle can be trained further.

An exported graph has its batch normalisations folded into the convolutions. They are unfolded by data: each
normalisation gets the statistics of what its convolution really gives, and the scale and shift that undo them, so the
network computes what the graph computes, and can be trained as if it had been built so. All other weights, such as
those of a head, stand in the graph as they are, under the names that they have here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError


def start_from(network: nn.Module, graph: Path, *inputs: Tensor) -> list[str]:
    """Give `network` the weights of the exported `graph`; inputs: a batch of what it will see, needed where it has
    convolutions.

    Layers are matched by name and shape; a first convolution that has come to see more channels keeps what it knew in
    the last ones. What matches nothing stays as it is. Returns the names of the layers that were started. Raises
    HandPoseError where there are none.
    """
    model = onnx.load(str(graph))
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
    started = _start_convolutions(network, dict(_convolutions(model, values)), inputs)
    started += _start_others(network, values)
    if not started:
        raise HandPoseError(f"{graph} has no layer in common with the network to be trained; start from another bundle")
    return started


def _start_convolutions(
    network: nn.Module, theirs: dict[str, tuple[Tensor, Tensor]], inputs: tuple[Tensor, ...]
) -> list[str]:
    """Copy the weights and biases of `theirs` and unfold the normalisations that follow; the layers' names."""
    found: dict[nn.Module, Tensor] = {}
    names = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or name not in theirs:
            continue
        weight, bias = theirs[name]
        if _shape(module.weight) != _shape(weight):
            continue
        with torch.no_grad():
            module.weight.zero_()[:, -weight.shape[1] :] = weight
            if module.bias is not None:
                module.bias.copy_(bias)
        found[module] = bias
        names.append(name)
    if found:
        _unfold(network, found, inputs)
    return names


def _start_others(network: nn.Module, values: dict[str, Tensor]) -> list[str]:
    """Copy what belongs to no convolution and its normalisation, which bear no names in a graph; the layers' names."""
    ours = network.state_dict()
    same = {name: value for name, value in values.items() if name in ours and ours[name].shape == value.shape}
    layers = {name: network.get_submodule(name) for name in dict.fromkeys(name.rpartition(".")[0] for name in same)}
    plain = [name for name, layer in layers.items() if not isinstance(layer, nn.Conv2d)]
    network.load_state_dict({n: v for n, v in same.items() if n.rpartition(".")[0] in plain}, strict=False)
    return plain


def _shape(weight: Tensor) -> tuple[int, ...]:
    """What must agree; all pictures count as one channel, whether they are of depth or of points."""
    outputs, channels, *kernel = weight.shape
    return (outputs, 1 if channels <= 3 else channels, *kernel)


def _unfold(network: nn.Module, found: dict[nn.Module, Tensor], inputs: tuple[Tensor, ...]) -> None:
    """Set the normalisation that follows each convolution without bias, in the order in which they are run."""
    waiting: list[Tensor] = []

    def after(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            waiting[:] = [found[module]] if module in found and module.bias is None else []

    def before(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        if waiting and isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            variance, mean = torch.var_mean(given[0].float(), (0, 2, 3), correction=0)
            module.running_mean.copy_(mean)
            module.running_var.copy_(variance)
            module.weight.data.copy_((variance + module.eps).sqrt())
            module.bias.data.copy_(waiting.pop() + mean)

    handles = [module.register_forward_hook(after) for module in network.modules() if isinstance(module, nn.Conv2d)]
    handles += [m.register_forward_pre_hook(before) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    was_training = network.training
    with torch.no_grad():
        network.eval()(*inputs)
    network.train(was_training)
    for handle in handles:
        handle.remove()


def _convolutions(model: onnx.ModelProto, values: dict[str, Tensor]) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """Name, weight and bias of each convolution. A node is named by the modules that it lies in, and one of a list by
    the list's name and its own: /stages.0/stages.0.1/first/Conv is stages.0.1.first."""
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in values:  # an int8 bundle's weights and biases
            rounded, scale, zero = (values[name] for name in node.input)
            apart = [-1] + [1] * (rounded.dim() - 1) if scale.dim() else []  # a scale for each output channel
            values[node.output[0]] = (rounded - zero.reshape(apart).int()).float() * scale.reshape(apart)
    for node in model.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3:
            path: list[str] = []
            for part in node.name.strip("/").split("/")[:-1]:
                if path and part.startswith(path[-1] + "."):
                    path.pop()
                path.append(part)
            yield ".".join(path), (values[node.input[1]], values[node.input[2]])
