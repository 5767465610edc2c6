"""Networks run where they can, and say where."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from bundles import LATENT_SIZE, make_test_bundle, rigid_hand
from detectors import make_test_detector

from hand_pose_ros.backend import Network, choose_providers
from hand_pose_ros.types import HandPoseError


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_test_bundle(tmp_path_factory.mktemp("bundle")) / "decoder_joints.onnx"


@pytest.mark.parametrize("threads", [1, 2])
def test_a_network_runs_batches_of_any_size(decoder: Path, threads: int) -> None:
    network = Network(decoder, ["CPUExecutionProvider"], threads)
    assert network.provider == "CPUExecutionProvider"
    for count in (1, 5):
        out = network.run(z=np.zeros((count, LATENT_SIZE), np.float32))
        assert set(out) == {"joints", "joints_2d"}
        np.testing.assert_allclose(out["joints"], np.broadcast_to(rigid_hand(), (count, 21, 3)), atol=1e-6)


def test_providers_that_are_not_there_are_passed_over(decoder: Path, capfd: pytest.CaptureFixture) -> None:
    absent = [name for name in ort.get_all_providers() if name not in ort.get_available_providers()]
    assert choose_providers([absent[0], "CPUExecutionProvider"]) == ["CPUExecutionProvider"]
    assert Network(decoder, [absent[0], "CPUExecutionProvider"]).provider == "CPUExecutionProvider"
    with pytest.raises(HandPoseError, match=r"none of the execution providers .* is available"):
        choose_providers(absent[:1])
    assert capfd.readouterr() == ("", "")


def test_a_provider_that_does_not_start_is_passed_over(decoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ort.InferenceSession

    def picky(path: str, options: object, providers: list[str], **kwargs: object) -> ort.InferenceSession:
        if providers[0] == "CUDAExecutionProvider":
            raise RuntimeError("no driver")
        return real(path, options, providers=providers, **kwargs)

    monkeypatch.setattr(ort, "InferenceSession", picky)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert Network(decoder).provider == "CPUExecutionProvider"
    with pytest.raises(HandPoseError, match=r"cannot run .*decoder_joints.onnx on CUDAExecutionProvider \(no driver\)"):
        Network(decoder, ["CUDAExecutionProvider"])


def test_openvino_is_told_the_number_of_threads(decoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, told = ort.InferenceSession, []

    def recorded(
        path: str, options: ort.SessionOptions, providers: list[str], provider_options: list[dict], **kwargs: object
    ) -> ort.InferenceSession:
        told.append((dict(zip(providers, provider_options, strict=True)), options.intra_op_num_threads))
        return real(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(ort, "InferenceSession", recorded)
    both = ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: both)
    Network(decoder, both, threads=3)
    assert told == [({"OpenVINOExecutionProvider": {"num_of_threads": "3"}, "CPUExecutionProvider": {}}, 3)]


def test_unknown_providers_and_thread_counts_are_refused(decoder: Path) -> None:
    with pytest.raises(HandPoseError, match="unknown execution provider 'Abacus'"):
        Network(decoder, ["Abacus"])
    with pytest.raises(HandPoseError, match="threads must be at least 1, not 0"):
        Network(decoder, threads=0)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(HandPoseError, match=r"cannot run .*x\.onnx"):
        Network(path)


def test_wrong_inputs_and_outputs_are_named(decoder: Path) -> None:
    network = Network(decoder)
    good = {"joints": (21, 3), "joints_2d": (21, 2)}
    network.require({"z": (LATENT_SIZE,)}, good)
    with pytest.raises(HandPoseError, match=r"decoder_joints.onnx must have an input 'z' of shape \(N, 9\)"):
        network.require({"z": (9,)}, good)
    with pytest.raises(HandPoseError, match=r"an output 'cloud' of shape \(N, 5, 3\)"):
        network.require({}, {"cloud": (5, 3)})


def test_sizes_left_open_are_asked_for_as_such(tmp_path: Path) -> None:
    network = Network(make_test_detector(tmp_path) / "detector.onnx")
    network.require({"rgb": (3, None, None)}, {"heat": (None, None)})
    with pytest.raises(HandPoseError, match=r"'rgb' of shape \(N, 3, 192, any\), it has"):
        network.require({"rgb": (3, 192, None)}, {})
