"""Small charts as inline SVG; colours come from the page's CSS variables, so they follow its light or dark theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from hand_pose_ros.types import FloatArray

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 34
#: The page's colours by day.
_LIGHT = {"text": "#1c1d1f", "muted": "#75777c", "accent": "#0b7d8c", "second": "#c4761b"}


def line_chart(
    x: FloatArray, series: Mapping[str, FloatArray], *, x_label: str, y_label: str, colours: Sequence[str]
) -> str:
    """Lines over a common x (N,); NaN interrupts a line. colours: one CSS colour per series."""
    known = np.concatenate([values[np.isfinite(values)] for values in series.values()])
    top = nice_ceiling(float(known.max()) if known.size else 1.0)
    right = float(x.max()) if x.size and x.max() > 0 else 1.0
    parts = [_y_axis(top, y_label), _x_axis(0.0, right, x_label)]
    for values, colour in zip(series.values(), colours, strict=True):
        path = _path(LEFT + x / right * _plot_width(), _y(values, top))
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"/>')
    parts.append(_legend(list(series), colours))
    return _svg(parts)


def histogram(values: FloatArray, *, x_label: str, y_label: str, marks: Mapping[str, float], bins: int = 48) -> str:
    """Bars over the finite values, with labelled vertical marks; the last bar holds all that is far beyond them."""
    values = values[np.isfinite(values)]
    right = nice_ceiling(1.25 * max(marks.values(), default=1.0))
    counts, edges = np.histogram(np.minimum(values, right), bins, (0.0, right))
    top = nice_ceiling(float(counts.max()) if values.size else 1.0)
    parts = [_y_axis(top, y_label), _x_axis(0.0, right, x_label)]
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        if count:
            left, width = LEFT + low / right * _plot_width(), (high - low) / right * _plot_width()
            parts.append(_bar(left, width - 1, _y(np.array(float(count)), top), "var(--accent)"))
    for row, (name, value) in enumerate(marks.items()):
        place = LEFT + value / right * _plot_width()
        side, anchor = (-5, "end") if place > WIDTH * 0.75 else (5, "start")
        parts.append(f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="mark"/>')
        parts.append(_text(place + side, TOP + 11 + 15 * row, f"{name} {value:.1f}", anchor))
    return _svg(parts)


def bar_chart(
    names: Sequence[str], values: FloatArray, ticks: FloatArray, *, y_label: str, colours: Sequence[str], tick_name: str
) -> str:
    """One bar per name in its own colour, and a horizontal tick at a second value on each."""
    known = np.concatenate([values, ticks])
    known = known[np.isfinite(known)]
    top = nice_ceiling(float(known.max()) if known.size else 1.0)
    step, bottom = _plot_width() / len(names), 84
    parts = [_y_axis(top, y_label, bottom)]
    for index, (name, value, tick, colour) in enumerate(zip(names, values, ticks, colours, strict=True)):
        left = LEFT + index * step
        if np.isfinite(value):
            parts.append(_bar(left + step * 0.14, step * 0.72, _y(np.array(value), top, bottom), colour, bottom))
        if np.isfinite(tick):
            level = float(_y(np.array(tick), top, bottom))
            ends = f'x1="{left + step * 0.04:.1f}" x2="{left + step * 0.96:.1f}"'
            parts.append(f'<line {ends} y1="{level:.1f}" y2="{level:.1f}" class="tick"/>')
        x, y = left + step / 2 + 4, HEIGHT - bottom + 12
        parts.append(
            f'<text x="{x:.1f}" y="{y}" text-anchor="end" transform="rotate(-52 {x:.1f} {y})">{escape(name)}</text>'
        )
    parts.append(_legend([tick_name], ["var(--text)"]))
    return _svg(parts)


def interval_chart(
    groups: Mapping[str, Mapping[str, tuple[float, float, float, float]]], *, x_label: str, names: tuple[str, str]
) -> str:
    """Horizontal bars under headings. A bar: its value, the two ends of its interval, and a second value as a tick.

    groups: by heading and label; what is NaN is not drawn. names: of the bars and of the ticks, for the legend.
    """
    step, left, values_right = 19, 210, 46
    numbers = np.array([bar for bars in groups.values() for bar in bars.values()])
    known = numbers[np.isfinite(numbers)]
    right = nice_ceiling(float(known.max()) if known.size else 1.0)
    height = 72 + step * sum(len(bars) + 1.4 for bars in groups.values())
    width = WIDTH - left - values_right
    parts, y = [], 26.0
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + share * width
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="22" y2="{height - 34:.1f}" class="grid"/>')
        parts.append(_text(x, height - 20, f"{right * share:g}"))
    parts.append(_text(left + width / 2, height - 5, x_label))
    for heading, bars in groups.items():
        y += step * 0.4
        parts.append(f'<text x="0" y="{y + 11:.1f}" class="heading">{escape(heading)}</text>')
        y += step
        for label, (value, low, high, tick) in bars.items():
            parts.append(_text(left - 8, y + 11, label, "end"))
            ends = [left + number / right * width for number in (value, low, high, tick)]
            if np.isfinite(value):
                box = f'x="{left}" y="{y + 2:.1f}" width="{max(ends[0] - left, 0):.1f}" height="{step - 6}"'
                parts.append(f'<rect {box} rx="1.5" fill="var(--accent)"/>')
                place = max(end for end in ends if np.isfinite(end)) + 6
                parts.append(_text(place, y + 11, f"{value:.1f}", "start"))
            if np.isfinite(low) and np.isfinite(high):
                middle = y + step / 2 - 1
                line = f'x1="{ends[1]:.1f}" x2="{ends[2]:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"'
                parts.append(f'<line {line} class="whisker"/>')
            if np.isfinite(tick):
                line = f'x1="{ends[3]:.1f}" x2="{ends[3]:.1f}" y1="{y:.1f}" y2="{y + step - 3:.1f}"'
                parts.append(f'<line {line} class="tick"/>')
            y += step
    shown = [(name, colour) for name, colour in zip(names, ("var(--accent)", "var(--text)"), strict=True) if name]
    parts.append(_legend([name for name, _ in shown], [colour for _, colour in shown]))
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img">{"".join(parts)}</svg>'


def standalone(charts: Sequence[str]) -> str:
    """Charts one below the other as an SVG file of its own, in light colours, which not all viewers take from
    variables."""
    placed = "".join(
        chart.replace("<svg ", f'<svg y="{k * HEIGHT}" width="{WIDTH}" height="{HEIGHT}" ', 1)
        for k, chart in enumerate(charts)
    )
    for name, colour in _LIGHT.items():
        placed = placed.replace(f"var(--{name})", colour)
    style = f"text {{ fill: {_LIGHT['muted']}; font: 11px sans-serif; }} .grid {{ stroke: #dcdcd8; stroke-width: 1; }}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT * len(charts)}">'
    return f'{head}<style>{style}</style><rect width="100%" height="100%" fill="white"/>{placed}</svg>\n'


def nice_ceiling(value: float) -> float:
    """The next 1, 2, 2.5 or 5 times a power of ten."""
    if not np.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= value * (1 - 1e-9)))


def _plot_width() -> int:
    return WIDTH - LEFT - RIGHT


def _y(values: FloatArray, top: float, bottom: int = BOTTOM) -> FloatArray:
    return HEIGHT - bottom - np.asarray(values) / top * (HEIGHT - bottom - TOP)


def _path(x: FloatArray, y: FloatArray) -> str:
    words, pen_down = [], False
    for px, py in zip(x, y, strict=True):
        if np.isfinite(py):
            words.append(f"{'L' if pen_down else 'M'}{px:.1f} {py:.1f}")
        pen_down = bool(np.isfinite(py))
    return "".join(words)


def _bar(left: float, width: float, top: FloatArray, colour: str, bottom: int = BOTTOM) -> str:
    y, height = float(top), HEIGHT - bottom - float(top)
    box = f'x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {box} rx="1.5" fill="{colour}"/>'


def _y_axis(top: float, label: str, bottom: int = BOTTOM) -> str:
    parts = []
    for fraction in (0.0, 0.5, 1.0):
        y = float(_y(np.array(top * fraction), top, bottom))
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{top * fraction:g}", "end"))
    middle = (HEIGHT - bottom + TOP) / 2
    parts.append(
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(label)}</text>'
    )
    return "".join(parts)


def _x_axis(low: float, high: float, label: str) -> str:
    step = nice_ceiling((high - low) / 8)
    parts = []
    for value in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step:
        parts.append(_text(LEFT + (value - low) / (high - low) * _plot_width(), HEIGHT - BOTTOM + 14, f"{value:g}"))
    parts.append(_text(LEFT + _plot_width() / 2, HEIGHT - 4, label))
    return "".join(parts)


def _legend(names: Sequence[str], colours: Sequence[str]) -> str:
    parts, x = [], WIDTH - RIGHT
    for name, colour in reversed(list(zip(names, colours, strict=True))):
        parts.append(_text(x, TOP + 9, name, "end"))
        x -= round(5.9 * len(name)) + 8
        parts.append(
            f'<line x1="{x - 14}" x2="{x}" y1="{TOP + 5}" y2="{TOP + 5}" stroke="{colour}" stroke-width="2.2"/>'
        )
        x -= 26
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'
