"""The node's parameters: one frozen dataclass, from which they are declared, described, ranged and validated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from hand_pose_ros.inputs.sync import Stream
from hand_pose_ros.types import BELIEVED, HandPoseError, Modality

_STREAMS: dict[str, list[Stream]] = {"rgbd": ["rgb", "depth"], "rgb": ["rgb"], "depth": ["depth"]}


def _parameter(
    default: Any,
    description: str,
    *,
    within: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
    at_load: bool = False,
) -> Any:
    """at_load: the value takes effect when the node loads, so it is read-only afterwards."""
    return field(
        default=default,
        metadata={"description": description, "within": within, "choices": choices, "at_load": at_load},
    )


@dataclass(frozen=True)
class Parameters:
    """What a user can set; the texts are what `ros2 param describe` shows."""

    model: str = _parameter("hand", "Model bundle: a name under models/ or a path to its folder.", at_load=True)
    providers: tuple[str, ...] = _parameter(
        ("CUDAExecutionProvider", "CPUExecutionProvider"),
        "What runs the networks, tried in this order: ONNX Runtime's execution providers, TorchCUDA, TorchCPU; "
        "/diagnostics tells which one runs.",
        at_load=True,
    )
    threads: int = _parameter(
        1, "CPU threads of the encoders, which they and the hands share.", within=(1, 64), at_load=True
    )
    modalities: str = _parameter(
        "auto",
        "What to look at. auto: colour and depth, and when one stream stops, the other alone.",
        choices=("auto", "rgbd", "rgb", "depth"),
        at_load=True,
    )
    rgb_transport: str = _parameter(
        "raw",
        "How colour comes: raw, or compressed from <topic>/compressed (JPEG or PNG).",
        choices=("raw", "compressed"),
        at_load=True,
    )
    depth_transport: str = _parameter(
        "raw",
        "How depth comes: raw, or compressedDepth from <topic>/compressedDepth (PNG).",
        choices=("raw", "compressedDepth"),
        at_load=True,
    )
    register_depth: bool = _parameter(
        False,
        "Depth is a camera of its own, depth/image_rect and depth/camera_info; TF tells its place beside colour.",
        at_load=True,
    )
    autostart: bool = _parameter(True, "Configure and activate at start, without a lifecycle manager.", at_load=True)
    diagnostics_period: float = _parameter(
        1.0, "Seconds between two messages on /diagnostics.", within=(0.1, 60.0), at_load=True
    )
    side: Literal["auto", "left", "right"] = _parameter(
        "auto",
        "Which hand it is, the person's own left or right; auto: the model decides.",
        choices=("auto", "left", "right"),
    )
    max_hands: int = _parameter(1, "Most hands to look for.", within=(1, 8), at_load=True)
    looks: int = _parameter(
        0,
        "How often each hand is looked at, the picture turned in between; 0: as often as the model's bundle says, "
        "less often where there are three hands or more; 1: once, the fastest.",
        within=(0, 3),
        at_load=True,
    )
    detector: Literal["auto", "learned", "depth", "external"] = _parameter(
        "auto",
        "What looks for hands. learned: a network, on colour, depth or both; depth: blobs of the depth image, and "
        "without depth the whole image is the hand; auto: the network, and blobs where it finds nothing in "
        "depth alone; external: the boxes on hand_boxes or hand_detections.",
        choices=("auto", "learned", "depth", "external"),
        at_load=True,
    )
    detector_model: str = _parameter(
        "detector", "Bundle of the learned detector: a name under models/ or a path to its folder.", at_load=True
    )
    min_confidence: float = _parameter(
        BELIEVED, "Hands less certain to be there than this are not published.", within=(0.0, 1.0)
    )
    smoothing: bool = _parameter(True, "Steady the joints over time (a Kalman filter); off: each image by itself.")
    predict_for: float = _parameter(
        0.1, "Seconds for which a hand that is missed is still published, where it should be by now.", within=(0.0, 1.0)
    )
    sync_tolerance: float = _parameter(
        0.01,
        "Colour and depth pair when their stamps differ by at most this, in seconds; 0: exactly equal. "
        "Keep it under half the frame period.",
        within=(0.0, 0.1),
    )
    input_timeout: float = _parameter(
        0.2,
        "Seconds after which a silent stream counts as stopped; more than the slower stream's period.",
        within=(0.05, 10.0),
    )
    publish_tf: bool = _parameter(True, "Broadcast hand_<id>/wrist.")
    publish_joint_tf: bool = _parameter(False, "Broadcast hand_<id>/<joint> too; needs publish_tf.")

    def __post_init__(self) -> None:
        for spec in fields(self):
            _check(spec, getattr(self, spec.name))
        if self.publish_joint_tf and not self.publish_tf:
            raise HandPoseError("publish_joint_tf needs publish_tf, whose frames are its parents; set both")


def _check(spec: Field[Any], value: Any) -> None:
    within, choices = spec.metadata["within"], spec.metadata["choices"]
    if choices and value not in choices:
        raise HandPoseError(f"{spec.name} is {value!r}; choose one of {', '.join(choices)}")
    if within and not within[0] <= value <= within[1]:
        raise HandPoseError(f"{spec.name} is {value}; choose a value from {within[0]} to {within[1]}")


def descriptor(spec: Field[Any]) -> ParameterDescriptor:
    """What ROS is told about one field of Parameters."""
    made = ParameterDescriptor(
        name=spec.name, description=spec.metadata["description"], read_only=spec.metadata["at_load"]
    )
    if choices := spec.metadata["choices"]:
        made.additional_constraints = f"One of {', '.join(choices)}."
    if within := spec.metadata["within"]:
        if isinstance(spec.default, int):
            made.integer_range = [IntegerRange(from_value=within[0], to_value=within[1])]
        else:
            made.floating_point_range = [FloatingPointRange(from_value=within[0], to_value=within[1])]
    return made


def declare(node: Node) -> Parameters:
    """Declares every parameter and reads what the user gave. Raises HandPoseError for values that cannot be."""
    values = {
        spec.name: node.declare_parameter(spec.name, spec.default, descriptor(spec)).value
        for spec in fields(Parameters)
    }
    return updated(None, values)


def updated(current: Parameters | None, changes: Mapping[str, Any]) -> Parameters:
    """Parameters with a batch of changes, valid as a whole; names that are not ours are left to whose they are."""
    names = {spec.name for spec in fields(Parameters)}
    values = {name: getattr(current, name) for name in names} if current else {}
    ours = {name: tuple(v) if isinstance(v, list) else v for name, v in changes.items() if name in names}
    return Parameters(**(values | ours))


def chosen_streams(modalities: str, supported: Collection[Modality]) -> tuple[list[Stream], bool]:
    """The streams to subscribe to, and whether one of them is enough, for a model that supports these modalities.

    Raises HandPoseError when the model cannot serve the modalities that were asked for.
    """
    if modalities == "auto":
        return [stream for stream in _STREAMS["rgbd"] if stream in supported], "rgbd" in supported
    if modalities not in supported:
        raise HandPoseError(
            f"the model supports {', '.join(supported)} but modalities is {modalities}; choose another model or auto"
        )
    return _STREAMS[modalities], False
