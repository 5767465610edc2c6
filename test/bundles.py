"""A tiny model bundle with known behaviour, for tests of everything around the networks.

The cloud encoder puts the centroid of its points into the first three latents, with a standard deviation of 0.05;
the other encoders say nothing but the side. The joints decoder places a rigid open right hand at these three latents
(in half cube edges), and `joints_2d` are its joints seen from 0.5 m. So with a cloud encoder the estimated hand's
middle lies at the centroid of the depth points, and with colour alone in the middle of the picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from hand_pose_ros.skeleton import FINGERS, JOINT_COUNT, JOINT_NAMES

LATENT_SIZE = 8
SIZE_M = 0.30
DECODED_POINTS = 64
VIEW_DISTANCE_M = 0.5
SIDE_BIAS = 3.0


def rigid_hand() -> np.ndarray:
    """(21, 3) metres: an open right hand, palm to the camera, fingers up, thumb to the left of the picture, mean 0."""
    hand = np.zeros((JOINT_COUNT, 3))
    for finger, (x, y, lengths) in {
        "thumb": (-0.025, -0.020, (0.0, 0.040, 0.032, 0.028)),
        "index": (-0.025, -0.090, (0.0, 0.042, 0.025, 0.022)),
        "middle": (0.0, -0.092, (0.0, 0.046, 0.029, 0.024)),
        "ring": (0.020, -0.086, (0.0, 0.042, 0.027, 0.023)),
        "little": (0.040, -0.078, (0.0, 0.034, 0.020, 0.020)),
    }.items():
        direction = np.array([-0.7, -0.65, 0.3]) if finger == "thumb" else np.array([x * 4.0, -1.0, 0.0])
        direction /= np.linalg.norm(direction)
        hand[list(FINGERS[finger])] = (x, y, 0.0) + np.cumsum(lengths)[:, None] * direction
    return hand - hand.mean(axis=0)


def make_test_bundle(
    folder: Path,
    encoders: Sequence[str] = ("rgb", "depth", "cloud"),
    *,
    side_gain: float = 0.0,
    presence_logit: float = 4.0,
    latent_std: float = 0.05,
    hand_z_m: float = 0.0,
) -> Path:
    """Write a bundle with these encoders to `folder` and return the folder.

    side_logit is 3; or, with a side_gain, side_gain * m, m being the mean of what the encoder is shown times the
    horizontal position (-1 left to 1 right), or for the cloud the mean x. So with a positive gain, what is bright or
    far or has its points on the right looks like a right hand. hand_z_m: how far behind its place the hand
    is put.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, dict] = {
        "rgb": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
        "depth": {"size": 32},
        "cloud": {"points": 64},
    }
    manifest: dict = {
        "format_version": 1,
        "name": "test-hand",
        "version": "0.0.1",
        "skeleton": list(JOINT_NAMES),
        "latent_size": LATENT_SIZE,
        "crop": {"size_m": SIZE_M, "box_scale": 1.5},
        "encoders": {key: {"file": f"encoder_{key}.onnx", **entries[key]} for key in encoders},
        "decoders": {
            "joints": {"file": "decoder_joints.onnx"},
            "cloud": {"file": "decoder_cloud.onnx", "points": DECODED_POINTS},
        },
        "covariance": {
            modality: {"scale": [1.0] * JOINT_COUNT, "floor_m2": [1e-6] * JOINT_COUNT}
            for modality in ("rgbd", "rgb", "depth")
        },
        "card": {"training_data": "none: a rigid hand for tests"},
    }
    for key in encoders:
        onnx.save(_encoder(key, entries[key], side_gain, presence_logit, latent_std), folder / f"encoder_{key}.onnx")
    onnx.save(_joints_decoder(hand_z_m), folder / "decoder_joints.onnx")
    onnx.save(_cloud_decoder(), folder / "decoder_cloud.onnx")
    manifest["sha256"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.onnx"))
    }
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    return folder


