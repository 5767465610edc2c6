"""Hands followed from picture to picture: who is who, on which side, and where between two looks. Knows no ROS."""

from hand_pose_ros.tracking.tracker import HandTracker, TrackedHand, TrackerOptions

__all__ = ["HandTracker", "TrackedHand", "TrackerOptions"]
