"""Whether there is a hand at all, as a probability: an exported encoder's presence is fitted anew to hands and to
places that show none.

An encoder learns presence beside the pose, from crops of which nine in ten show a hand, so it expects hands. A finder
proposes as many places that show none, and those of a picture are other ones than a generator of crops comes upon. The
fit is a logistic regression on the encoder's last hidden layer, whose
weights take the place of those that were learnt beside the pose: everything else in the graph stays as it is, to the
bit, also where it is rounded to integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.linear_model import LogisticRegression

from hand_pose_ros.bundle import Bundle
from hand_pose_ros.crop import make_crop
from hand_pose_ros.detector import HandDetector
from hand_pose_ros.region import region_from_box
from hand_pose_ros.types import FloatArray, HandPoseError, Modality
from training.detector.evaluate import frame_of, is_near, proposed
from training.detector.photos import Scene
from training.held_out import open_encoder
from training.run import batch_maker
from training.stages import SHOWN

#: An encoder's inputs by name, (N, ...), and which of these N crops show a hand.
Places = tuple[dict[str, FloatArray], NDArray[np.bool_]]

#: The layer whose last output is presence (networks.ExpertHead), and the inverse strength of the prior on its weights.
LAYER, LOOSE = "head.out", 0.1
#: Crops that are shown at once.
BATCH = 64


def sample_places(stage: str, settings: dict[str, Any], seed: int, count: int) -> Places:
    """`count` crops as the stage's encoder sees them, half of hands and half of what stands in a hand's place."""
    drawn = settings | {"batch": BATCH, "empty": 0.5, "pseudo_labels": None}
    shown: dict[str, list[FloatArray]] = {"x": [], "tan_half": []}
    present = []
    for batch in islice(batch_maker(stage, drawn)(seed), -(-count // BATCH)):
        seen = SHOWN[stage]({name: torch.from_numpy(array) for name, array in vars(batch).items()})
        for name, values in zip(shown, seen, strict=False):
            shown[name].append(values.numpy())
        present.append(batch.present > 0)
    inputs = {name: np.concatenate(parts)[:count] for name, parts in shown.items() if parts}
    return inputs, np.concatenate(present)[:count]


def places_of_scenes(bundle: Bundle, stage: str, scenes: Iterable[Scene]) -> Places:
    """The scenes' hands as the stage's encoder of `bundle` sees them in their boxes, all as right hands where the side
    is known, and what the shipped detector and blobs of depth propose beside them."""
    encoder, detector = open_encoder(bundle), HandDetector()
    seen: Modality = "depth" if stage == "depth" else "rgb"
    shown: dict[str, list[FloatArray]] = {}
    present: list[bool] = []
    for scene in scenes:
        frame = frame_of(scene, seen)
        whole = frame_of(scene, "rgbd" if scene.depth_m is not None else "rgb")
        hands = [
            (region_from_box(frame, np.append(box[:2], box[2:] - box[:2])), True, right == 0)
            for box, right in zip(scene.boxes, scene.right, strict=True)
        ]
        others = [(region, False, False) for region in proposed(detector, whole)]
        others = [place for place in others if not is_near(place[0].center_px, scene.boxes)]
        for region, there, mirrored in hands + others:
            crop = make_crop(frame, region, bundle.crop, mirrored=bool(mirrored))
            if crop is not None:
                present.append(there)
                for name, values in encoder.inputs(stage, [crop]).items():
                    shown.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in shown.items()}, np.array(present, dtype=bool)


def part(places: Places, which: slice) -> Places:
    """Some of the places."""
    shown, present = places
    return {name: x[which] for name, x in shown.items()}, present[which]


def together(first: Places, second: Places) -> Places:
    """The places of both."""
    return {name: np.concatenate([x, second[0][name]]) for name, x in first[0].items()}, np.append(first[1], second[1])


def believed(graph: Path, places: Places) -> dict[str, float]:
    """Of the places with a hand, and of those without one, the share in which the encoder `graph` believes in one."""
    shown, present = places
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    logits = _outputs(session, "presence_logit", shown)
    return {"hands": float((logits > 0)[present].mean()), "others": float((logits > 0)[~present].mean())}


def fit_presence(graph: Path, places: Places) -> None:
    """Fit the presence of the exported encoder `graph` to the places, in place; its odds are then those where half of
    the places show a hand.

    Raises HandPoseError where the graph has no layer of that name.
    """
    shown, present = places
    model = onnx.load(str(graph))
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    weight, bias = (weights.get(f"{LAYER}.{name}") for name in ("weight", "bias"))
    if weight is None or bias is None:
        raise HandPoseError(f"{graph} has no layer '{LAYER}' in floats to fit presence in; export it with this version")
    layer = next(node for node in model.graph.node if weight.name in node.input)
    fitted = LogisticRegression(C=LOOSE, max_iter=4000, class_weight="balanced").fit(
        _hidden(model, layer.input[0], shown), present
    )
    changed = numpy_helper.to_array(weight).copy(), numpy_helper.to_array(bias).copy()
    changed[0][-1], changed[1][-1] = fitted.coef_[0], fitted.intercept_[0]
    for tensor, values in zip((weight, bias), changed, strict=True):
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    graph.write_bytes(model.SerializeToString())


def _hidden(model: onnx.ModelProto, name: str, shown: Mapping[str, FloatArray]) -> FloatArray:
    """What the layer of that name gives for the crops, (N, F)."""
    listening = onnx.ModelProto()
    listening.CopyFrom(model)
    listening.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(listening.SerializeToString(), providers=["CPUExecutionProvider"])
    return _outputs(session, name, shown)


def _outputs(session: onnxruntime.InferenceSession, name: str, shown: Mapping[str, FloatArray]) -> FloatArray:
    """One output for all crops, (N, ...)."""
    count = len(next(iter(shown.values())))
    batches = [{key: x[k : k + BATCH] for key, x in shown.items()} for k in range(0, count, BATCH)]
    return np.concatenate([np.asarray(session.run([name], batch)[0], np.float64) for batch in batches])
