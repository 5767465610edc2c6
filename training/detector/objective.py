"""What the detector is trained to say, cell by cell, and how wrong it is."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.detector.network import STRIDE, WINDOW_HEIGHT, WINDOW_WIDTH, DetectorNetwork, Maps
from training.networks import RGB_MEAN, RGB_STD

Array = np.ndarray
CELLS = WINDOW_HEIGHT // STRIDE, WINDOW_WIDTH // STRIDE
#: A box this far off its place still overlaps the true one by half; cells that near are no misses (Law and Deng 2018).
SPREAD = 0.12
LEAST_SPREAD = 0.5


def targets(boxes: Array) -> dict[str, Array]:
    """The maps of one picture: boxes (K, 4) left, top, right, bottom in the network's pixels.

    heat: (h, w) 0..1, 1 in the cell of a middle. box: (4, h, w), with weights box_weight (h, w), 0 where it means
    nothing.
    """
    heat = np.zeros(CELLS, np.float32)
    box = np.zeros((4, *CELLS), np.float32)
    box_weight = np.zeros(CELLS, np.float32)
    rows, columns = np.mgrid[: CELLS[0], : CELLS[1]]
    for x0, y0, x1, y1 in boxes / STRIDE:
        x, y, width, height = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
        row, column = int(y), int(x)
        if not (0 <= row < CELLS[0] and 0 <= column < CELLS[1]) or min(width, height) <= 0:
            continue
        spread_x, spread_y = (max(SPREAD * length, LEAST_SPREAD) for length in (width, height))
        bell = np.exp(-(((columns - column) / spread_x) ** 2 + ((rows - row) / spread_y) ** 2) / 2)
        heat = np.maximum(heat, bell.astype(np.float32))
        heat[row, column] = 1.0
        near = (np.abs(columns - column) <= 1) & (np.abs(rows - row) <= 1) & (bell > 0.3)
        better = near & (bell > box_weight)
        box[:, better] = np.stack(
            [
                x - columns[better] - 0.5,
                y - rows[better] - 0.5,
                *(np.full(better.sum(), np.log(v)) for v in (width, height)),
            ]
        )
        box_weight[better] = bell[better]
    return {"heat": heat, "box": box, "box_weight": box_weight}


def loss(network: DetectorNetwork, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """The penalty-reduced focal loss of the heat map (Zhou et al. 2019, eq. 1), and L1 of the boxes."""
    maps: Maps = network(normalised(batch["rgb"]) * batch["seen"][:, :1, None, None], batch["depth"], batch["seen"])
    heat = focal(maps.heat, batch["heat"])
    weight = batch["box_weight"]
    box = ((maps.box - batch["box"]).abs().sum(1) * weight).sum() / weight.sum().clamp(min=1)
    return heat + 0.5 * box, {"heat": heat.item(), "box": box.item()}


def focal(logit: Tensor, heat: Tensor) -> Tensor:
    """Cells that hold a middle count until they are sure; others the more, the farther from one they are."""
    probability = torch.sigmoid(logit)
    log_yes, log_no = torch.nn.functional.logsigmoid(logit), torch.nn.functional.logsigmoid(-logit)
    middle = heat == 1
    value = torch.where(middle, (1 - probability) ** 2 * log_yes, (1 - heat) ** 4 * probability**2 * log_no)
    return -value.sum() / middle.sum().clamp(min=1)


def normalised(rgb: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 to what the network takes."""
    mean, std = torch.tensor(RGB_MEAN), torch.tensor(RGB_STD)
    return ((rgb.float() / 255 - mean) / std).permute(0, 3, 1, 2)
