"""Points to sensor_msgs/PointCloud2, field for field what sensor_msgs_py.point_cloud2.create_cloud_xyz32 makes."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from hand_pose_ros.types import FloatArray

_FIELDS = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate("xyz")]


def cloud_of_rows(header: Header, points: FloatArray, numbers: NDArray[np.uint32], names: Sequence[str]) -> PointCloud2:
    """An organised cloud: points (R, C, 3) in metres, and of each row its numbers (R, len(names)) as uint32 fields."""
    rows, columns = points.shape[:2]
    layout = np.dtype([(name, np.float32) for name in "xyz"] + [(name, np.uint32) for name in names])
    values = np.empty((rows, columns), layout)
    for index, name in enumerate("xyz"):
        values[name] = points[..., index]
    for index, name in enumerate(names):
        values[name] = numbers[:, None, index]
    data = array("B")
    data.frombytes(values.tobytes())
    own = [
        PointField(name=name, offset=12 + 4 * index, datatype=PointField.UINT32, count=1)
        for index, name in enumerate(names)
    ]
    return PointCloud2(
        header=header,
        height=rows,
        width=columns,
        is_dense=False,
        is_bigendian=sys.byteorder != "little",
        fields=[*_FIELDS, *own],
        point_step=layout.itemsize,
        row_step=layout.itemsize * columns,
        data=data,
    )


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
