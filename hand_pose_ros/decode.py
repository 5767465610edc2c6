"""Decode and place: from posteriors of the latent to hands in the camera's frame, with surface and covariances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hand_pose_ros.backend import Network
from hand_pose_ros.bundle import Bundle
from hand_pose_ros.camera import project
from hand_pose_ros.crop import covariances_to_camera, to_camera
from hand_pose_ros.encode import Encoded, modality_of
from hand_pose_ros.latent import posterior_samples, second_moments
from hand_pose_ros.placement import HAND_SIZE_STD, place
from hand_pose_ros.region import is_before_camera
from hand_pose_ros.skeleton import FINGERS, JOINT_COUNT, WRIST
from hand_pose_ros.types import FloatArray, HandCrop, HandEstimate, PinholeCamera

_MIDDLE_CHAIN = [WRIST, *FINGERS["middle"]]
_KNOWN_SIZE_STD = 0.02
#: Scale of a hand, position of its origin (3,) and the covariance of that (3, 3).
Placed = tuple[float, FloatArray, FloatArray]


class HandDecoder:
    """A bundle's decoders. samples: of the posterior, for the covariance. hand_length_m: of the known user's hand."""

    def __init__(self, bundle: Bundle, networks: dict[str, Network], samples: int, hand_length_m: float | None) -> None:
        self._bundle = bundle
        self._networks = networks
        self._samples = samples
        self._hand_length_m = hand_length_m

    def joints(self, encoded: Encoded) -> list[FloatArray]:
        """The mean joints (21, 3) of each hand, metres, in the camera's frame."""
        decoded = self._run("joints", encoded.mean)
        placed = self._place_all(encoded.crops, **decoded)
        return list(_in_camera(encoded.crops, decoded["joints"], placed))

    def lengths(self, encoded: Encoded) -> FloatArray:
        """(N,) metres from wrist to middle fingertip along the bones of each hand."""
        return _lengths(self._run("joints", encoded.mean)["joints"])

    def describe(
        self, encoded: Encoded, camera: PinholeCamera, further: Encoded | None = None, shown: Sequence[int] = ()
    ) -> list[HandEstimate]:
        """Decode, place in space, and turn and mirror back into the camera's frame. further: more looks at the same
        hands, crop j at hand shown[j]; joints and surface are means over a hand's looks, all else is the first one's.
        A hand behind the camera, a weak model's guess that nobody could use, is left out."""
        count, further = len(encoded.crops), further or encoded.pick([])
        crops, means = encoded.crops + further.crops, np.concatenate([encoded.mean, further.mean])
        draws = posterior_samples(encoded.mean, encoded.variance, self._samples)
        # all latents go through a decoder together: it is what they wait for, not its arithmetic
        decoded = self._run("joints", np.concatenate([means, draws.reshape(-1, self._bundle.latent_size)]))
        joints, drawn = np.split(decoded["joints"].astype(np.float64), [len(means)])
        drawn = drawn.reshape(count, -1, JOINT_COUNT, 3)
        placed = self._place_all(crops, joints, decoded["joints_2d"][: len(means)])
        points = np.concatenate([joints, self._run("cloud", means)["cloud"]], axis=1)
        shapes: list[list[FloatArray]] = [[] for _ in range(count)]
        for k, shape in zip([*range(count), *shown], _in_camera(crops, points, placed), strict=True):
            shapes[k].append(shape)
        hands = []
        for k, crop in enumerate(encoded.crops):
            modality = modality_of(crop)
            scale, _, position_covariance = placed[k]
            shape = sum(shapes[k], np.zeros(3)) / len(shapes[k])
            joints_m, cloud_m = shape[:JOINT_COUNT], shape[JOINT_COUNT:]
            if not is_before_camera(joints_m):
                continue
            deviations = drawn[k] - joints[k]
            if crop.distance_m is None:
                # where the hand is follows from placing it, which has a covariance of its own
                deviations = deviations - deviations.mean(axis=1, keepdims=True)
            covariance = self._bundle.covariance[modality].calibrate(second_moments(deviations))
            hands.append(
                HandEstimate(
                    joints_m=joints_m,
                    joint_cov_m2=covariances_to_camera(crop, covariance * scale**2 + position_covariance),
                    joints_px=project(joints_m, camera),
                    cloud_m=cloud_m,
                    side="left" if crop.mirrored else "right",
                    side_confidence=_sigmoid(encoded.side_logit[k]),
                    confidence=_sigmoid(encoded.presence_logit[k]),
                    modalities=modality,
                    latent_mean=encoded.mean[k],
                    latent_var=encoded.variance[k],
                    joint_deviations_m=to_camera(crop, deviations * scale),
                )
            )
        return hands

    def _place_all(self, crops: Sequence[HandCrop], joints: FloatArray, joints_2d: FloatArray) -> list[Placed]:
        """Where each hand is, from the decoded joints (N, 21, 3) and (N, 21, 2)."""
        return [self._place(*hand) for hand in zip(crops, joints, joints_2d, strict=True)]

    def _place(self, crop: HandCrop, joints: FloatArray, joints_2d: FloatArray) -> Placed:
        """Scale of the hand, position (3,) of its origin in the crop frame, and the covariance (3, 3) of that."""
        if crop.distance_m is not None:
            return 1.0, np.array([0.0, 0.0, crop.distance_m]), np.zeros((3, 3))
        scale, size_std = 1.0, HAND_SIZE_STD
        if self._hand_length_m is not None:
            scale, size_std = self._hand_length_m / float(_lengths(joints)), _KNOWN_SIZE_STD
        placement = place(joints * scale, joints_2d * crop.tan_half, size_std=size_std)
        return scale, placement.translation_m, placement.covariance_m2

    def _run(self, name: str, latents: FloatArray) -> dict[str, FloatArray]:
        return self._networks[name].run(z=latents.astype(np.float32))


def _lengths(joints: FloatArray) -> FloatArray:
    """Lengths (...) along the bones from wrist to middle fingertip of joints (..., 21, 3)."""
    bones = np.diff(joints[..., _MIDDLE_CHAIN, :], axis=-2)
    lengths: FloatArray = np.linalg.norm(bones, axis=-1).sum(axis=-1)
    return lengths


def _in_camera(crops: Sequence[HandCrop], points: FloatArray, placed: Sequence[Placed]) -> Iterator[FloatArray]:
    """Decoded points (N, P, 3) of each hand, metres, in the camera's frame."""
    for crop, own, (scale, position, _) in zip(crops, points, placed, strict=True):
        yield to_camera(crop, own * scale + position)


def _sigmoid(logit: float) -> float:
    return float(0.5 * (1.0 + np.tanh(0.5 * logit)))
