"""`HandEstimator`: a frame in, hands with joints, covariances and surface out. Knows no ROS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from hand_pose_ros.backend import DEFAULT_PROVIDERS, Network
from hand_pose_ros.bundle import ENCODERS_OF, Bundle, load_bundle
from hand_pose_ros.crop import TURNS, make_crop, turn
from hand_pose_ros.decode import HandDecoder
from hand_pose_ros.encode import Encoded, HandEncoder, vote_on_sides
from hand_pose_ros.region import find_regions, region_from_box, region_from_joints, region_of_picture
from hand_pose_ros.skeleton import JOINT_COUNT
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
#: Colour alone: a hand that wants more than this share of its crop was framed well enough, no looser than in training.
_FRAMED = 0.8
#: Crops that a picture is worth, where the caller does not say how often to look: many hands are looked at less often.
_CROPS = 8
#: Further places looked at than hands are wanted: where a finder errs, the model itself knows which shows a hand.
_SPARE = 3
#: From wrist to middle fingertip, of a newborn's hand and less: what is smaller is no hand but a part of one.
SMALLEST_HAND_M = 0.06

#: Where hands are in a frame: the regions of at most so many, the most certain first.
Finder = Callable[[RgbdFrame, int], list[HandRegion]]


@dataclass(frozen=True)
class EstimatorOptions:
    """samples: of the posterior, for the covariance; even. looks: at each hand, 1 to 3, the picture turned in between,
    of which joints and surface are averaged; None for as many as the bundle asks for, fewer from the third hand on.
    max_hands: most hands looked for in a picture; where more places are found, those count in which the model is surest
    to see a hand. finder: looks for them; without one, hands are where the depth
    picture shows them, and without depth fill the whole picture. refine_passes: how often a hand that was found in the
    picture (not given by the caller) is centred anew on its estimate and estimated again. hand_length_m: length of the
    known user's hand from wrist to middle fingertip along the bones, which gives colour alone its scale.
    """

    samples: int = 16
    looks: int | None = None
    max_hands: int = 1
    finder: Finder | None = None
    refine_passes: int = 1
    hand_length_m: float | None = None


class HandEstimator:
    """Runs one model bundle.

    bundle: a loaded bundle, or its name or path; `encoders` are its networks by name. providers: ONNX Runtime
    execution providers in order of preference; `provider` tells which one is used. threads: of the encoders.
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
        self.encoders = {key: Network(path, providers) for key, path in self.bundle.encoders.items()}
        self._decoders = {key: Network(path, providers) for key, path in self.bundle.decoders.items()}
        self._encoder = HandEncoder(self.bundle, self.encoders, threads)
        self._decoder = HandDecoder(self.bundle, self._decoders, self.options.samples, self.options.hand_length_m)
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
        encoded = self._encoder.encode(crops, either_side)
        if not given and len(crops) > self.options.max_hands:
            surest = np.argsort(-encoded.presence_logit, kind="stable")[: self.options.max_hands]
            encoded, either_side = encoded.pick(surest.tolist()), [either_side[k] for k in surest]
        for _ in range(0 if given else self.options.refine_passes):
            centred = self._centred(encoded, frame)
            if not centred:
                break
            again = self._encoder.encode(list(centred.values()), [either_side[k] for k in centred])
            # a crop around a wrong estimate shows less of the hand: keep where the model is surer that there is one,
            # and sees one of a size that hands have
            surer = again.presence_logit >= encoded.presence_logit[list(centred)]
            surer &= self._decoder.lengths(again) > SMALLEST_HAND_M
            encoded.take(again, [(old, new) for new, old in enumerate(centred) if surer[new]])
        return self._decoder.describe(encoded, frame.camera, *self._look_again(encoded, frame, either_side))

    def _look_again(
        self, encoded: Encoded, frame: RgbdFrame, either_side: list[bool]
    ) -> tuple[Encoded | None, list[int]]:
        """The hands as they are seen by a turned camera, and which hand each of these crops shows; where the side is
        open it is decided by all looks together, and those that take the hand for the other one are left out."""
        looks = self.options.looks or min(self.bundle.looks, max(1, _CROPS // len(encoded.crops)))
        turned = [
            (k, again)
            for radians in TURNS[1:looks]
            for k, crop in enumerate(encoded.crops)
            if (again := turn(frame, crop, self.bundle.crop, radians)) is not None
        ]
        if not turned:
            return None, []
        shown = [k for k, _ in turned]
        further = self._encoder.encode([crop for _, crop in turned], [either_side[k] for k in shown])
        kept = vote_on_sides(encoded, further, shown, either_side)
        return further.pick(kept) if kept else None, [shown[j] for j in kept]

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
        most = self.options.max_hands + _SPARE
        if self.options.finder is not None:
            return self.options.finder(frame, most)
        if frame.depth_m is not None and (frame.depth_m > 0).any():
            return find_regions(frame, most)
        return [] if frame.rgb is None else [region_of_picture(frame.camera, self.bundle.crop.box_scale)]

    def _centred(self, encoded: Encoded, frame: RgbdFrame) -> dict[int, HandCrop]:
        """Crops around the joints as estimated, by the hand's number. None of those where nothing is to be seen there,
        or colour alone was framed well already."""
        crops = {}
        for k, (crop, joints_m) in enumerate(zip(encoded.crops, self._decoder.joints(encoded), strict=True)):
            region = region_from_joints(joints_m, frame.camera)
            centred = region and make_crop(frame, region, self.bundle.crop, crop.mirrored)
            # of colour alone a guess is too rough to better a crop that frames the hand already
            framed = crop.distance_m is None and centred and centred.tan_half > _FRAMED * crop.tan_half
            if centred and not framed:
                crops[k] = centred
        return crops

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


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in reversed(shape))
