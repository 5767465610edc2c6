"""The documents speak of what there is."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hand_pose_ros"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def sentences() -> set[str]:
    """Every text in the code, with … for what is filled in."""
    nodes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    told = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            told.add("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
    return told


def test_troubleshooting_quotes_what_the_code_says() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    quotes = [quote for row in rows for quote in re.findall("`(.*?)`", row)]
    told = sentences()
    assert len(quotes) > 20
    assert [quote for quote in quotes if not any(quote in text for text in told)] == []


def test_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+(?:\.py|/))`", text))
    parts = [*PACKAGE.glob("*.py"), *(PACKAGE / "ros").glob("*.py"), *(PACKAGE / "inputs").glob("*.py")]
    there = {path.name for path in parts} | {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    assert there - {"__init__.py"} <= named
    assert {name for name in named if name.endswith(".py")} <= {path.name for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"(?<!!)\[[^\]]+\]\(((?!https?:)[^)#]+)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def nav_pages(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in nav_pages(part)]


def test_every_page_is_in_the_site_s_navigation_once() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(nav_pages(config["nav"])) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    assert all((ROOT / hook).is_file() for hook in config["hooks"])
