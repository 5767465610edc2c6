"""Points to sensor_msgs/PointCloud2, field for field what sensor_msgs_py.point_cloud2.create_cloud_xyz32 makes."""

from __future__ import annotations

import sys
from array import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from hand_pose_ros.types import FloatArray

_FIELDS = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate("xyz")]


def cloud_xyz32(header: Header, points: FloatArray) -> PointCloud2:
    """An unordered cloud of points (N, 3) in metres in the header's frame."""
    values = np.ascontiguousarray(points, dtype=np.float32).reshape(-1, 3)
    data = array("B")  # rclpy takes an array of bytes as it is; an ndarray costs it 160 times as long
    data.frombytes(values.tobytes())
    return PointCloud2(
        header=header,
        height=1,
        width=len(values),
        is_dense=False,
        is_bigendian=sys.byteorder != "little",
        fields=_FIELDS,
        point_step=12,
        row_step=12 * len(values),
        data=data,
    )
