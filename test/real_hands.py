"""Tiny data sets of real hands without joints, in the layout that is read."""

from pathlib import Path

import cv2
import numpy as np


def write_photos(folder: Path, classes: dict[str, str]) -> None:
    """A photo of 480 x 360 pixels with one box for each name and class."""
    (folder / "images").mkdir(parents=True)
    rows = ["file,orig_w,orig_h,class,xmin,ymin,xmax,ymax"]
    for name, kind in classes.items():
        cv2.imwrite(str(folder / "images" / name), np.zeros((360, 480, 3), np.uint8))
        rows.append(f"{name},800,600,{kind},100,200,300,500")
    (folder / "boxes.csv").write_text("\n".join(rows))


def write_sign(folder: Path, digit: str, number: int) -> None:
    """A skin-coloured disc before grey."""
    (folder / digit).mkdir(parents=True, exist_ok=True)
    picture = np.full((100, 100, 3), 200, np.uint8)
    cv2.circle(picture, (50, 55), 25, (90, 130, 200), -1)
    cv2.imwrite(str(folder / digit / f"IMG_{number}.JPG"), picture)
