"""Presence is fitted to hands and to things in their place, and nothing else in an encoder moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from patches import scene
from torch import nn

from hand_pose_ros.bundle import Bundle, load_bundle
from hand_pose_ros.types import HandPoseError
from training.export import ENCODER_OUTPUTS
from training.networks import ExpertHead, JointsDecoder
from training.onnx_export import export_network
from training.presence import BATCH, Places, believed, fit_presence, look_through, places_of_scenes, sample_places

MODELS = Path(__file__).parents[2] / "models"


class Small(nn.Module):
    """An encoder that is a head alone, and expects hands as one does that has hardly seen anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.head = ExpertHead(6, hidden=32, latent=4)
        nn.init.constant_(self.head.out.bias[-1:], 3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "encoder.onnx"
    export_network(path, Small(), {"x": torch.randn(2, 6)}, ENCODER_OUTPUTS)
    return path


def places(seed: int, count: int = 300) -> Places:
    rng = np.random.default_rng(seed)
    present = rng.random(count) < 0.5
    x = rng.normal(np.where(present, 1.0, -1.0)[:, None], 1.0, (count, 6))
    return {"x": x.astype(np.float32)}, present


def said(graph: Path, shown: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    return dict(zip(ENCODER_OUTPUTS, session.run(list(ENCODER_OUTPUTS), shown), strict=True))


def test_what_is_no_hand_is_believed_no_longer_and_the_pose_stays_to_the_bit(graph: Path) -> None:
    fit, rest = [places(1, 50), places(3, 213)], places(2)
    before, pose = believed(graph, [rest]), said(graph, rest[0])
    assert before["others"] > 0.9
    size = graph.stat().st_size
    assert fit_presence(graph, fit) == sum(len(present) for _, present in fit)
    after, pose_after = believed(graph, [rest]), said(graph, rest[0])
    assert after["hands"] > 0.9 and after["others"] < 0.1
    assert graph.stat().st_size == size
    for name in ("mean", "log_var", "side_logit"):
        np.testing.assert_array_equal(pose_after[name], pose[name])
    odds = 1 / (1 + np.exp(-pose_after["presence_logit"]))
    sure = odds > 0.9
    assert rest[1][sure].mean() > 0.9  # the odds mean something


def test_a_graph_without_a_head_is_refused_by_its_name(tmp_path: Path) -> None:
    graph = tmp_path / "decoder.onnx"
    export_network(graph, JointsDecoder(), {"z": torch.randn(2, 64)}, ("joints", "joints_2d"))
    with pytest.raises(HandPoseError, match=r"decoder\.onnx has no layer 'head\.out'"):
        fit_presence(graph, [({"z": np.zeros((4, 64), np.float32)}, np.array([True, False, True, False]))])


@pytest.mark.parametrize(
    ("stage", "inputs"), [("depth", {"x": (1, 32, 32), "tan_half": ()}), ("rgb", {"x": (3, 32, 32)})]
)
def test_half_of_the_places_show_a_hand(stage: str, inputs: dict[str, tuple[int, ...]]) -> None:
    settings = {"size": 32, "skins": None, "backgrounds": None}
    batches = list(sample_places(stage, settings, 5, BATCH + 20))
    assert len(batches) == 2
    for shown, present in batches:
        assert {name: x.shape for name, x in shown.items()} == {n: (BATCH, *shape) for n, shape in inputs.items()}
        assert present.shape == (BATCH,)
    assert 0.35 < np.mean([present for _, present in batches]) < 0.65
    ((again, _),) = sample_places(stage, settings, 5, BATCH)
    np.testing.assert_array_equal(again["x"], batches[0][0]["x"])


def size_of(bundle: Bundle, stage: str) -> int:
    size = bundle.crop.depth_size if stage == "depth" else bundle.crop.rgb_size
    assert size is not None
    return size


@pytest.mark.parametrize("seen", ["depth", "rgb"])
def test_the_hands_of_a_picture_are_places_and_what_is_proposed_beside_them(seen: str) -> None:
    bundle = load_bundle("hand")
    size = size_of(bundle, seen)
    hands = scene(True)
    nothing = replace(hands, boxes=np.empty((0, 4)), right=np.empty(0))
    (shown, present), (_, in_nothing) = places_of_scenes(bundle, seen, look_through([hands, nothing]))
    assert shown["x"].shape[2:] == (size, size) and len(shown["x"]) == len(present)
    # blobs of depth are proposed where the patches are; in the second picture they are no hands
    assert present.sum() == 2 and present[:2].all() and len(in_nothing) >= 2 and not in_nothing.any()


@pytest.mark.parametrize("bundle", ["hand", "hand-l"])
@pytest.mark.parametrize("stage", ["depth", "rgb"])
def test_shipped_encoders_tell_hands_from_things(bundle: str, stage: str) -> None:
    drawn = sample_places(
        stage, {"size": size_of(load_bundle(bundle), stage), "skins": None, "backgrounds": None}, 2024, 4 * BATCH
    )
    shares = believed(MODELS / bundle / f"encoder_{stage}.onnx", drawn)
    assert shares["hands"] > 0.9 and shares["others"] < 0.1
