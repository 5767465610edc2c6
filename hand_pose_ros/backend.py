"""Runs ONNX networks with ONNX Runtime on the best execution provider there is, or, where asked to, with PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import onnxruntime as ort
from numpy.typing import NDArray

from hand_pose_ros.types import HandPoseError

#: Tried in this order when the caller names none.
DEFAULT_PROVIDERS: tuple[str, ...] = ("CUDAExecutionProvider", "CPUExecutionProvider")
#: Not ONNX Runtime's: PyTorch, where it and `onnx` are installed, on its GPU or the CPU (torch_backend.py).
TORCH_PROVIDERS: tuple[str, ...] = ("TorchCUDA", "TorchCPU")
_ERRORS_ONLY = 3

ort.set_default_logger_severity(_ERRORS_ONLY)


def choose_providers(wanted: Sequence[str] = DEFAULT_PROVIDERS) -> list[str]:
    """Those of the wanted execution providers that are installed, in the wanted order.

    Those that this ONNX Runtime was built with: TensorrtExecutionProvider, CUDAExecutionProvider,
    OpenVINOExecutionProvider, CPUExecutionProvider, ...; and TORCH_PROVIDERS.
    Raises HandPoseError for a name that nobody knows, and when none of them is available.
    """
    known = [*ort.get_all_providers(), *TORCH_PROVIDERS]
    for name in wanted:
        if name not in known:
            raise HandPoseError(f"unknown execution provider '{name}'; known are {', '.join(known)}")
    available = [name for name in wanted if _is_available(name)]
    if not available:
        raise HandPoseError(
            f"none of the execution providers {list(wanted)} is available; there are "
            f"{', '.join(name for name in known if _is_available(name))}"
        )
    return available


def _is_available(name: str) -> bool:
    if name in TORCH_PROVIDERS:
        return all(find_spec(module) for module in ("torch", "onnx"))
    return name in ort.get_available_providers()


class Session(Protocol):
    """What a network needs of what runs it, in ONNX Runtime's words; values have a name and a shape."""

    def get_providers(self) -> list[str]: ...

    def get_inputs(self) -> Sequence[Any]: ...

    def get_outputs(self) -> Sequence[Any]: ...

    def run(self, names: Sequence[str], inputs: Mapping[str, NDArray]) -> list[NDArray]: ...


class Network:
    """One ONNX graph, ready to run.

    providers: tried in order; where one cannot be started the next one is taken. threads: CPU threads inside one
    operator, with OpenVINO in all. `provider` tells which one the session really got, `passed_over` why none of those
    before it.
    """

    def __init__(self, path: Path, providers: Sequence[str] = DEFAULT_PROVIDERS, threads: int = 1) -> None:
        if threads < 1:
            raise HandPoseError(f"the number of threads must be at least 1, not {threads}")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Measured on 2 cores, colour and depth encoder in turn (median, p99 in ms): 1 thread 4.7, 5.4; 2 threads
        # that sleep 5.0, 8.3; 2 threads that spin 7.9, 24.2, for each network's threads steal the next one's core.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.path = path
        self._session, failures = _start(path, choose_providers(providers), options, threads)
        self.provider: str = self._session.get_providers()[0]
        first = providers.index(self.provider) if self.provider in providers else len(providers)
        self.passed_over: dict[str, str] = {name: failures.get(name, _why_absent(name)) for name in providers[:first]}
        self.inputs = {node.name: node.shape for node in self._session.get_inputs()}
        self.outputs = {node.name: node.shape for node in self._session.get_outputs()}

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        """The outputs by name for inputs by name, every one with the batch as its first axis."""
        names = list(self.outputs)
        return dict(zip(names, self._session.run(names, inputs), strict=True))

    def require(
        self, inputs: Mapping[str, tuple[int | None, ...]], outputs: Mapping[str, tuple[int | None, ...]]
    ) -> None:
        """Raise HandPoseError unless the graph has these inputs and outputs (shapes without the batch axis, None where
        it takes any size)."""
        for kind, wanted, found in (("input", inputs, self.inputs), ("output", outputs, self.outputs)):
            for name, shape in wanted.items():
                has = found.get(name)
                # an axis of any size has a name there, or None
                if has is None or tuple(n if isinstance(n, int) else None for n in has[1:]) != shape:
                    sizes = "".join(f", {'any' if n is None else n}" for n in shape)
                    raise HandPoseError(
                        f"{self.path} must have an {kind} '{name}' of shape (N{sizes}), it has "
                        f"{has if has else sorted(found)}; export the bundle again"
                    )


def _why_absent(name: str) -> str:
    if _is_available(name):
        return "it could not be started"
    if name in TORCH_PROVIDERS:
        return "it needs the Python packages torch and onnx"
    return "this ONNX Runtime was built without it"


def provider_options(name: str, threads: int) -> dict[str, str]:
    """What an execution provider must be told beside the session's options: OpenVINO does not read the number of
    threads there (ONNX Runtime's documentation of the provider, `num_of_threads`)."""
    return {"num_of_threads": str(threads)} if name == "OpenVINOExecutionProvider" else {}


def _start(
    path: Path, providers: list[str], options: ort.SessionOptions, threads: int
) -> tuple[Session, dict[str, str]]:
    """The session on the first provider that starts, and what the others before it said."""
    failures: dict[str, str] = {}
    for k, name in enumerate(providers):
        try:
            if name in TORCH_PROVIDERS:
                from hand_pose_ros.torch_backend import TorchSession  # slow to import, and large

                return TorchSession(path, name, threads), failures
            own = [each for each in providers[k:] if each not in TORCH_PROVIDERS]
            # Its own fallback would print to stdout and ignore the order.
            session = ort.InferenceSession(
                str(path),
                options,
                providers=own,
                provider_options=[provider_options(each, threads) for each in own],
                enable_fallback=0,
            )
            return session, failures
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            failure, failures[name] = error, " ".join(str(error).split())
    raise HandPoseError(f"cannot run {path} on {', '.join(providers)} ({' '.join(str(failure).split())})") from failure
