"""What a bundle reaches on recordings, for its card."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from hand_pose_ros.bundle import load_bundle
from hand_pose_ros.detector import HandDetector
from hand_pose_ros.detector.finders import automatic
from hand_pose_ros.estimator import EstimatorOptions, HandEstimator
from hand_pose_ros.evaluate import evaluate, table
from hand_pose_ros.predict import predict
from hand_pose_ros.recordings import Recording, open_recording
from hand_pose_ros.reports.analysis import analyse, look
from hand_pose_ros.reports.parts import has
from hand_pose_ros.reports.sheet import draw_sheet, write_picture
from hand_pose_ros.types import Modality

#: Circumstances told of each recording.
MOST_WEAKNESSES = 5


def measure(bundle: Path, recordings: list[Path]) -> dict[str, Any]:
    """Errors in mm by recording and modality; prints the full tables. Modalities a recording lacks are left out."""
    estimator = _open(bundle)
    result: dict[str, Any] = {}
    for recording, name, modality in _ways_to_look(recordings, ("rgbd", "depth", "rgb")):
        predictions = predict(estimator, recording.frames(), modalities=modality)
        found = evaluate(predictions, recording.truth())
        print(f"\n{name}, {modality}\n{table(found)}")
        if found.scores is None or found.coverage is None:
            continue
        result.setdefault(name, {})[modality] = {
            "found": f"{found.found} of {found.frames}",
            "side_correct": None if found.side_accuracy is None else round(found.side_accuracy, 3),
            **{f"{view}_mm": round(scores.mean_mm, 1) for view, scores in found.scores.items()},
            **{f"{view}_without_offsets_mm": round(s.without_offsets_mm, 1) for view, s in found.scores.items()},
            "in_ellipsoid": {f"{level:.0%}": round(share, 3) for level, share in found.coverage.items()},
        }
    return result


def weaknesses(bundle: Path, recordings: list[Path]) -> dict[str, Any]:
    """By recording and modality, the error relative to the wrist in mm, and that in the circumstances that add most; of
    depth and of colour, each alone."""
    estimator = _open(bundle)
    result: dict[str, Any] = {}
    for recording, name, modality in _ways_to_look(recordings, ("depth", "rgb")):
        errors = analyse([look(estimator, recording, name, modalities=modality, worst=0)]).sets[name]
        groups, most = errors.groups_by_name(), islice(errors.excesses_mm(), MOST_WEAKNESSES)
        result.setdefault(name, {})[modality] = {
            "all": round(errors.views_mm["wrist-relative"], 1),
            **{group: round(groups[group].mean_mm["wrist-relative"], 1) for group in most},
        }
    return result


def draw(bundle: Path, recordings: list[Path], folder: Path) -> None:
    """A sheet of each recording's best, median and worst frames, as `folder/<recording>.jpg`."""
    estimator = _open(bundle)
    folder.mkdir(parents=True, exist_ok=True)
    for path in recordings:
        write_picture(folder / f"{path.name}.jpg", draw_sheet(estimator, open_recording(path)))


def _ways_to_look(
    recordings: list[Path], modalities: tuple[Modality, ...]
) -> Iterator[tuple[Recording, str, Modality]]:
    """Each recording with its name, once for each of the modalities that it has."""
    for path in recordings:
        recording = open_recording(path)
        first = list(islice(recording.frames(), 1))
        yield from ((recording, path.name, modality) for modality in modalities if has(first, modality))


def _open(path: Path) -> HandEstimator:
    """The bundle as `hand-pose evaluate` runs it: where a recording has no boxes, hands are found by `automatic`."""
    bundle = load_bundle(path)
    return HandEstimator(bundle, options=EstimatorOptions(finder=automatic(HandDetector(), bundle.crop.box_scale)))
