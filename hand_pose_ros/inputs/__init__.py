"""What cameras publish, as frames: for the node and for bags alike, so from the messages' fields alone, without ROS."""
