"""Readers of public data sets in their official layout on disk; all give `HandSample`. See docs/datasets.md."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from hand_pose_ros.types import HandPoseError
from training.datasets.sample import HandSample

#: By the name that users type; each is a module here with SPLITS and read(folder, split).
NAMES = (
    "assemblyhands",
    "coco_wholebody",
    "dexycb",
    "freihand",
    "hiu_dmtl",
    "ho3d",
    "icvl",
    "interhand",
    "msra",
    "nyu",
    "onehand10k",
    "panoptic",
    "rhd",
    "stb",
)


def splits(name: str) -> tuple[str, ...]:
    """The splits of a data set, the smallest useful one first; raises HandPoseError for a name that is none."""
    if name not in NAMES:
        raise HandPoseError(f"'{name}' is no data set that can be read; there are {', '.join(NAMES)}")
    return tuple(import_module(f"training.datasets.{name}").SPLITS)


def open_dataset(name: str, folder: str | Path, split: str | None = None) -> Iterator[HandSample]:
    """The samples of one split (by default the first) in the order of the files.

    Raises HandPoseError at once for an unknown name, split or folder; while it is iterated for files that are missing,
    unreadable or not in the official layout.
    """
    folder, known = Path(folder), splits(name)
    split = known[0] if split is None else split
    if split not in known:
        raise HandPoseError(f"{name} has no split '{split}'; there are {', '.join(known)}")
    if not folder.is_dir():
        raise HandPoseError(f"{folder}: no such folder; docs/datasets.md tells where {name} is to be had")
    return _checked(name, folder, split)


def _checked(name: str, folder: Path, split: str) -> Iterator[HandSample]:
    try:
        yield from import_module(f"training.datasets.{name}").read(folder, split)
    except HandPoseError as error:
        raise HandPoseError(f"{name}: {error}") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise HandPoseError(
            f"{name}: the labels of the split '{split}' in {folder} are not in the official layout "
            f"({type(error).__name__}: {error}); compare with docs/datasets.md"
        ) from error
