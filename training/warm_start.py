"""Start a network from the weights of an exported one, so that a shipped bundle can be trained further.

An exported graph has its batch normalisations folded into the layers before them. They are unfolded by data: each
normalisation gets the statistics of what its layer really gives, and the scale and shift that undo them, so the network
computes what the graph computes, and can be trained as if it had been built so. All other weights stand in the graph as
they are, under the names that they have here. What an int8 bundle has rounded is taken as it was rounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError
from training.networks import MAP_CHANNELS, VOTES

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
#: What quantising appends to the name of a weight.
_ROUNDED = "_DequantizeLinear_Output"


def start_from(network: nn.Module, graph: Path, *inputs: Tensor) -> list[str]:
    """Give `network` the weights of the exported `graph`; inputs: a batch of what it will see, needed where it has
    convolutions.

    Layers are matched by name and shape; a first convolution that has come to see more channels keeps what it knew in
    the last ones, and a head that sees a map of another size is stretched over it. What matches nothing stays as it is.
    Returns the names of the layers that were started. Raises HandPoseError where there are none.
    """
    model = onnx.load(str(graph))
    values = _values(model)
    folded = _start_convolutions(network, dict(_convolutions(model, values)))
    started = list(folded)
    started += _start_others(network, values)
    if not started:
        raise HandPoseError(f"{graph} has no layer in common with the network to be trained; start from another bundle")
    modules = dict(network.named_modules())
    norms = [m for name, m in modules.items() if isinstance(m, NORMS) and name not in started]
    biases = {modules[name]: bias for name, bias in folded.items()}
    # a linear layer has a bias of its own, with what was folded into it
    biases |= {m: torch.zeros(m.out_features) for n in started if isinstance(m := modules[n], nn.Linear)}
    if norms:
        _unfold(network, biases, norms, inputs)
    return started


def _start_convolutions(network: nn.Module, theirs: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Copy the weights and biases of `theirs`; the layers' names, and the biases in the graph."""
    started = {}
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
        started[name] = bias
    return started


def _start_others(network: nn.Module, values: dict[str, Tensor]) -> list[str]:
    """Copy what belongs to no convolution and no normalisation folded into one; the layers' names."""
    ours = network.state_dict()
    values = {name: _regrid(value, ours[name]) if name in ours else value for name, value in values.items()}
    same = {name: value for name, value in values.items() if name in ours and ours[name].shape == value.shape}
    layers = {name: network.get_submodule(name) for name in dict.fromkeys(name.rpartition(".")[0] for name in same)}
    plain = [name for name, layer in layers.items() if not isinstance(layer, nn.Conv2d)]
    network.load_state_dict({n: v for n, v in same.items() if n.rpartition(".")[0] in plain}, strict=False)
    return plain


def _regrid(weight: Tensor, ours: Tensor) -> Tensor:
    """The weight of a head over a map kept whole, as `ours` wants it, where pictures have come to be of another size:
    the same function of the map, stretched (as positions are in Dosovitskiy et al. 2021). Any other is given back."""
    if weight.dim() != 2 or weight.shape == ours.shape or len(weight) != len(ours):
        return weight
    old, new = (math.isqrt(max(0, w.shape[1] - VOTES) // MAP_CHANNELS) for w in (weight, ours))
    if any(MAP_CHANNELS * n**2 + VOTES != w.shape[1] for n, w in ((old, weight), (new, ours))):
        return weight
    seen = weight[:, :-VOTES].unflatten(1, (MAP_CHANNELS, old, old))
    seen = nn.functional.interpolate(seen, (new, new), mode="bilinear") * (old / new) ** 2
    return torch.cat([seen.flatten(1), weight[:, -VOTES:]], 1)


def _shape(weight: Tensor) -> tuple[int, ...]:
    """What must agree; all pictures count as one channel, whether they are of depth or of points."""
    outputs, channels, *kernel = weight.shape
    return (outputs, 1 if channels <= 3 else channels, *kernel)


def _unfold(
    network: nn.Module, biases: dict[nn.Module, Tensor], norms: Sequence[nn.Module], inputs: tuple[Tensor, ...]
) -> None:
    """Set each of the `norms` that follows a layer of `biases`, in the order in which they are run, so that it adds the
    bias and does nothing else."""
    waiting: list[Tensor] = []

    def after(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        own = isinstance(module, nn.Conv2d) and module.bias is not None
        waiting[:] = [biases[module]] if module in biases and not own else []

    def before(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        if waiting and isinstance(module, NORMS):
            assert module.running_mean is not None and module.running_var is not None
            every = [axis for axis in range(given[0].dim()) if axis != 1]
            variance, mean = torch.var_mean(given[0].float(), every, correction=0)
            module.running_mean.copy_(mean)
            module.running_var.copy_(variance)
            module.weight.data.copy_((variance + module.eps).sqrt())
            module.bias.data.copy_(waiting.pop() + mean)

    layers = [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    handles = [module.register_forward_hook(after) for module in layers]
    handles += [norm.register_forward_pre_hook(before) for norm in norms]
    was_training = network.training
    with torch.no_grad():
        network.eval()(*inputs)
    network.train(was_training)
    for handle in handles:
        handle.remove()


def _values(model: onnx.ModelProto) -> dict[str, Tensor]:
    """All weights by name, those kept in fewer bits under the name that they had before."""
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in values:
            values[node.output[0]] = values.pop(node.input[0]).float()
        if node.op_type == "Mul" and node.input[0] in values and node.input[1] in values:
            values[node.output[0]] = values[node.input[0]] * values[node.input[1]]
        if node.op_type == "DequantizeLinear" and node.input[0] in values:
            rounded, scale, zero = (values[name] for name in node.input)
            apart = [-1] + [1] * (rounded.dim() - 1) if scale.dim() else []  # a scale for each output channel
            weight = (rounded - zero.reshape(apart).int()).float() * scale.reshape(apart)
            values[node.output[0]] = values[node.output[0].removesuffix(_ROUNDED)] = weight
    return values


def _convolutions(model: onnx.ModelProto, values: dict[str, Tensor]) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """Name, weight and bias of each convolution. Its weight bears the layer's name, or else, as in graphs made by
    tracing, the node: by the modules that it lies in, and one of a list by the list's name and its own, so that
    /stages.0/stages.0.1/first/Conv is stages.0.1.first."""
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        path: list[str] = []
        for part in node.name.strip("/").split("/")[:-1]:
            if path and part.startswith(path[-1] + "."):
                path.pop()
            path.append(part)
        weight = node.input[1].removesuffix(_ROUNDED)
        name = weight.removesuffix(".weight") if weight.endswith(".weight") else ".".join(path)
        kernel = values[node.input[1]]
        # without a bias where the normalisation that follows was not folded into it
        yield name, (kernel, values[node.input[2]] if len(node.input) == 3 else kernel.new_zeros(len(kernel)))
