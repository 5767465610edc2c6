"""One module per `hand-pose` command: HELP in one line, its docstring as description, `add_arguments` and `run`.

What a command needs beyond numpy and OpenCV is imported in `run`, so that help is instant and a missing ROS or
`rosbags` only stops the commands that need it.
"""
