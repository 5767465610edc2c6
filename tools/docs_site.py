"""mkdocs' hook: puts sections of the README into the pages that ask for them, and turns links to match.

A page asks with a line `<!-- README: Topics -->`. So every table stands in one place, and tests hold that one to the
code.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: Where the sections of the README are on the site.
PAGE_OF_SECTION = {
    "Try it": "index.md",
    "On a robot": "index.md",
    "Topics": "topics.md",
    "Parameters": "parameters.md",
    "How good it is": "accuracy.md",
}
_REQUEST = re.compile(r"^<!-- README: (.+) -->$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for every page."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    filled = _REQUEST.sub(lambda request: section(readme, request[1]), markdown)
    return _LINK.sub(lambda link: f"]({site_link(link[1], readme)})", filled)


def section(readme: str, title: str) -> str:
    """The text under a heading `## title`, up to the next of its level."""
    parts = re.split(rf"^## {re.escape(title)}\n", readme, flags=re.MULTILINE)
    if len(parts) != 2:
        raise ValueError(f"README.md has {len(parts) - 1} sections '{title}', a page of the site wants one")
    return re.split(r"^## ", parts[1], flags=re.MULTILINE)[0].strip()


def site_link(target: str, readme: str) -> str:
    """A link of a page, or of the README, as it must be on the site."""
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if not target.startswith("../README.md"):
        return target
    anchor = target.partition("#")[2]
    for title, page in PAGE_OF_SECTION.items():
        headings = re.findall(r"^### (.+)$", section(readme, title), re.MULTILINE)
        if anchor in map(slug, headings):
            return f"{page}#{anchor}"
        if anchor == slug(title):
            return page
    return "index.md"


def slug(heading: str) -> str:
    """The anchor that both GitHub and mkdocs give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
