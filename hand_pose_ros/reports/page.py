"""The parts of an HTML page that needs nothing but itself: its frame, its style, pictures and tables."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

import cv2

from hand_pose_ros.overlay import Picture


def build_page(title: str, lead: str, body: str) -> str:
    """A page; title and lead are text, body is HTML."""
    return PAGE.format(style=STYLE, title=escape(title), lead=escape(lead), body=body)


def section(title: str, text: str, content: str) -> str:
    """A titled part; title and text are text, content is HTML."""
    return f"<section><h2>{escape(title)}</h2>" + (f"<p>{escape(text)}</p>" if text else "") + f"{content}</section>"


def table_rows(values: Mapping[str, str]) -> str:
    """Rows of two cells, escaped."""
    return "".join(f"<tr><td>{escape(key)}</td><td>{escape(str(value))}</td></tr>" for key, value in values.items())


def data_url(picture: Picture) -> str:
    """The picture as a JPEG inside a URL."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


STYLE = """
:root { color-scheme: light dark; --bg: #fcfcfb; --panel: #f1f1ee; --text: #1c1d1f; --muted: #75777c; --grid: #dcdcd8;
  --accent: #0b7d8c; --second: #c4761b; }
@media (prefers-color-scheme: dark) { :root { --bg: #141517; --panel: #1e2023; --text: #e6e6e3; --muted: #94979d;
  --grid: #32353a; --accent: #3fb7c6; --second: #e0a04e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 1060px; background: var(--bg); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; letter-spacing: -0.02em; }
h2 { font-size: 1.1rem; margin: 0 0 .2rem; }
h3 { font-size: .9rem; margin: 1rem 0 .2rem; }
p { margin: .1rem 0 .8rem; color: var(--muted); max-width: 46rem; }
section { margin-top: 2.6rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: .7rem; margin-top: 1.5rem; }
.cards div { background: var(--panel); border-radius: 10px; padding: .8rem 1rem; color: var(--muted);
  font-size: .85rem; }
.cards b { display: block; font-size: 1.5rem; font-weight: 600; color: var(--text); letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
figure { margin: 0 0 1.1rem; display: grid; grid-template-columns: repeat(4, 1fr); gap: 5px; }
figure img { width: 100%; height: auto; border-radius: 6px; display: block; }
figcaption { grid-column: 1 / -1; color: var(--muted); font-size: .85rem; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) { figure { grid-template-columns: repeat(2, 1fr); } }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--muted); font-size: 11px; font-family: inherit; }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg .mark { stroke: var(--second); stroke-width: 1.4; stroke-dasharray: 4 3; }
svg .whisker { stroke: var(--second); stroke-width: 1.6; }
svg .heading { fill: var(--text); font-weight: 600; }
svg .tick { stroke: var(--text); stroke-width: 2; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
td, th { padding: .18rem 1.1rem .18rem 0; text-align: left; vertical-align: top; font-weight: 400; }
td:first-child, th { color: var(--muted); }
td { overflow-wrap: anywhere; }
.figures td:not(:first-child), .figures th:not(:first-child) { text-align: right; }
summary { cursor: pointer; color: var(--muted); font-size: .9rem; margin-top: .6rem; }
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1><p>{lead}</p>
{body}</body></html>
"""
