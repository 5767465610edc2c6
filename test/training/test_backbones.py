"""The pretrained encoder's own layers."""

import torch
from torch import nn

from training.backbones import Depthwise, Lite0, PretrainedEncoder, load_imagenet


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


def test_further_blocks_begin_as_nothing_and_learn() -> None:
    torch.manual_seed(0)
    small, large = Lite0(), Lite0(further=2)
    lacking = large.load_state_dict(small.state_dict(), strict=False).missing_keys
    assert {".".join(key.split(".")[:2]) for key in lacking} == {"further.0", "further.1"}
    x = torch.randn(2, 3, 32, 32)
    for ours, theirs in zip(large.eval()(x), small.eval()(x), strict=True):
        torch.testing.assert_close(ours, theirs)
    large(x)[1].square().sum().backward()
    assert all(block._bn2.weight.grad.abs().sum() > 0 for block in large.further)


def test_imagenets_weights_fill_a_larger_encoder_but_for_what_it_has_beyond() -> None:
    small, large = PretrainedEncoder(16), PretrainedEncoder(16, further=1)
    load_imagenet(small)
    load_imagenet(large)
    known = small.backbone.state_dict()
    for name, values in known.items():
        torch.testing.assert_close(large.backbone.state_dict()[name], values)
