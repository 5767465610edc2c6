"""How many complete samples are made in a second, and whether memory stays flat."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from training.hands.labels import complete_batches

BATCH = 64
#: Batches before counting begins: kernels are compiled or loaded, pages are touched.
WARM_UP = 4


def bench(samples: int, size: int, workers: int, skins: Path | None, backgrounds: Path | None) -> dict[str, Any]:
    """Samples a second of all `workers` processes together, RGB, depth and all labels at `size` pixels, and the largest
    resident memory of one of them in MB after the first batches and at the end."""
    each = -(-samples // (workers * BATCH))
    with get_context("spawn").Pool(workers) as pool:
        jobs = [(seed, each, size, skins, backgrounds) for seed in range(workers)]
        results = pool.starmap(_count, jobs)
    begun, ended = min(r[0] for r in results), max(r[1] for r in results)
    made = each * BATCH * workers
    return {
        "samples": made,
        "size": size,
        "workers": workers,
        "per_second": round(made / (ended - begun), 1),
        "cpu_ms_per_sample": round(1000 * sum(r[2] for r in results) / made, 2),
        "rss_mb_start": round(max(r[3] for r in results), 1),
        "rss_mb_end": round(max(r[4] for r in results), 1),
    }


def _count(seed: int, batches: int, size: int, skins: Path | None, backgrounds: Path | None) -> tuple[float, ...]:
    """When counting began and ended, processor seconds, resident memory in MB at both ends."""
    made: Iterator[Any] = complete_batches(seed, BATCH, size, skins, backgrounds)
    for _ in range(WARM_UP):
        next(made)
    start, begun, memory = time.process_time(), time.time(), _resident_mb()
    for _ in range(batches):
        next(made)
    return begun, time.time(), time.process_time() - start, memory, _resident_mb()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
