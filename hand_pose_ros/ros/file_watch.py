"""Notices that files were replaced, without reading them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class FileWatch:
    """Remembers the state of some files; `changed` says whether any of them is another file now, was written, or went
    away."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._states = {path: _state(path) for path in paths}

    def changed(self) -> bool:
        return any(_state(path) != state for path, state in self._states.items())


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
