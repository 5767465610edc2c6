"""A tiny detector's bundle with known behaviour: hands are where the picture is red, or near, and all of one size, in
pixels of the network's 80 x 64."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import yaml
from bundles import _model as model
from onnx import helper

WIDTH, HEIGHT, STRIDE = 80, 64, 8
BOX = (16, 24)
CELLS = ["h", "w"]


def make_test_detector(folder: Path, box: tuple[int, int] = BOX) -> Path:
    """Write the bundle to `folder` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pool = {"kernel_shape": [STRIDE, STRIDE], "strides": [STRIDE, STRIDE]}
    nodes = [
        helper.make_node("AveragePool", ["rgb"], ["colours"], **pool),
        helper.make_node("AveragePool", ["depth"], ["depths"], **pool),
        helper.make_node("Conv", ["colours", "red", "doubt"], ["red_heat"]),
        helper.make_node("Conv", ["depths", "near"], ["near_heat"]),
        helper.make_node("Add", ["red_heat", "near_heat"], ["heats"]),
        helper.make_node("ReduceSum", ["seen", "all"], ["count"], keepdims=1),
        helper.make_node("Mul", ["count", "zero"], ["nothing"]),
        helper.make_node("Squeeze", ["heats", "first"], ["heat_alone"]),
        helper.make_node("Add", ["heat_alone", "nothing"], ["heat"]),
        helper.make_node("Conv", ["colours", "no_colour", "size"], ["box"]),
    ]
    constants = {
        "red": np.array([4.0, -4.0, -4.0]).reshape(1, 3, 1, 1) * np.array([1.0, 0.0, 1.0]).reshape(1, 3, 1, 1),
        "doubt": np.array([-6.0]),
        "near": np.array([-12.0, 0.0]).reshape(1, 2, 1, 1),
        "all": np.array([0, 1], dtype=np.int64),
        "zero": np.zeros((1, 1)),
        "first": np.array([1], dtype=np.int64),
        "no_colour": np.zeros((4, 3, 1, 1)),
        "size": np.array([0.0, 0.0, np.log(box[0] / STRIDE), np.log(box[1] / STRIDE)]),
    }
    inputs = {"rgb": ["N", 3, "height", "width"], "depth": ["N", 2, "height", "width"], "seen": ["N", 2]}
    outputs = {"heat": ["N", *CELLS], "box": ["N", 4, *CELLS]}
    onnx.save(model(nodes, constants, inputs, outputs), folder / "detector.onnx")
    manifest = {
        "format_version": 1,
        "kind": "detector",
        "name": "test-detector",
        "version": "0.0.1",
        "network": {
            "file": "detector.onnx", "width": WIDTH, "height": HEIGHT, "stride": STRIDE, "rgb_mean": [0.5] * 3,
            "rgb_std": [0.25] * 3, "depth_span_m": 0.8, "threshold": 0.5,
        },
        "sha256": {"detector.onnx": hashlib.sha256((folder / "detector.onnx").read_bytes()).hexdigest()},
        "card": {"trained_on": "nothing"},
    }  # fmt: skip
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    return folder
