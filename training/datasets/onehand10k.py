"""OneHand10K (Wang et al., TCSVT 2018): photographs from the web, labels in the picture only, in our order.

A line of `<Train, Test>/label_joint.txt` is the name of a picture under `source/`, its width and height, the number
of hands, and 21 times x and y, -1 where the joint is not seen. It does not tell the side.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.datasets.files import flat_name, read_lines
from training.datasets.orders import OURS, to_skeleton
from training.datasets.sample import HandSample

SPLITS = ("Test", "Train")


def read(folder: Path, split: str) -> Iterator[HandSample]:
    """The hand of every line."""
    for line in read_lines(folder / split / "label_joint.txt", "give the folder that has Train/ and Test/"):
        picture, _, _, _, *numbers = line.split(",")
        points = np.array([float(number) for number in numbers if number.strip()]).reshape(-1, 2)
        points[(points < 0).any(axis=1)] = np.nan
        yield HandSample(
            flat_name(picture), "", joints_px=to_skeleton(points, OURS), rgb=folder / split / "source" / picture
        )
