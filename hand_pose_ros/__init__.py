"""Hand pose from RGB-D: 21 joints with covariance and the hand's surface, without ROS or torch at import."""

__version__ = "0.1.0"
