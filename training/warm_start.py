"""Start an encoder from the weights of an exported one, so that a shipped bundle can be trained further.

An exported graph has its batch normalisations folded into the convolutions. They are unfolded by data: each
normalisation gets the statistics of what its convolution really gives, and the scale and shift that undo them, so the
encoder computes what the graph computes, and can be trained as if it had been built so.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from hand_pose_ros.types import HandPoseError


def start_from(encoder: nn.Module, graph: Path, *inputs: Tensor) -> list[str]:
    """Give `encoder` the convolutions of the exported `graph`; inputs: a batch of what it will see.

    Layers are matched by shape, in order, so they may have been renamed and new ones may stand between them; a first
    layer that has come to see more channels keeps what it knew in the last ones. What matches nothing stays as it is.
    Returns the names of the layers that were started. Raises HandPoseError where there are none.
    """
    ours = [(name, module) for name, module in encoder.named_modules() if isinstance(module, nn.Conv2d)]
    theirs = list(_convolutions(graph))
    blocks = SequenceMatcher(
        None, [_shape(module.weight) for _, module in ours], [_shape(weight) for weight, _ in theirs], autojunk=False
    ).get_matching_blocks()
    found: dict[nn.Module, Tensor] = {}
    for block in blocks:
        for k in range(block.size):
            module, (weight, bias) = ours[block.a + k][1], theirs[block.b + k]
            with torch.no_grad():
                module.weight.zero_()[:, -weight.shape[1] :] = weight
                if module.bias is not None:
                    module.bias.copy_(bias)
            found[module] = bias
    if not found:
        raise HandPoseError(f"{graph} has no layer in common with the encoder to be trained; start from another bundle")
    _unfold(encoder, found, inputs)
    return [name for name, module in ours if module in found]


def _shape(weight: Tensor) -> tuple[int, ...]:
    """What must agree; all pictures count as one channel, whether they are of depth or of points."""
    outputs, channels, *kernel = weight.shape
    return (outputs, 1 if channels <= 3 else channels, *kernel)


def _unfold(encoder: nn.Module, found: dict[nn.Module, Tensor], inputs: tuple[Tensor, ...]) -> None:
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

    handles = [module.register_forward_hook(after) for module in encoder.modules() if isinstance(module, nn.Conv2d)]
    handles += [m.register_forward_pre_hook(before) for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    was_training = encoder.training
    with torch.no_grad():
        encoder.eval()(*inputs)
    encoder.train(was_training)
    for handle in handles:
        handle.remove()


def _convolutions(graph: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution, in the order in which they are run."""
    model = onnx.load(str(graph))
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3:
            yield values[node.input[1]], values[node.input[2]]
