"""A live 3D view of hands for Foxglove, on machines without RViz. Needs `foxglove-sdk`, and nothing of ROS."""
