"""PyTorch gives what ONNX Runtime gives, or says why it cannot."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from bundles import make_test_bundle

from hand_pose_ros.backend import Network, Session
from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.frames_folder import open_folder
from hand_pose_ros.manifest import models_folder
from hand_pose_ros.types import HandPoseError

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from hand_pose_ros.torch_backend import OPERATORS, TorchSession  # noqa: E402

MODELS = models_folder()
RECORDING = Path(__file__).resolve().parents[1] / "demo" / "recording"
NETWORKS = [path for name in ("hand-l", "detector", "detector-fp32") for path in sorted((MODELS / name).glob("*.onnx"))]


def run_both(path: Path, inputs: dict[str, np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    ours, theirs = TorchSession(path, "TorchCPU", 1), ort.InferenceSession(str(path))
    names = [value.name for value in theirs.get_outputs()]
    return ours.run(names, inputs), theirs.run(names, inputs)


def described(session: Session) -> list[tuple]:
    return [(value.name, value.shape) for value in (*session.get_inputs(), *session.get_outputs())]


def graph_of(
    tmp_path: Path, kind: str, shape: tuple[int, ...], constants: dict[str, np.ndarray], **said: object
) -> Path:
    """A file with one operator `kind` that reads x and then the constants."""
    node = helper.make_node(kind, ["x", *constants], ["y"], **said)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    path = tmp_path / f"{kind}.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
@pytest.mark.parametrize("count", [1, 3])
def test_shipped_networks_give_what_onnx_runtime_gives(path: Path, count: int) -> None:
    rng = np.random.default_rng(3)
    sizes = {"n": count, "height": 96, "width": 128}
    shapes = {value.name: value.shape for value in ort.InferenceSession(str(path)).get_inputs()}
    inputs = {
        name: rng.uniform(0.1, 1.0, [size if isinstance(size, int) else sizes.get(size, count) for size in shape])
        for name, shape in shapes.items()
    }
    got, wanted = run_both(path, {name: array.astype(np.float32) for name, array in inputs.items()})
    # this detector is in integers, whose sums each rounds in its own way
    tolerance = 0.05 if path.parent.name == "detector" else 1e-4
    assert described(TorchSession(path, "TorchCPU", 1)) == described(ort.InferenceSession(str(path)))
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=tolerance * max(1.0, float(np.abs(theirs).max())))


def test_hands_are_where_they_are_on_the_cpu_provider() -> None:
    torch_estimator, estimator = (
        HandEstimator("hand-l", providers=[name]) for name in ("TorchCPU", "CPUExecutionProvider")
    )
    assert torch_estimator.provider == "TorchCPU"
    folder = open_folder(RECORDING)
    for frame in (folder.read(0), folder.read(len(folder) // 2)):
        (ours,), (theirs,) = torch_estimator.estimate(frame), estimator.estimate(frame)
        np.testing.assert_allclose(ours.joints_m, theirs.joints_m, atol=1e-5)
        np.testing.assert_allclose(ours.joint_cov_m2, theirs.joint_cov_m2, atol=1e-8)
        assert (ours.side, ours.modalities) == (theirs.side, theirs.modalities)


@pytest.mark.parametrize(
    ("kind", "shape", "constants", "said"),
    [
        ("Conv", (2, 4, 7, 9), {"w": np.ones((4, 1, 3, 3), np.float32)},
         {"group": 4, "pads": [0, 1, 2, 1], "strides": [2, 1]}),
        ("Gemm", (3, 4), {"b": np.eye(4, 5, dtype=np.float32), "c": np.ones(5, np.float32)},
         {"alpha": 0.5, "beta": 2.0}),
        ("Resize", (1, 2, 4, 6), {"roi": np.zeros(0, np.float32), "s": np.array([1, 1, 0.5, 2], np.float32)},
         {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}),
        ("Slice", (4, 6), {"a": np.array([1, -4]), "b": np.array([3, 9]), "c": np.array([0, 1]),
                           "d": np.array([1, 2])}, {}),
        ("Gather", (4, 6), {"i": np.array(2)}, {"axis": 1}),
        ("Reshape", (4, 6), {"s": np.array([0, 3, -1])}, {}),
        ("Clip", (4, 6), {"a": np.array(0.2, np.float32), "b": np.array(0.7, np.float32)}, {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_operators_mean_what_the_specification_says(
    tmp_path: Path, kind: str, shape: tuple[int, ...], constants: dict[str, np.ndarray], said: dict[str, object]
) -> None:
    x = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
    (ours,), (theirs,) = run_both(graph_of(tmp_path, kind, shape, constants, **said), {"x": x})
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_graph_with_another_operator_is_refused(tmp_path: Path) -> None:
    assert "Erf" not in OPERATORS
    path = graph_of(tmp_path, "Erf", (2,), {})
    with pytest.raises(HandPoseError, match=r"cannot run .*Erf\.onnx on TorchCPU \(no operator Erf in PyTorch's way"):
        Network(path, ["TorchCPU"])


def test_what_cannot_run_with_pytorch_runs_on_the_next_provider(tmp_path: Path) -> None:
    network = Network(graph_of(tmp_path, "Erf", (2,), {}), ["TorchCPU", "CPUExecutionProvider"])
    assert network.provider == "CPUExecutionProvider"
    assert network.passed_over == {"TorchCPU": "no operator Erf in PyTorch's way of running networks"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_machine_without_a_gpu_is_told_so(tmp_path: Path) -> None:
    decoder = make_test_bundle(tmp_path) / "decoder_joints.onnx"
    network = Network(decoder, ["TorchCUDA", "TorchCPU"])
    assert network.provider == "TorchCPU"
    assert "sees no CUDA device" in network.passed_over["TorchCUDA"]


def test_without_pytorch_it_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hand_pose_ros.backend.find_spec", lambda name: None)
    network = Network(make_test_bundle(tmp_path) / "decoder_joints.onnx", ["TorchCUDA", "CPUExecutionProvider"])
    assert network.passed_over == {"TorchCUDA": "it needs the Python packages torch and onnx"}