def _encoder(kind: str, entry: dict, side_gain: float, presence_logit: float, latent_std: float) -> onnx.ModelProto:
    if kind == "cloud":
        shape: list = ["N", entry["points"], 3]
        axes, ramp, to_latent = [1], np.array([1.0, 0.0, 0.0]), np.eye(3, LATENT_SIZE)
        weighted, flat_axes = ["x"], [1, 2]
        log_var = np.r_[np.full(3, 2.0 * np.log(latent_std)), np.zeros(LATENT_SIZE - 3)]
    else:
        channels, size = (3, entry["size"]) if kind == "rgb" else (1, entry["size"])
        shape = ["N", channels, size, size]
        axes, ramp, to_latent = [2, 3], (2.0 * np.arange(size) + 1.0) / size - 1.0, np.zeros((channels, LATENT_SIZE))
        weighted, flat_axes = ["x"], [1, 2, 3]
        log_var = np.zeros(LATENT_SIZE)
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["pooled"], keepdims=0),
        helper.make_node("MatMul", ["pooled", "to_latent"], ["mean"]),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "log_var_value"], ["log_var"]),
        helper.make_node("Mul", [*weighted, "ramp"], ["ramped"]),
        helper.make_node("ReduceMean", ["ramped", "flat_axes"], ["tilt"], keepdims=0),
        helper.make_node("Mul", ["tilt", "side_gain"], ["side_tilt"]),
        helper.make_node("Add", ["side_tilt", "side_bias"], ["side_logit"]),
        helper.make_node("Mul", ["tilt", "zero"], ["no_tilt"]),
        helper.make_node("Add", ["no_tilt", "presence"], ["presence_logit"]),
    ]
    constants = {
        "axes": np.array(axes, dtype=np.int64),
        "flat_axes": np.array(flat_axes, dtype=np.int64),
        "to_latent": to_latent,
        "zero": np.zeros(1),
        "log_var_value": log_var,
        "ramp": ramp * (3.0 if kind == "cloud" else 1.0),
        "side_gain": np.array([side_gain]),
        "side_bias": np.array([SIDE_BIAS if side_gain == 0.0 else 0.0]),
        "presence": np.array([presence_logit]),
    }
    outputs = {"mean": ["N", LATENT_SIZE], "log_var": ["N", LATENT_SIZE], "side_logit": ["N"], "presence_logit": ["N"]}
    return _model(nodes, constants, {"x": shape}, outputs)


def _joints_decoder(hand_z_m: float) -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["z", "shift"], ["moved"]),
        helper.make_node("Unsqueeze", ["moved", "middle"], ["moved_each"]),
        helper.make_node("Add", ["moved_each", "hand"], ["joints"]),
        helper.make_node("Slice", ["joints", "from_x", "to_z", "last"], ["xy"]),
        helper.make_node("Slice", ["joints", "to_z", "end", "last"], ["relative_z"]),
        helper.make_node("Add", ["relative_z", "distance"], ["depth"]),
        helper.make_node("Mul", ["depth", "tan_half"], ["half_width"]),
        helper.make_node("Div", ["xy", "half_width"], ["joints_2d"]),
    ]
    constants = {
        "shift": np.eye(LATENT_SIZE, 3) * (SIZE_M / 2),
        "middle": np.array([1], dtype=np.int64),
        "hand": rigid_hand()[None] + (0.0, 0.0, hand_z_m),
        "from_x": np.array([0], dtype=np.int64),
        "to_z": np.array([2], dtype=np.int64),
        "end": np.array([3], dtype=np.int64),
        "last": np.array([2], dtype=np.int64),
        "distance": np.array([VIEW_DISTANCE_M]),
        "tan_half": np.array([SIZE_M / 2 / VIEW_DISTANCE_M]),
    }
    outputs = {"joints": ["N", JOINT_COUNT, 3], "joints_2d": ["N", JOINT_COUNT, 2]}
    return _model(nodes, constants, {"z": ["N", LATENT_SIZE]}, outputs)


def _cloud_decoder() -> onnx.ModelProto:
    hand = rigid_hand()
    cloud = hand[np.arange(DECODED_POINTS) % JOINT_COUNT] - (0.0, 0.0, 0.008)
    nodes = [
        helper.make_node("MatMul", ["z", "shift"], ["moved"]),
        helper.make_node("Unsqueeze", ["moved", "middle"], ["moved_each"]),
        helper.make_node("Add", ["moved_each", "surface"], ["cloud"]),
    ]
    constants = {
        "shift": np.eye(LATENT_SIZE, 3) * (SIZE_M / 2),
        "middle": np.array([1], dtype=np.int64),
        "surface": cloud[None],
    }
    return _model(nodes, constants, {"z": ["N", LATENT_SIZE]}, {"cloud": ["N", DECODED_POINTS, 3]})


def _model(nodes: list, constants: dict[str, np.ndarray], inputs: dict, outputs: dict) -> onnx.ModelProto:
    def tensors(named: dict) -> list:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in named.items()]

    def constant(name: str, value: np.ndarray) -> onnx.TensorProto:
        return numpy_helper.from_array(value if value.dtype == np.int64 else value.astype(np.float32), name)

    initializers = [constant(name, np.asarray(value)) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "test", tensors(inputs), tensors(outputs), initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model
