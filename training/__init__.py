"""Offline: synthetic hands, networks, objectives, training and export. Never imported by the robot's side."""
