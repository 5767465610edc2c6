"""Folders of ONNX files with a `manifest.yaml`: found, read and verified before anything runs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hand_pose_ros.types import FloatArray, HandPoseError

FORMAT_VERSION = 1
MANIFEST = "manifest.yaml"


def models_folder() -> Path:
    """Where the installed models are: the package's share in a ROS installation, else `models/` of the checkout."""
    try:
        from ament_index_python.packages import get_package_share_directory

        share = Path(get_package_share_directory("hand_pose_ros")) / "models"
        if share.is_dir():
            return share
    except (ImportError, LookupError, OSError):  # OSError: no ROS environment is set up
        pass
    return Path(__file__).resolve().parents[1] / "models"


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a bundle, given as a path or as the name of an installed model.

    Raises HandPoseError when there is no such bundle, naming those that exist.
    """
    for folder in (Path(name_or_path).expanduser(), models_folder() / name_or_path):
        if (folder / MANIFEST).is_file():
            return folder
    installed = sorted(path.parent.name for path in models_folder().glob(f"*/{MANIFEST}"))
    raise HandPoseError(
        f"no model bundle '{name_or_path}' (a folder with a {MANIFEST}) as a path or under {models_folder()}; "
        f"installed there: {', '.join(installed) or 'none'}"
    )


def read_manifest(name_or_path: str | Path) -> ManifestReader:
    """The manifest of a bundle, given as a path or as the name of an installed model, with its version checked.

    Raises HandPoseError saying what is wrong.
    """
    path = find_bundle(name_or_path) / MANIFEST
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise HandPoseError(f"{path} cannot be read ({reason}); restore the bundle from its source") from error
    manifest = ManifestReader(path, content)
    version = manifest.get("format_version", int)
    if version != FORMAT_VERSION:
        manifest.fail(
            "format_version", f"is {version}, this software reads {FORMAT_VERSION}; update the older of the two"
        )
    return manifest


def verify_files(manifest: ManifestReader, files: list[Path]) -> None:
    """Raises HandPoseError unless these files of a bundle are there and are those that the manifest speaks of."""
    expected = manifest.get("sha256")
    for file in files:
        if file.name not in expected:
            manifest.fail("sha256", f"has no entry for {file.name}; export the bundle again")
        if not file.is_file():
            raise HandPoseError(
                f"{file} is missing though {manifest.path} names it; restore the bundle from its source"
            )
        if sha256(file) != expected[file.name]:
            raise HandPoseError(
                f"{file} ({file.stat().st_size} bytes) is truncated or altered: its sha256 is not the one in "
                f"{MANIFEST}; restore the bundle from its source"
            )


def short_hash(path: Path) -> str:
    """Twelve hex digits that name a bundle, of its manifest, which holds the hash of every file."""
    return sha256(path)[:12]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ManifestReader:
    """A mapping of the manifest that names file and field when something is not as it should be."""

    def __init__(self, path: Path, content: object, prefix: str = "") -> None:
        self.path, self.prefix = path, prefix
        if not isinstance(content, dict):
            raise HandPoseError(
                f"{path}: '{prefix.rstrip('.') or 'the manifest'}' must be a mapping; export the bundle again"
            )
        self.content = content

    def fail(self, key: str, problem: str) -> None:
        raise HandPoseError(f"{self.path}: '{self.prefix}{key}' {problem}")

    def get(self, key: str, kind: type = dict) -> Any:
        value = self.content.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = {dict: "a mapping", list: "a list", str: "a text", int: "a whole number"}.get(kind, "a number")
            self.fail(key, f"must be {wanted}, not {value!r}; export the bundle again")
        return value

    def child(self, *keys: str) -> ManifestReader:
        reader = self
        for key in keys:
            reader = ManifestReader(self.path, reader.get(key), f"{reader.prefix}{key}.")
        return reader

    def positive(self, key: str, kind: type = object) -> Any:
        value = self.get(key, kind)
        if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            self.fail(key, f"must be a positive number, not {value!r}; export the bundle again")
        return value

    def numbers(self, key: str, count: int) -> FloatArray:
        values = self.get(key, list)
        if len(values) != count or not all(isinstance(v, (int, float)) and 0 <= v < float("inf") for v in values):
            self.fail(key, f"must be {count} numbers, finite and not negative; export the bundle again")
        return np.array(values, dtype=np.float64)

    def file(self) -> Path:
        """The file this entry names: a plain name, so that a bundle cannot reach outside its folder."""
        name = self.get("file", str)
        if not name or Path(name).name != name or name in (".", "..") or "\\" in name:
            self.fail("file", f"must be a plain file name, not {name!r}")
        return self.path.parent / name
