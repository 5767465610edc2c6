"""A thread that works on the newest item it was given, so that slow work never holds up its source."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWorker(Generic[Item]):
    """Calls `work` with the newest submitted item, one at a time; an item not yet begun is replaced by a newer one.

    It waits on a condition and never polls. `work` must not raise.
    """

    def __init__(self, work: Callable[[Item], None], name: str) -> None:
        self._work = work
        self._item: Item | None = None
        self._running = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> bool:
        """Hands an item over at once; True when that replaced one that was still waiting."""
        with self._changed:
            replaced = self._item is not None
            self._item = item
            self._changed.notify()
        return replaced

    def stop(self) -> None:
        """Drops what waits, lets what has begun end, and ends the thread."""
        with self._changed:
            self._running, self._item = False, None
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._item is not None or not self._running)
                if not self._running:
                    return
                item, self._item = self._item, None
            assert item is not None
            self._work(item)
