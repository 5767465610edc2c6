"""Metadata lives here, not in pyproject.toml: see there. ROS packages are package.xml's business, not pip's."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "hand_pose_ros"
# colcon and pip both run this file in its own folder, and data_files must be relative to it.
SHARED = [
    path
    for folder in ("launch", "config", "rviz", "foxglove", "models")
    for path in sorted(Path(folder).rglob("*"))
    if path.is_file()
]

setup(
    name=NAME,
    version="0.1.0",
    description="Hand pose from RGB-D: 21 joints with covariance and the hand's surface, as a ROS 2 node.",
    author="hand_pose_ros maintainers",
    maintainer="hand_pose_ros maintainers",
    maintainer_email="maintainers@hand-pose-ros.example",
    license="Apache-2.0",
    packages=find_packages(include=[NAME, f"{NAME}.*", "training", "training.*"]),
    package_data={
        "training": [
            "assets/*",
            "experiments/*.yaml",
            "experiments/results/*.json*",
            "experiments/results/ablation/*.jsonl",
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *((f"share/{NAME}/{path.parent}", [str(path)]) for path in SHARED),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "hand_pose_node = hand_pose_ros.ros.node:main",
            "hand-pose = hand_pose_ros.cli:main",
            "hand-pose-train = training.cli:main",
        ],
    },
)
