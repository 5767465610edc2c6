"""What was measured, as a table, against the budgets, and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hand_pose_ros.benchmark.compare import HANDS, Row

#: Milliseconds for one hand in RGB-D whose place is known, on a CPU with two cores; hands' times relative to one.
MEDIAN_MS, P99_MS, FOUR_TO_ONE = 6.0, 10.0, 2.5
_COLOURS = ("#1b7837", "#762a83", "#b35806", "#2166ac")


def table(rows: Sequence[Row]) -> str:
    """Markdown, one row a competitor."""
    lines = [
        "| frames | method | found | absolute | wrist-relative | aligned | median ms | p99 ms | CPU ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        errors = (row.absolute_mm, row.wrist_relative_mm, row.aligned_mm)
        cells = [row.recording, row.name, f"{row.found} of {row.frames}"]
        cells += ["–" if error is None else f"{error:.1f}" for error in errors]
        cells += [f"{row.median_ms:.1f}", f"{row.p99_ms:.1f}", f"{row.cpu_ms:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def budgets(rows: Sequence[Row]) -> str:
    """What of the budgets of following was kept, by the latency and by the processors' time."""
    lines = []
    by_name = {(row.recording, row.name): row for row in rows if row.ours}
    for (recording, name), row in by_name.items():
        many = by_name.get((recording, name.replace("following,", f"following {HANDS} hands,")))
        if many is None or many is row or "rgbd" not in name:
            continue
        figures = {
            "median": (row.median_ms, MEDIAN_MS, "ms"),
            "p99": (row.p99_ms, P99_MS, "ms"),
            "median on processors": (row.cpu_ms, MEDIAN_MS, "ms"),
            f"{HANDS} hands on processors": (many.cpu_ms / row.cpu_ms, FOUR_TO_ONE, "times one"),
        }
        said = [
            f"{what} {value:.1f} of {most:g} {unit}, {'kept' if value <= most else 'not kept'}"
            for what, (value, most, unit) in figures.items()
        ]
        lines.append(f"{recording}, {name}: {'; '.join(said)}")
    return "\n".join(lines)


def plot(rows: Sequence[Row], width: int = 860, height: int = 420) -> str:
    """Aligned error over the processors' time as a standalone SVG. Discs are this package's, circles MediaPipe's; each
    has a number, which the list beside the plot explains. Rows without errors, of several hands and of several threads
    are not in it."""
    left_out = (f"{HANDS} hands", "threads")
    shown = [row for row in rows if row.aligned_mm is not None and not any(word in row.name for word in left_out)]
    left, bottom, list_width, line = 50, 40, 390, 13
    height = max(height, 60 + line * len(shown))
    right = 1.1 * max((row.cpu_ms for row in shown), default=1.0)
    top = 1.1 * max((row.aligned_mm or 0.0 for row in shown), default=1.0)
    recordings = list(dict.fromkeys(row.recording for row in shown))
    inner = width - left - list_width - 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="11"><rect width="100%" height="100%" fill="white"/>',
        f'<path d="M{left} 20V{height - bottom}h{inner}" fill="none" stroke="#444"/>',
        f'<text x="{left + inner}" y="{height - 8}" text-anchor="end">processor time per frame, ms (median)</text>',
        '<text x="6" y="14">mean aligned error, mm</text>',
    ]
    for k in range(5):
        x, y = left + inner * k / 4, height - bottom - (height - bottom - 20) * k / 4
        parts.append(f'<text x="{x:.0f}" y="{height - bottom + 14}" text-anchor="middle">{right * k / 4:.0f}</text>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{top * k / 4:.0f}</text>')
    for number, row in enumerate(shown, 1):
        x = left + row.cpu_ms / right * inner
        y = height - bottom - (row.aligned_mm or 0.0) / top * (height - bottom - 20)
        colour = _COLOURS[recordings.index(row.recording) % len(_COLOURS)]
        fill = colour if row.ours else "none"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{colour}"/>')
        parts.append(f'<text x="{x + 6:.1f}" y="{y - 3:.1f}" font-size="9">{number}</text>')
        label = escape(f"{number}  {row.recording}: {row.name}")
        parts.append(f'<text x="{width - list_width}" y="{26 + line * number}" fill="{colour}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
