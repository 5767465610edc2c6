"""Whether there is a hand at all, as a probability: an exported encoder's presence is fitted anew to hands and to
places that show none.

An encoder learns presence beside the pose, from crops of which nine in ten show a hand, so it expects hands. A finder
proposes as many places that show none, and those of a picture are other ones than a generator of crops comes upon. The
fit is a logistic regression on the encoder's last hidden layer, whose weights take the place of those that were learnt
beside the pose: everything else in the graph stays as it is, to the bit, also where it is rounded to integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from hand_pose_ros.types import FloatArray, HandPoseError, HandRegion
from training.detector.evaluate import box_of, frame_of, proposed_beside
from training.detector.photos import Scene
from training.held_out import open_encoder
from training.run import batch_maker
from training.stages import SHOWN

Mask = NDArray[np.bool_]
#: An encoder's inputs by name, (N, ...), and which of these N crops show a hand.
Places = tuple[dict[str, FloatArray], Mask]

#: The layer whose last output is presence (networks.ExpertHead), and the inverse strength of the prior on its weights.
LAYER, LOOSE = "head.out", 0.1
#: Crops that are sampled at once.
BATCH = 64


def sample_places(stage: str, settings: dict[str, Any], seed: int, count: int) -> Iterator[Places]:
    """At least `count` crops as the stage's encoder sees them, batch by batch, half of hands and half of what stands in
    a hand's place."""
    drawn = settings | {"batch": BATCH, "empty": 0.5, "pseudo_labels": None}
    for batch in islice(batch_maker(stage, drawn)(seed), -(-count // BATCH)):
        seen = SHOWN[stage]({name: torch.from_numpy(array) for name, array in vars(batch).items()})
        yield {name: x.numpy() for name, x in zip(("x", "tan_half"), seen, strict=False)}, batch.present > 0


def look_through(scenes: Iterable[Scene]) -> list[tuple[Scene, list[HandRegion]]]:
    """Each scene with what the shipped detector and blobs of depth propose beside its hands."""
    detector = HandDetector()
    return [(scene, proposed_beside(scene.boxes, detector, frame_of(scene, "rgbd"))) for scene in scenes]


def places_of_scenes(bundle: Bundle, stage: str, scenes: Iterable[tuple[Scene, list[HandRegion]]]) -> Iterator[Places]:
    """Scene by scene: its hands as the stage's encoder of `bundle` sees them in their boxes, all as right hands where
    the side is known, and what is proposed beside them."""
    encoder = open_encoder(bundle)
    for scene, proposed in scenes:
        frame = frame_of(scene, "depth" if stage == "depth" else "rgb")
        hands = zip(scene.boxes, scene.right, strict=True)
        places = [(region_from_box(frame, box_of(box)), bool(right == 0), True) for box, right in hands]
        places += [(region, False, False) for region in proposed]
        seen = [
            (crop, there)
            for region, mirrored, there in places
            if (crop := make_crop(frame, region, bundle.crop, mirrored)) is not None
        ]
        if seen:
            crops, present = zip(*seen, strict=True)
            yield encoder.inputs(stage, crops), np.array(present)


def believed(graph: Path, places: Iterable[Places]) -> dict[str, float]:
    """Of the places with a hand, and of those without one, the share in which the encoder `graph` believes in one."""
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    said, present = _look(session, "presence_logit", places)
    return {"hands": float((said > 0)[present].mean()), "others": float((said > 0)[~present].mean())}


def fit_presence(graph: Path, places: Iterable[Places]) -> int:
    """Fit the presence of the exported encoder `graph` to the places, in place; its odds are then those where half of
    the places show a hand. Returns how many places there were.

    Raises HandPoseError where the graph has no layer of that name.
    """
    model = onnx.load(str(graph))
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    weight, bias = (weights.get(f"{LAYER}.{name}") for name in ("weight", "bias"))
    if weight is None or bias is None:
        raise HandPoseError(f"{graph} has no layer '{LAYER}' in floats to fit presence in; export it with this version")
    layer = next(node for node in model.graph.node if weight.name in node.input)
    session = _listening(model, layer.input[0])
    hidden, present = _look(session, layer.input[0], places)
    fitted = LogisticRegression(C=LOOSE, max_iter=4000, class_weight="balanced").fit(hidden, present)
    changed = numpy_helper.to_array(weight).copy(), numpy_helper.to_array(bias).copy()
    changed[0][-1], changed[1][-1] = fitted.coef_[0], fitted.intercept_[0]
    for tensor, values in zip((weight, bias), changed, strict=True):
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    graph.write_bytes(model.SerializeToString())
    return len(present)


def _listening(model: onnx.ModelProto, name: str) -> onnxruntime.InferenceSession:
    """The graph, with what its layer of that name is given as an output beside its own."""
    listening = onnx.ModelProto()
    listening.CopyFrom(model)
    listening.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return onnxruntime.InferenceSession(listening.SerializeToString(), providers=["CPUExecutionProvider"])


def _look(session: onnxruntime.InferenceSession, name: str, places: Iterable[Places]) -> tuple[FloatArray, Mask]:
    """One output for all places, (N, ...), a fraction of their pictures, and which of them show a hand."""
    seen = [(np.asarray(session.run([name], shown)[0], np.float64), present) for shown, present in places]
    outputs, present = (np.concatenate(columns) for columns in zip(*seen, strict=True))
    return outputs, present
