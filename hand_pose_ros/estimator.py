"""`HandEstimator`: a frame in, hands with joints, covariances and surface out. Knows no ROS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from hand_pose_ros.backend import DEFAULT_PROVIDERS, Network
from hand_pose_ros.bundle import ENCODERS_OF, Bundle, load_bundle
from hand_pose_ros.camera import project
from hand_pose_ros.crop import covariances_to_camera, make_crop, mirror, to_camera
from hand_pose_ros.latent import posterior_samples, product_of_experts, spread
from hand_pose_ros.placement import HAND_SIZE_STD, place
from hand_pose_ros.region import find_regions, region_from_box, region_from_joints, region_of_picture
from hand_pose_ros.skeleton import FINGERS, JOINT_COUNT, WRIST
from hand_pose_ros.types import (
    FloatArray,
    HandCrop,
    HandEstimate,
    HandPoseError,
    HandRegion,
    Modality,
    RgbdFrame,
    Side,
)

SideChoice = Side | Literal["auto"]
_MIDDLE_CHAIN = [WRIST, *FINGERS["middle"]]
_KNOWN_SIZE_STD = 0.02
#: Colour alone: a hand that wants more than this share of its crop was framed well enough.
_FRAMED = 0.6
#: A side's logit from which on the mirror image need not be looked at: 98 %, by its own word.
_SURE = 4.0


#: Where hands are in a frame: the regions of at most so many, the most certain first.
Finder = Callable[[RgbdFrame, int], list[HandRegion]]


@dataclass(frozen=True)
class EstimatorOptions:
    """samples: of the posterior, for the covariance; even. max_hands: most hands looked for in a picture. finder: looks
    for them; without one, hands are where the depth picture shows them, and without depth fill the whole picture.
    refine_passes: how often a hand that was found in the picture (not given by the caller) is centred anew on its
    estimate and estimated again. hand_length_m: length of the known user's hand from wrist to middle fingertip along
    the bones, which gives colour alone its scale.
    """

    samples: int = 16
    max_hands: int = 1
    finder: Finder | None = None
    refine_passes: int = 1
    hand_length_m: float | None = None


@dataclass
class _Encoded:
    """The crops of N hands and what the encoders say of them: mean, variance (N, D); logits (N,)."""

    crops: list[HandCrop]
    mean: FloatArray
    variance: FloatArray
    side_logit: FloatArray
    presence_logit: FloatArray

    def take(self, other: _Encoded, pairs: list[tuple[int, int]]) -> None:
        """Replace hand i by hand j of `other`, for each (i, j)."""
        for mine, theirs in pairs:
            self.crops[mine] = other.crops[theirs]
            for name in ("mean", "variance", "side_logit", "presence_logit"):
                getattr(self, name)[mine] = getattr(other, name)[theirs]


class HandEstimator:
    """Runs one model bundle.

    bundle: a loaded bundle, or its name or path; `encoders` are its networks by name. providers: ONNX Runtime
    execution providers in order of preference; `provider` tells which one is used. threads: CPU threads of a network.
    """

    def __init__(
        self,
        bundle: Bundle | str | Path,
        *,
        providers: Sequence[str] = DEFAULT_PROVIDERS,
        threads: int = 1,
        options: EstimatorOptions | None = None,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
        self.options = options or EstimatorOptions()
        self.encoders = {key: Network(path, providers, threads) for key, path in self.bundle.encoders.items()}
        self._decoders = {key: Network(path, providers, threads) for key, path in self.bundle.decoders.items()}
        self._rgb_scale = (1.0 / (255.0 * self.bundle.rgb_std)).astype(np.float32)
        self._rgb_shift = (-self.bundle.rgb_mean / self.bundle.rgb_std).astype(np.float32)
        self._check_graphs()
        self._warm_up()

    @property
    def provider(self) -> str:
        """The execution provider that the encoders really run on."""
        return next(iter(self.encoders.values())).provider

    @property
    def passed_over(self) -> dict[str, str]:
        """The providers asked for before that one, and why they do not run."""
        return next(iter(self.encoders.values())).passed_over

    def estimate(
        self,
        frame: RgbdFrame,
        *,
        box: FloatArray | None = None,
        regions: Sequence[HandRegion] | None = None,
        side: SideChoice | Sequence[SideChoice] = "auto",
        modalities: Modality = "rgbd",
    ) -> list[HandEstimate]:
        """The hands in the frame, from those of the asked-for modalities that the frame and the model have.

        Where to look: `regions`, one per hand; or one `box` (x, y, width, height) in pixels; or, with neither, where
        the depth picture shows a hand, and without depth in the whole picture. side: for all or for each region;
        `auto` lets the model decide. Regions in which nothing is to be seen give no estimate, nor do hands that the
        model puts behind the camera, so the list may be empty. Raises HandPoseError for a frame whose pictures do not
        fit each other or the camera.
        """
        frame = self._usable(frame, modalities)
        given = regions is not None or box is not None
        if regions is None:
            regions = self._look_for_hands(frame) if box is None else [region_from_box(frame, box)]
        sides = [side] * len(regions) if isinstance(side, str) else list(side)
        if len(sides) != len(regions):
            raise HandPoseError(f"{len(sides)} sides were given for {len(regions)} regions; give one side, or one each")

        spec, seen = self.bundle.crop, []
        for region, choice in zip(regions, sides, strict=True):
            crop = make_crop(frame, region, spec, mirrored=choice == "left")
            if crop is not None:
                seen.append((crop, choice == "auto"))
        if not seen:
            return []
        crops, either_side = [crop for crop, _ in seen], [auto for _, auto in seen]
        encoded = self._encode(crops, either_side)
        for _ in range(0 if given else self.options.refine_passes):
            again = self._encode(self._centred(encoded, frame), either_side)
            # a crop around a wrong estimate shows less of the hand: keep where the model is surer that there is one
            encoded.take(
                again, [(int(k), int(k)) for k in np.flatnonzero(again.presence_logit >= encoded.presence_logit)]
            )
        return self._describe(encoded, frame)

    def _usable(self, frame: RgbdFrame, modalities: Modality) -> RgbdFrame:
        """The frame with only the streams that are asked for and that the model reads. Checks that they fit."""
        height_width = (frame.camera.height, frame.camera.width)
        if frame.rgb is not None and (frame.rgb.shape != (*height_width, 3) or frame.rgb.dtype != np.uint8):
            raise HandPoseError(
                f"the colour picture is {frame.rgb.dtype} of shape {frame.rgb.shape}, it must be uint8 of shape "
                f"{(*height_width, 3)} as its camera calibration says; use the calibration of this picture"
            )
        if frame.depth_m is not None and frame.depth_m.shape != height_width:
            beside = "camera calibration" if frame.rgb is None else "colour picture"
            raise HandPoseError(
                f"the depth picture is {_size(frame.depth_m.shape)} pixels and the {beside} {_size(height_width)}; "
                "register depth to colour first (for example with depth_image_proc)"
            )
        if frame.depth_m is not None and not np.issubdtype(frame.depth_m.dtype, np.floating):
            raise HandPoseError(
                f"the depth picture is {frame.depth_m.dtype}, it must be float32 metres; convert it first"
            )
        if modalities not in ENCODERS_OF:
            raise HandPoseError(f"unknown modalities '{modalities}'; use one of {', '.join(ENCODERS_OF)}")
        usable = [key for key in ENCODERS_OF[modalities] if key in self.encoders]
        rgb = frame.rgb if "rgb" in usable else None
        depth_m = frame.depth_m if "depth" in usable or "cloud" in usable else None
        if rgb is None and depth_m is None:
            has = [name for name, there in (("colour", frame.rgb), ("depth", frame.depth_m)) if there is not None]
            raise HandPoseError(
                f"the frame has {' and '.join(has) or 'no pictures'}, '{modalities}' was asked for and the model "
                f"'{self.bundle.name}' reads {', '.join(self.bundle.modalities)}: nothing is left to see"
            )
        return replace(frame, rgb=rgb, depth_m=depth_m)

    def _look_for_hands(self, frame: RgbdFrame) -> list[HandRegion]:
        if self.options.finder is not None:
            return self.options.finder(frame, self.options.max_hands)
        if frame.depth_m is not None and (frame.depth_m > 0).any():
            return find_regions(frame, self.options.max_hands)
        return [] if frame.rgb is None else [region_of_picture(frame.camera, self.bundle.crop.box_scale)]

    def _encode(self, crops: list[HandCrop], either_side: list[bool]) -> _Encoded:
        """The posteriors of the crops as they are or, where the side is open, of the mirror image if that looks more
        like a right hand. Comparing the two cancels whatever the model expects before it looks."""
        encoded = self._encode_as_is(crops)
        doubtful = [k for k, auto in enumerate(either_side) if auto and encoded.side_logit[k] < _SURE]
        if doubtful:
            other = self._encode_as_is([mirror(crops[k]) for k in doubtful])
            gain = (other.side_logit - encoded.side_logit[doubtful]) / 2
            encoded.take(other, [(old, new) for new, old in enumerate(doubtful) if gain[new] > 0])
            encoded.side_logit[doubtful] = np.abs(gain)
        return encoded

    def _encode_as_is(self, crops: list[HandCrop]) -> _Encoded:
        count, size = len(crops), self.bundle.latent_size
        means, log_vars, logits, votes = [], [], np.zeros((2, count)), np.zeros(count)
        for key, network in self.encoders.items():
            pictures = {k: x for k, crop in enumerate(crops) if (x := self._input(key, crop)) is not None}
            if not pictures:
                continue
            there = list(pictures)
            inputs = {"x": np.stack(list(pictures.values()))}
            if "tan_half" in network.inputs:
                inputs["tan_half"] = np.array([crops[k].tan_half for k in there], dtype=np.float32)
            said = network.run(**inputs)
            mean: FloatArray = np.zeros((count, size))
            log_var: FloatArray = np.full((count, size), np.inf)
            weights = [self.bundle.expert_weight(_modality(crops[k]), key) for k in there]
            mean[there], log_var[there] = said["mean"], said["log_var"] - np.log(weights)[:, None]
            means.append(mean)
            log_vars.append(log_var)
            logits[:, there] += said["side_logit"], said["presence_logit"]
            votes[there] += 1
        mean, variance = product_of_experts(means, log_vars)
        return _Encoded(list(crops), mean, variance, *(logits / votes))

    def _input(self, encoder: str, crop: HandCrop) -> FloatArray | None:
        """What an encoder is shown of a crop, None where the crop has nothing for it."""
        if encoder == "cloud":
            return crop.points
        if encoder == "depth":
            return None if crop.depth is None else crop.depth[None]
        if crop.rgb is None:
            return None
        return np.ascontiguousarray((crop.rgb * self._rgb_scale + self._rgb_shift).transpose(2, 0, 1))

    def _centred(self, encoded: _Encoded, frame: RgbdFrame) -> list[HandCrop]:
        """Crops around the joints as estimated; where nothing is to be seen there, or colour alone was framed well
        already, the crops as they were."""
        decoded = self._run_decoder("joints", encoded.mean)
        crops = []
        for crop, joints, joints_2d in zip(encoded.crops, decoded["joints"], decoded["joints_2d"], strict=True):
            scale, position, _ = self._place(crop, joints, joints_2d)
            region = region_from_joints(to_camera(crop, joints * scale + position), frame.camera)
            centred = region and make_crop(frame, region, self.bundle.crop, crop.mirrored)
            # of colour alone a guess is too rough to better a crop that frames the hand already
            framed = crop.distance_m is None and centred and centred.tan_half > _FRAMED * crop.tan_half
            crops.append(crop if framed or not centred else centred)
        return crops

    def _place(self, crop: HandCrop, joints: FloatArray, joints_2d: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Scale of the hand, position (3,) of its origin in the crop frame, and the covariance (3, 3) of that."""
        if crop.distance_m is not None:
            return 1.0, np.array([0.0, 0.0, crop.distance_m]), np.zeros((3, 3))
        scale, size_std = 1.0, HAND_SIZE_STD
        if self.options.hand_length_m is not None:
            bones = np.diff(joints[_MIDDLE_CHAIN], axis=0)
            scale, size_std = self.options.hand_length_m / float(np.linalg.norm(bones, axis=1).sum()), _KNOWN_SIZE_STD
        placement = place(joints * scale, joints_2d * crop.tan_half, size_std=size_std)
        return scale, placement.translation_m, placement.covariance_m2

    def _describe(self, encoded: _Encoded, frame: RgbdFrame) -> list[HandEstimate]:
        """Decode, place in space, and turn and mirror back into the camera's frame."""
        count = len(encoded.crops)
        draws = posterior_samples(encoded.mean, encoded.variance, self.options.samples)
        latents = np.concatenate([encoded.mean[:, None], draws], axis=1)
        decoded = self._run_decoder("joints", latents.reshape(-1, self.bundle.latent_size))
        joints = decoded["joints"].reshape(count, -1, JOINT_COUNT, 3).astype(np.float64)
        joints_2d = decoded["joints_2d"].reshape(count, -1, JOINT_COUNT, 2)[:, 0]
        latent_covariance = spread(joints[:, 1:], joints[:, 0])
        clouds = self._run_decoder("cloud", encoded.mean)["cloud"]
        hands = []
        for k, crop in enumerate(encoded.crops):
            modality = _modality(crop)
            calibration = self.bundle.covariance[modality]
            scale, position, position_covariance = self._place(crop, joints[k, 0], joints_2d[k])
            covariance = calibration.scale[:, None, None] * latent_covariance[k]
            covariance += calibration.floor_m2[:, None, None] * np.eye(3)
            joints_m = to_camera(crop, joints[k, 0] * scale + position)
            if region_from_joints(joints_m, frame.camera) is None:
                continue  # a weak model's guess that nobody could use
            hands.append(
                HandEstimate(
                    joints_m=joints_m,
                    joint_cov_m2=covariances_to_camera(crop, covariance * scale**2 + position_covariance),
                    joints_px=project(joints_m, frame.camera),
                    cloud_m=to_camera(crop, clouds[k] * scale + position),
                    side="left" if crop.mirrored else "right",
                    side_confidence=_sigmoid(encoded.side_logit[k]),
                    confidence=_sigmoid(encoded.presence_logit[k]),
                    modalities=modality,
                    latent_mean=encoded.mean[k],
                    latent_var=encoded.variance[k],
                    joint_deviations_m=to_camera(crop, (joints[k, 1:] - joints[k, 0]) * scale),
                )
            )
        return hands

    def _run_decoder(self, name: str, latents: FloatArray) -> dict[str, FloatArray]:
        return self._decoders[name].run(z=latents.astype(np.float32))

    def _check_graphs(self) -> None:
        spec, size = self.bundle.crop, self.bundle.latent_size
        seen = {
            "rgb": (3, spec.rgb_size, spec.rgb_size),
            "depth": (1, spec.depth_size, spec.depth_size),
            "cloud": (spec.points, 3),
        }
        gaussian: dict[str, tuple] = {"mean": (size,), "log_var": (size,), "side_logit": (), "presence_logit": ()}
        for key, network in self.encoders.items():
            network.require({"x": seen[key]}, gaussian)
        self._decoders["joints"].require({"z": (size,)}, {"joints": (JOINT_COUNT, 3), "joints_2d": (JOINT_COUNT, 2)})
        self._decoders["cloud"].require({"z": (size,)}, {"cloud": (self.bundle.cloud_points, 3)})

    def _warm_up(self) -> None:
        """Run every network once, so that the first frame is not slower than the others."""
        for network in (*self.encoders.values(), *self._decoders.values()):
            zeros = {name: np.zeros((1, *shape[1:]), dtype=np.float32) for name, shape in network.inputs.items()}
            network.run(**zeros)


def _modality(crop: HandCrop) -> Modality:
    if crop.distance_m is None:
        return "rgb"
    return "depth" if crop.rgb is None else "rgbd"


def _sigmoid(logit: float) -> float:
    return float(0.5 * (1.0 + np.tanh(0.5 * logit)))


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in reversed(shape))
