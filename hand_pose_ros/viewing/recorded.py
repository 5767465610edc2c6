"""Shows a recording, estimated as it goes, at the pace at which it was recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from hand_pose_ros.estimator import SideChoice
from hand_pose_ros.kinematics.shape import JointAngles
from hand_pose_ros.overlay import colour_depth, draw_skeleton
from hand_pose_ros.recordings import Recording
from hand_pose_ros.tracking import HandTracker
from hand_pose_ros.types import Modality, RgbdFrame
from hand_pose_ros.viewing.scene import SeenHand
from hand_pose_ros.viewing.server import LiveView

#: Of recordings whose stamps do not tell.
FRAME_S = 1 / 30


def show(
    recording: Recording,
    tracker: HandTracker,
    view: LiveView,
    *,
    modalities: Modality,
    side: SideChoice,
    loop: bool,
    stop: threading.Event,
) -> int:
    """Number of frames shown until the end, or until `stop` is set. Frames are shown with the present as stamp."""
    angles, shown = JointAngles(), 0
    while True:
        before: RgbdFrame | None = None
        due = time.monotonic()
        for frame in _frames(recording):
            due += _pause(before, frame)
            before = frame
            if stop.wait(max(0.0, due - time.monotonic())):
                return shown
            # Slower than it was recorded: go on from here, do not catch up.
            due = max(due, time.monotonic() - FRAME_S)
            _show(replace(frame, stamp_ns=time.time_ns()), tracker, angles, view, modalities, side)
            shown += 1
        if not loop:
            return shown


def _frames(recording: Recording) -> Iterator[RgbdFrame]:
    return (named.frame for named in recording.frames())


def _pause(before: RgbdFrame | None, frame: RgbdFrame) -> float:
    """Seconds from one frame to the next."""
    if before is None:
        return 0.0
    seconds = (frame.stamp_ns - before.stamp_ns) / 1e9
    return seconds if 0 < seconds < 1 else FRAME_S


def _show(
    frame: RgbdFrame,
    tracker: HandTracker,
    angles: JointAngles,
    view: LiveView,
    modalities: Modality,
    side: SideChoice,
) -> None:
    hands = tracker.update(frame, modalities=modalities, side=side)
    solved = angles.update(hands, frame.stamp_ns)
    frame_id = frame.frame_id or "camera"
    seen = [
        SeenHand(
            hand.id,
            hand.estimate.side,
            hand.estimate.confidence,
            hand.estimate.joints_m,
            hand.estimate.joint_cov_m2,
            solved[hand.id],
        )
        for hand in hands
    ]
    view.hands(frame.stamp_ns, frame_id, seen)
    picture = frame.rgb
    if picture is None:
        assert frame.depth_m is not None
        picture = colour_depth(frame.depth_m)
    for hand in hands:
        view.points(frame.stamp_ns, frame_id, hand.estimate.cloud_m)
        picture = draw_skeleton(picture, hand.estimate.joints_px)
    view.picture(frame.stamp_ns, frame_id, picture)
