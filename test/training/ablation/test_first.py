"""The first delivery out of the repository's history: its encoders are the shipped ones, its generator runs."""

import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from hand_pose_ros.types import HandPoseError
from training.ablation import first
from training.ablation.first import COMMIT, SIZE, FirstModel, first_hands, first_tree
from training.networks import normalise

HAVE = subprocess.run(["git", "cat-file", "-e", COMMIT], cwd=Path(__file__).parent, capture_output=True).returncode == 0
pytestmark = pytest.mark.skipif(not HAVE, reason=f"{COMMIT} is not in this clone's history")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return first_tree(tmp_path_factory.mktemp("first"))


def run_graph(path: Path, **inputs: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, inputs)


@pytest.mark.parametrize("source", ["depth", "rgb"])
def test_the_model_computes_what_the_bundle_computes(tree: Path, source: str) -> None:
    rng = np.random.default_rng(0)
    size = SIZE[source]
    if source == "depth":
        seen = torch.from_numpy(rng.uniform(-1, 1, (16, size, size)).astype(np.float32))
        x = seen[:, None]
    else:
        seen = torch.from_numpy(rng.integers(0, 256, (16, size, size, 3), dtype=np.uint8))
        x = normalise(seen)
    model = FirstModel(source, tree, seen).eval()
    with torch.no_grad():
        joints, joints_2d = model(seen)
    bundle = tree / "models" / "hand"
    mean, log_var, *_ = run_graph(bundle / f"encoder_{source}.onnx", x=x.numpy())
    precision = np.exp(-log_var)
    expected = run_graph(bundle / "decoder_joints.onnx", z=precision * mean / (1 + precision))
    np.testing.assert_allclose(joints, expected[0], atol=2e-5)
    np.testing.assert_allclose(joints_2d, expected[1], atol=2e-4)
    trained = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"encoder"}


def test_the_older_generator_draws_right_hands_and_draws_them_once(tree: Path) -> None:
    batches = list(first_hands(tree, "depth", 3, 2, 2, {}))
    assert len(batches) == 2
    for hands in batches:
        assert {name: values.shape for name, values in hands.items()} == {
            "depth": (2, 64, 64), "joints": (2, 21, 3), "joints_2d": (2, 21, 2),
        }  # fmt: skip
        assert np.abs(hands["depth"]).max() <= 1 and (hands["depth"] < 1).any()
    again = next(first_hands(tree, "depth", 3, 2, 2, {}))
    np.testing.assert_array_equal(again["depth"], batches[0]["depth"])


def test_a_clone_without_that_history_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first, "COMMIT", "0" * 40)
    with pytest.raises(HandPoseError, match="git has no commit 0000"):
        first_tree(tmp_path / "none")
