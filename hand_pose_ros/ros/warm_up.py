"""Takes the slowness out of the first picture, and pauses out of later ones, while the node is being configured."""

from __future__ import annotations

import gc

import numpy as np

from hand_pose_ros.estimator import HandEstimator
from hand_pose_ros.kinematics.shape import JointAngles
from hand_pose_ros.ros.messages import ModelFacts, hand_array, header_of, tf_message
from hand_pose_ros.tracking import HandTracker
from hand_pose_ros.types import PinholeCamera, RgbdFrame

_CAMERA = PinholeCamera(600.0, 600.0, 319.5, 239.5, 640, 480)


def warm_up(estimator: HandEstimator) -> None:
    """Finds and follows a made-up hand, a disc half a metre away, and builds its messages: nothing comes of them."""
    v, u = np.mgrid[: _CAMERA.height, : _CAMERA.width]
    near = np.hypot(u - _CAMERA.cx, v - _CAMERA.cy) < 90
    depth_m = np.where(near, 0.5, 1.9).astype(np.float32)
    frame = RgbdFrame(_CAMERA, np.full((_CAMERA.height, _CAMERA.width, 3), 120, np.uint8), depth_m)
    tracker = HandTracker(estimator)
    for _ in range(3):
        hands = tracker.update(frame)
        hand_array(frame, hands, JointAngles().update(hands, 0), ModelFacts("", "", "", ""), 0)
        tf_message(header_of(frame), hands, with_joints=True)


def spare_the_collector() -> None:
    """Takes all objects that there are out of Python's garbage collection, for as long as the model is loaded: looking
    through the 40,000 of them stops every thread for 10 ms, and for 95 on a busy machine. `gc.unfreeze` undoes it."""
    gc.collect()
    gc.freeze()
