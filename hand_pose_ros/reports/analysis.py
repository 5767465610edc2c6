"""Where a model errs: its errors over several recordings by joint, circumstance and kind of mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_pose_ros import metrics
from hand_pose_ros.estimator import HandEstimator, SideChoice
from hand_pose_ros.evaluate import VIEWS, match_truth, plain, view_errors
from hand_pose_ros.overlay import Picture
from hand_pose_ros.predict import predict
from hand_pose_ros.recordings import Recording, no_frames
from hand_pose_ros.reports.circumstances import Mask, group_by_circumstance, hidden_joints
from hand_pose_ros.reports.corrections import (
    AS_IT_IS,
    CORRECTIONS,
    RigidFit,
    corrected_errors,
    rigid_fit,
    split_along_ray,
)
from hand_pose_ros.reports.tiles import draw_tiles
from hand_pose_ros.skeleton import JOINT_NAMES
from hand_pose_ros.types import FloatArray, HandPoseError, Modality

#: The views that circumstances are compared in: a wrong distance would drown everything else in the absolute one.
COMPARED = ("wrist-relative", "aligned")
DRAWS = 300


@dataclass(frozen=True)
class Seen:
    """The hands of one recording that were found and have a truth, N of them.

    modalities: what was looked at. frames: how many there were. predicted_m, true_m: (N, 21, 3) metres, camera frame.
    side: (N,) true ones. side_right: (N,) whether recognised. hidden: (N, 21). worst: pictures of the worst frames
    with a caption each.
    """

    name: str
    modalities: Modality
    frames: int
    names: NDArray[np.str_]
    predicted_m: FloatArray
    true_m: FloatArray
    side: NDArray[np.str_]
    side_right: Mask
    hidden: Mask
    worst: list[tuple[str, list[Picture]]]


@dataclass(frozen=True)
class GroupError:
    """Errors of one group in mm: the mean and its 95 % interval over frames, in each view of COMPARED."""

    frames: int
    joints: int
    mean_mm: dict[str, float]
    interval_mm: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class SetError:
    """One recording. modalities: what was looked at. found: hands that were compared. views_mm, per_joint_mm: by view.
    corrected_mm: mean error after each correction. along_ray_mm, across_ray_mm: of absolute positions.
    offsets_mm: (21, 3) constant offsets in the hand's frame. fit: scale and rotation of each frame. right_side_mm:
    wrist-relative mean over the frames with the right side. groups: by kind of circumstance and name.
    """

    modalities: Modality
    frames: int
    found: int
    views_mm: dict[str, float]
    per_joint_mm: dict[str, FloatArray]
    corrected_mm: dict[str, float]
    along_ray_mm: float
    across_ray_mm: float
    offsets_mm: FloatArray
    fit: RigidFit
    right_side_mm: float
    groups: dict[str, dict[str, GroupError]]

    def gains_mm(self) -> dict[str, float]:
        """What each correction takes off the wrist-relative mean, largest first."""
        base = self.corrected_mm[AS_IT_IS]
        gains = {name: base - value for name, value in self.corrected_mm.items() if name != AS_IT_IS}
        if np.isfinite(self.right_side_mm):
            gains["side always right"] = base - self.right_side_mm
        return dict(sorted(gains.items(), key=lambda item: -item[1]))

    def groups_by_name(self) -> dict[str, GroupError]:
        """All groups, each under its kind and name, as in `excesses_mm`."""
        return {f"{kind}: {name}": group for kind, named in self.groups.items() for name, group in named.items()}

    def excesses_mm(self) -> dict[str, float]:
        """What each group adds to the wrist-relative mean over what it would be if the group were as the rest.

        Largest first, and only those above zero.
        """
        excesses = {}
        for kind, named in self.groups.items():
            total = sum(group.joints for group in named.values())
            for name, group in named.items():
                others = [other for other in named.values() if other is not group]
                rest = sum(other.joints * other.mean_mm["wrist-relative"] for other in others) / (total - group.joints)
                excesses[f"{kind}: {name}"] = group.joints / total * (group.mean_mm["wrist-relative"] - rest)
        return {name: value for name, value in sorted(excesses.items(), key=lambda item: -item[1]) if value > 0}


@dataclass(frozen=True)
class Analysis:
    """sets: by name. synthetic: the names of those that are like what the model was trained on."""

    sets: dict[str, SetError]
    synthetic: tuple[str, ...] = ()

    def domain_gap_mm(self) -> dict[str, dict[str, float]]:
        """By set and correction, the mean error above that on the synthetic set after the same correction.

        Only where a synthetic set was looked at in the same way: colour alone is harder everywhere. What stays when
        definition, scale, position and rotation are all taken out is the gap of the domain, and of poses.
        """
        there = {self.sets[name].modalities: self.sets[name].corrected_mm for name in self.synthetic}
        return {
            name: {kind: value - there[one.modalities][kind] for kind, value in one.corrected_mm.items()}
            for name, one in self.sets.items()
            if name not in self.synthetic and one.modalities in there
        }


def modalities_of(recording: Recording, wanted: Modality) -> Modality:
    """What there is to look at in a recording, by its first frame; raises HandPoseError where it has none."""
    first = next(iter(recording.frames()), None)
    if first is None:
        raise no_frames(recording.path)
    if wanted == "rgbd" and (first.frame.rgb is None or first.frame.depth_m is None):
        return "rgb" if first.frame.depth_m is None else "depth"
    return wanted


def look(
    estimator: HandEstimator,
    recording: Recording,
    name: str,
    *,
    modalities: Modality = "rgbd",
    side: SideChoice = "auto",
    worst: int = 4,
    tile: int = 260,
    progress: Callable[[int], None] = lambda done: None,
) -> Seen:
    """Estimates every frame of a recording; raises HandPoseError where it has no truth or no hand was found."""
    truth = recording.truth()
    predictions = predict(estimator, recording.frames(), modalities=modalities, side=side, progress=progress)
    true_m, true_side = match_truth(predictions, truth)
    kept = predictions.found & np.isfinite(true_m).any(axis=(1, 2))
    if not kept.any():
        raise HandPoseError(f"{recording.path}: no frame has both a found hand and ground truth, so nothing to analyse")
    side_known = np.where(true_side == "", predictions.side, true_side)
    relative = np.nanmean(
        np.where(kept[:, None], view_errors(predictions.joints_m, true_m)["wrist-relative"], -1), axis=1
    )
    chosen = [index for index in np.argsort(-relative)[:worst] if kept[index]]
    hidden = np.zeros(true_m.shape[:2], bool)
    rows = {}
    # Read again rather than held: a recording may be long.
    for index, named in enumerate(recording.frames()):
        if kept[index]:
            hidden[index] = hidden_joints(true_m[index], named.frame.camera, named.frame.depth_m)
        if index in chosen:
            rows[index] = draw_tiles(
                named.frame, predictions.joints_m[index], predictions.joint_cov_m2[index], true_m[index], None, tile
            )
    captions = {
        index: f"{name}, {predictions.frame[index]}: {relative[index] * 1e3:.1f} mm relative to the wrist, "
        f"{predictions.side[index]} hand" + ("" if predictions.side[index] == side_known[index] else ", which is wrong")
        for index in chosen
    }
    return Seen(
        name,
        modalities_of(recording, modalities),
        len(predictions.frame),
        predictions.frame[kept],
        predictions.joints_m[kept],
        true_m[kept],
        side_known[kept],
        (predictions.side == side_known)[kept],
        hidden[kept],
        [(captions[index], rows[index]) for index in chosen],
    )


def analyse(recordings: Sequence[Seen], synthetic: Sequence[str] = ()) -> Analysis:
    """All errors of the recordings. synthetic: the names of those that are like what the model was trained on."""
    return Analysis({seen.name: _set_error(seen) for seen in recordings}, tuple(synthetic))


def as_dict(analysis: Analysis) -> dict[str, Any]:
    """For JSON: plain lists and numbers; what is not a number becomes None."""
    sets = {
        name: {
            "modalities": one.modalities,
            "frames": one.frames,
            "found": one.found,
            "mean_mm": one.views_mm,
            "corrected_mm": one.corrected_mm,
            "gains_mm": one.gains_mm(),
            "along_ray_mm": one.along_ray_mm,
            "across_ray_mm": one.across_ray_mm,
            "scale_median": float(np.nanmedian(one.fit.scale)),
            "rotation_median_deg": float(np.nanmedian(one.fit.angle_deg)),
            "per_joint_mm": {view: _by_joint(values) for view, values in one.per_joint_mm.items()},
            "offsets_mm": _by_joint(one.offsets_mm),
            "groups": {
                kind: {group: vars(error) for group, error in named.items()} for kind, named in one.groups.items()
            },
        }
        for name, one in analysis.sets.items()
    }
    return plain({"sets": sets, "synthetic": analysis.synthetic, "domain_gap_mm": analysis.domain_gap_mm()})


def _set_error(seen: Seen) -> SetError:
    predicted, truth = seen.predicted_m * 1e3, seen.true_m * 1e3
    views = view_errors(predicted, truth)
    corrected = corrected_errors(predicted, truth, list(seen.side))
    along, across = split_along_ray(predicted, truth)
    offsets = metrics.constant_offsets(predicted, truth, metrics.palm_frames(predicted, list(seen.side)))
    return SetError(
        seen.modalities,
        seen.frames,
        len(seen.names),
        {view: metrics.mean_error(views[view]) for view in VIEWS},
        {view: np.array([metrics.mean_error(column) for column in views[view].T]) for view in VIEWS},
        {name: metrics.mean_error(corrected[name]) for name in CORRECTIONS},
        metrics.mean_error(along),
        metrics.mean_error(across),
        offsets,
        rigid_fit(predicted, truth),
        metrics.mean_error(views["wrist-relative"][seen.side_right]),
        {
            kind: {name: _group_error(views, mask) for name, mask in masks.items()}
            for kind, masks in group_by_circumstance(seen.true_m, list(seen.side), seen.hidden, seen.side_right).items()
        },
    )


def _group_error(errors_mm: dict[str, FloatArray], mask: Mask) -> GroupError:
    means, intervals = {}, {}
    for view in COMPARED:
        chosen = np.where(mask, errors_mm[view], np.nan)[mask.any(axis=1)]
        means[view] = metrics.mean_error(chosen)
        intervals[view] = metrics.bootstrap_interval(chosen, draws=DRAWS) if len(chosen) else (np.nan, np.nan)
    return GroupError(int(mask.any(axis=1).sum()), int(mask.sum()), means, intervals)


def _by_joint(values: FloatArray) -> dict[str, Any]:
    return {name: value.tolist() for name, value in zip(JOINT_NAMES, values, strict=True)}
