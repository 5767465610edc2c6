"""The pretrained encoder's own layers."""

import torch
from torch import nn

from training.backbones import Depthwise


def test_a_depthwise_convolution_is_torchs_own_whatever_the_precision_around_it() -> None:
    torch.manual_seed(0)
    ours = Depthwise(6, 6, 5, 2, 2, groups=6, bias=False)
    plain = nn.Conv2d(6, 6, 5, 2, 2, groups=6, bias=False)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, 6, 9, 9)
    torch.testing.assert_close(ours(x), plain(x))
    with torch.autocast("cpu", torch.bfloat16):
        y = ours(x.bfloat16())
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), plain(x.bfloat16().float()), atol=0.02, rtol=0.02)
