"""What colour cameras make of many pictures of linear light at once, as `appearance.through_lens` of each.

Compression is left out: there is no JPEG in torch. Pictures that are to have it are compressed where they are used.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from training.hands.model import Array
from training.hands.torch_engine.bodies import to_device


def through_lens(light: Tensor, looks: Array, generator: torch.Generator, scale: float = 1.0) -> Tensor:
    """Pictures (B, H, W, 3) uint8 of linear `light` (B, H, W, 3): blur, motion, exposure, white balance, noise."""
    device = light.device
    light = _filtered(light, looks, scale)
    look = {name: to_device(looks[name], device) for name in ("exposure", "balance", "gamma", "saturation", "grain")}
    gain = look["exposure"] * (0.2 / light.mean((1, 2, 3)).clamp(min=0.02)) ** 0.6  # the camera's own exposure
    balanced = light * (look["balance"] * gain[:, None])[:, None, None]
    grey = (balanced * torch.tensor([0.3, 0.59, 0.11], device=device)).sum(-1, keepdim=True)
    colour = (grey + look["saturation"][:, None, None, None] * (balanced - grey)).clamp(0, 1)
    root = colour.sqrt()
    steps = torch.floor(root * 1024) / 1024
    value = 255 * steps ** (2 / 2.2 * look["gamma"])[:, None, None, None]
    dark, bright = look["grain"][:, None, None, None].unbind(-1)
    noise = torch.randn(value.shape, generator=generator, device=device)
    return (value + (dark + bright * root) * noise + 0.5).clamp(0, 255).to(torch.uint8)


def _filtered(light: Tensor, looks: Array, scale: float) -> Tensor:
    """Defocus and motion: one kernel a picture, made as OpenCV makes its own, applied where there is one."""
    kernels = [_kernel(look, scale) for look in looks]
    blurred = [i for i, kernel in enumerate(kernels) if kernel.size > 1]
    if not blurred:
        return light
    reach = max(kernels[i].shape[0] for i in blurred) // 2
    bank = np.stack([np.pad(kernels[i], reach - kernels[i].shape[0] // 2) for i in blurred])
    weights = to_device(bank, light.device).repeat_interleave(3, 0)[:, None]
    some = light[blurred].permute(0, 3, 1, 2)
    channels = pad(some, (reach,) * 4, mode="reflect").flatten(0, 1)[None]
    result = conv2d(channels, weights, groups=weights.shape[0]).view_as(some).permute(0, 2, 3, 1)
    light = light.clone()
    light[blurred] = result
    return light


def _kernel(look: Array, scale: float) -> Array:
    """The kernel of one look's blur and motion together, square and odd; (1, 1) for none."""
    kernel: Array = np.ones((1, 1), np.float32)
    sigma = float(look["blur"]) * scale
    if sigma > 0.2:
        side = int(np.rint(sigma * 8 + 1)) | 1  # as cv2.GaussianBlur of floats
        line = cv2.getGaussianKernel(side, sigma, cv2.CV_32F)
        kernel = np.asarray(line) @ np.asarray(line).T
    reach = look["motion"] * scale / 2
    if np.abs(reach).max() >= 0.5:
        side = 2 * int(np.ceil(np.abs(reach).max())) + 1
        smear = np.zeros((side, side), np.float32)
        middle = np.array([side // 2, side // 2])
        start, end = (np.rint(middle + s * reach).astype(int).tolist() for s in (-1, 1))
        cv2.line(smear, start, end, 1.0)
        wide = np.pad(smear / smear.sum(), kernel.shape[0] // 2)
        kernel = cv2.filter2D(wide, -1, kernel[::-1, ::-1].copy(), borderType=cv2.BORDER_CONSTANT)
    return kernel
