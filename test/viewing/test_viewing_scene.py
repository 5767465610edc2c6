from dataclasses import replace

import cv2
import numpy as np
import pytest
from hands import random_rotation, rotation_from

from hand_pose_ros.kinematics.model import ANGLE_NAMES, MEAN_SHAPE, joints_from_angles
from hand_pose_ros.kinematics.wrist import mirror
from hand_pose_ros.skeleton import BONES

pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: make setup-view")
pytest.importorskip("google.protobuf", reason="protobuf is not installed")

from foxglove_decode import decoded

from hand_pose_ros.viewing import scene

STAMP = 12_000_000_034
ANGLES = np.full(21, 0.2)


def hand(side: str = "right", *, lost: tuple[int, ...] = (), number: int = 0) -> scene.SeenHand:
    turn = random_rotation(np.random.default_rng(1))
    joints = (joints_from_angles(ANGLES, MEAN_SHAPE) * mirror(side)) @ turn.T + [0.1, 0.0, 0.5]
    joints[list(lost)] = np.nan
    covariance = np.tile(turn @ np.diag([1e-6, 4e-6, 9e-6]) @ turn.T, (21, 1, 1))
    return scene.SeenHand(number, side, 0.9, joints, covariance, ANGLES)


def xyz(vector) -> np.ndarray:
    return np.array([vector.x, vector.y, vector.z])


def rotation(quaternion) -> np.ndarray:
    return rotation_from(np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w]))


def test_markers_are_joints_bones_and_two_sigma_ellipsoids():
    seen = hand()
    (entity,) = decoded(scene.markers(STAMP, "optical", [seen])).entities
    assert (entity.id, entity.frame_id, entity.timestamp.seconds, entity.timestamp.nanos) == (
        "hand_0",
        "optical",
        12,
        34,
    )
    assert entity.lifetime.ToNanoseconds() > 0
    places = np.array([xyz(sphere.pose.position) for sphere in entity.spheres])
    np.testing.assert_allclose(places, np.tile(seen.joints_m, (2, 1)), atol=1e-9)
    for sphere, covariance in zip(entity.spheres[21:], seen.joint_cov_m2, strict=True):
        axes = rotation(sphere.pose.orientation)
        np.testing.assert_allclose(axes * (xyz(sphere.size) / 4) ** 2 @ axes.T, covariance, atol=1e-11)
    ends = {tuple(np.round([xyz(point) for point in line.points], 9).ravel()) for line in entity.lines}
    assert ends == {tuple(np.round(seen.joints_m[[parent, child]], 9).ravel()) for parent, child in BONES}


def test_what_is_missing_is_left_out():
    seen = hand(lost=(8,))
    (entity,) = decoded(scene.markers(STAMP, "optical", [seen])).entities
    assert (len(entity.spheres), len(entity.lines)) == (40, 19)
    unknown = replace(hand(), joint_cov_m2=np.full((21, 3, 3), np.nan))
    assert len(decoded(scene.markers(STAMP, "optical", [unknown])).entities[0].spheres) == 21
    without_palm = hand(lost=(0,))
    assert not decoded(scene.models(STAMP, "optical", [without_palm])).entities[0].cylinders
    assert len(decoded(scene.transforms(STAMP, "optical", [without_palm])).transforms) == 1
    assert not decoded(scene.markers(STAMP, "optical", [])).entities


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_model_is_where_its_angles_put_it(side):
    seen = hand(side)
    (entity,) = decoded(scene.models(STAMP, "optical", [seen])).entities
    for cylinder, (parent, child) in zip(entity.cylinders, BONES, strict=True):
        half = rotation(cylinder.pose.orientation)[:, 2] * cylinder.size.z / 2
        middle = xyz(cylinder.pose.position)
        np.testing.assert_allclose([middle - half, middle + half], seen.joints_m[[parent, child]], atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_transforms_put_the_camera_level_and_the_wrist_before_it(side):
    seen = hand(side, number=4)
    camera, wrist, root = decoded(scene.transforms(STAMP, "optical", [seen])).transforms
    assert (camera.parent_frame_id, camera.child_frame_id) == (scene.VIEW_FRAME, "optical")
    turned = rotation(camera.rotation) @ [[0, 1], [0, 0], [1, 0]]
    np.testing.assert_allclose(turned.T, [[1, 0, 0], [0, -1, 0]], atol=1e-9, err_msg="forward is x, right is -y")
    assert [wrist.child_frame_id, root.child_frame_id] == ["hand_4/wrist", f"{side}_wrist"]
    np.testing.assert_allclose(xyz(wrist.translation), seen.joints_m[0])


def test_joint_states_have_the_known_angles():
    seen = replace(hand("left"), angles=np.where(np.arange(21) == 2, np.nan, 0.3))
    states = decoded(scene.joint_states(STAMP, [seen])).joints
    assert [state.name for state in states] == [f"left_{n}" for i, n in enumerate(ANGLE_NAMES) if i != 2]
    assert {state.position for state in states} == {0.3}


def test_points_and_picture_arrive_as_they_are():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    cloud = decoded(scene.point_cloud(STAMP, "optical", points))
    assert [(field.name, field.offset) for field in cloud.fields] == [("x", 0), ("y", 4), ("z", 8)]
    np.testing.assert_array_equal(np.frombuffer(cloud.data, "<f4").reshape(-1, cloud.point_stride // 4), points)
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[..., 0] = 200
    image = decoded(scene.compressed_image(STAMP, "optical", picture))
    seen = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    assert image.format == "jpeg"
    np.testing.assert_allclose(seen[..., ::-1], picture, atol=3)
