"""The WebSocket server that Foxglove connects to. Its topics are named as the node's, so that one layout fits both."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np
from foxglove.channels import (
    CompressedImageChannel,
    FrameTransformsChannel,
    JointStatesChannel,
    PointCloudChannel,
    SceneUpdateChannel,
)
from numpy.typing import NDArray

import foxglove
from hand_pose_ros.types import FloatArray, HandPoseError
from hand_pose_ros.viewing import scene

#: Messages kept for a client that does not read; then the oldest go.
BACKLOG = 64


class LiveView:
    """Serves from entering to leaving: `with LiveView(port=8765) as view: view.hands(...)`. port 0: any free one.

    Raises HandPoseError where the port is taken.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 8765) -> None:
        # A context of its own, so that two views in one process do not share channels; they close with it.
        self._context = context = foxglove.Context()
        self._markers = SceneUpdateChannel("/hand_pose/markers", context=context)
        self._models = SceneUpdateChannel("/hand_pose/model", context=context)
        self._joint_states = JointStatesChannel("/hand_pose/joint_states", context=context)
        self._points = PointCloudChannel("/hand_pose/points", context=context)
        self._picture = CompressedImageChannel("/hand_pose/debug_image", context=context)
        self._tf = FrameTransformsChannel("/tf", context=context)
        try:
            self._server = foxglove.start_server(
                name="hand-pose view", host=host, port=port, context=context, message_backlog_size=BACKLOG
            )
        except (OSError, RuntimeError) as error:
            raise HandPoseError(f"cannot serve on {host}:{port} ({error}); choose another port with --port") from error

    @property
    def port(self) -> int:
        return int(self._server.port)

    def hands(self, stamp_ns: int, frame_id: str, hands: Sequence[scene.SeenHand]) -> None:
        """Skeletons, ellipsoids, models, angles and transforms. frame_id: the camera's optical frame."""
        self._tf.log(scene.transforms(stamp_ns, frame_id, hands), log_time=stamp_ns)
        self._markers.log(scene.markers(stamp_ns, frame_id, hands), log_time=stamp_ns)
        self._models.log(scene.models(stamp_ns, frame_id, hands), log_time=stamp_ns)
        self._joint_states.log(scene.joint_states(stamp_ns, hands), log_time=stamp_ns)

    def points(self, stamp_ns: int, frame_id: str, points: FloatArray) -> None:
        """points: (N, 3) metres."""
        self._points.log(scene.point_cloud(stamp_ns, frame_id, points), log_time=stamp_ns)

    def picture(self, stamp_ns: int, frame_id: str, picture: NDArray[np.uint8]) -> None:
        """picture: (H, W, 3) uint8, red first."""
        self._picture.log(scene.compressed_image(stamp_ns, frame_id, picture), log_time=stamp_ns)

    def __enter__(self) -> LiveView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
