"""Finds hands in whole pictures with a small network of its own: boxes and confidences. Knows no ROS."""

from hand_pose_ros.detector.detector import Detection, HandDetector

__all__ = ["Detection", "HandDetector"]
