"""Smaller and faster variants of a model bundle: its encoders in 8-bit integers or 16-bit floats.

The decoders stay as they are: they take a tenth of the time, and every millimetre of a joint goes through them. Needs
the package onnx, which running a bundle does not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import onnx
import yaml
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from hand_pose_ros.bundle import Bundle, load_bundle
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.manifest import MANIFEST, sha256
from hand_pose_ros.types import FloatArray, HandPoseError, RgbdFrame

Kind = Literal["int8", "fp16"]
#: One encoder's inputs by name, (1, ...).
Shown = dict[str, FloatArray]
#: More pictures make the ranges no better, and calibration keeps every activation of every picture in memory.
MOST_PICTURES = 200
#: For cards: what `to_int8` makes of a network.
ARITHMETIC = "int8 but for the first and last layers"
_PRODUCTS = ("Gemm", "MatMul")
_ON_MAPS = ("Relu", "Clip", "Add", "Resize", "AveragePool", "MaxPool")


def quantise(bundle: Bundle, out: Path, kind: Kind, frames: Iterable[RgbdFrame] = ()) -> Bundle:
    """Writes the variant as a bundle of its own, `<version>-<kind>`, and returns it, verified.

    int8: static quantisation, each weight channel and each activation with its own scale (QDQ; Jacob et al. 2018), the
    scales from what the encoders see in `frames`; the first and last layers stay in floats (`inner_layers`). fp16:
    weights and activations, with the inputs and outputs in float32. Raises HandPoseError where the frames show no hand,
    and where the folder is there already.
    """
    if out.exists():
        raise HandPoseError(f"{out} is there already; remove it, or choose another folder with -o")
    seen = _encoder_inputs(bundle, frames) if kind == "int8" else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as unfinished:
        folder = Path(unfinished) / "bundle"
        shutil.copytree(bundle.folder, folder)
        for key, path in bundle.encoders.items():
            if kind == "int8":
                to_int8(folder / path.name, seen[key])
            else:
                _to_fp16(folder / path.name)
        _describe(bundle, folder, kind, len(next(iter(seen.values()), [])))
        folder.rename(out)
    return load_bundle(out)


def _encoder_inputs(bundle: Bundle, frames: Iterable[RgbdFrame]) -> dict[str, list[Shown]]:
    """What each encoder is shown of the hands in the frames, picture by picture."""
    estimator = HandEstimator(bundle, providers=["CPUExecutionProvider"])
    shown: dict[str, list[Shown]] = {key: [] for key in bundle.encoders}
    for key, encoder in estimator.encoders.items():
        encoder.run = _listening(encoder.run, shown[key])  # type: ignore[method-assign]
    for frame in frames:
        estimator.estimate(frame)
    silent = [key for key, pictures in shown.items() if not pictures]
    if silent:
        raise HandPoseError(
            f"the recording shows no hand to the encoders {', '.join(silent)}; calibrate on one with hands, in "
            "colour and depth as the model reads them"
        )
    return {key: pictures[:: -(-len(pictures) // MOST_PICTURES)] for key, pictures in shown.items()}


def _listening(run: Callable[..., Any], shown: list[Shown]) -> Callable[..., Any]:
    """The same, noting each picture of the batches that it is given."""

    def listen(**inputs: FloatArray) -> Any:
        count = len(next(iter(inputs.values())))
        shown.extend({name: batch[k : k + 1] for name, batch in inputs.items()} for k in range(count))
        return run(**inputs)

    return listen


class _Pictures(CalibrationDataReader):
    def __init__(self, pictures: Iterable[Shown]) -> None:
        self._rest = iter(pictures)

    def get_next(self) -> Shown | None:
        return next(self._rest, None)


def to_int8(path: Path, pictures: Iterable[Shown]) -> None:
    """Rounds an encoder's file in place; its activations have the ranges that these pictures give them."""
    # Folds batch normalisation, so that fewer activations are rounded.
    quant_pre_process(str(path), str(path), skip_symbolic_shape=True)
    quantize_static(
        str(path),
        str(path),
        _Pictures(pictures),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        # to 7 bits: without VNNI, pairs of 8-bit products are summed in 16 bits, which overflow
        reduce_range=True,
        nodes_to_quantize=inner_layers(onnx.load(path).graph),
    )


def inner_layers(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that bear rounding to 8 bits: convolutions between convolutions, what joins and resizes their
    maps, and all matrix products but the last.

    What reads the picture, and the geometry before it, would round depth to a millimetre; what is read off as a
    position or a variance would be rounded to 256 of them. Neither takes much time.
    """
    known = {tensor.name for tensor in graph.initializer}
    known |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    products = [node for node in graph.node if node.op_type in _PRODUCTS]
    maps: set[str] = set()  # outputs of convolutions, and of what only joins such
    inner = products[:-1]
    for node in graph.node:
        of_maps = all(name in maps for name in node.input if name and name not in known)
        if node.op_type == "Conv" or (node.op_type in _ON_MAPS and of_maps):
            maps.add(node.output[0])
            if of_maps:
                inner.append(node)
    read_by_inner = {name for node in inner for name in node.input}
    return [node.name for node in inner if node.op_type != "Conv" or node.output[0] in read_by_inner]


def _to_fp16(path: Path) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load(path), keep_io_types=True)
    # it casts a value that two layers read twice, under one name
    once = {node.output[0]: node for node in reversed(model.graph.node)}
    nodes = [node for node in model.graph.node if once[node.output[0]] is node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def _describe(bundle: Bundle, folder: Path, kind: Kind, pictures: int) -> None:
    path = folder / MANIFEST
    manifest: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    manifest["version"] = f"{bundle.version}-{kind}"
    manifest["sha256"] = {name: sha256(folder / name) for name in manifest["sha256"]}
    # Whatever accuracy the card tells was the original's.
    manifest["card"] = {
        "made_from": f"{bundle.name} {bundle.version} ({bundle.hash})",
        "encoders": kind,
        "calibrated_on_pictures": pictures,
        "original": manifest["card"],
    }
    path.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
