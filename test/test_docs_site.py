"""The documentation site, without mkdocs: its pages, what is put into them, and what they tell people to type."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hand_pose_ros.cli import COMMANDS
from hand_pose_ros.kinematics.model import ANGLE_NAMES, MEAN_SHAPE, joints_from_angles

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "tools" / "docs_site.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_sections_are_filled_in_and_links_stay_on_the_site(site: ModuleType, page: Path) -> None:
    built = site.on_page_markdown(page.read_text(encoding="utf-8"))
    assert "<!-- README" not in built
    for target in re.findall(r"\]\(((?!https?:)[^)\s]+)\)", built):
        path, _, anchor = target.partition("#")
        there = ROOT / "docs" / (path or page.name)
        assert there.is_file(), f"{target} leads out of the site"
        if anchor:
            text = site.on_page_markdown(there.read_text(encoding="utf-8"))
            assert anchor in map(site.slug, re.findall(r"^#+ (.+)$", text, re.MULTILINE)), target


def test_the_sections_that_links_are_turned_to_are_where_it_says(site: ModuleType) -> None:
    for title, page in site.PAGE_OF_SECTION.items():
        assert f"<!-- README: {title} -->" in (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert site.site_link("../README.md#images-get-lost", README) == "index.md#images-get-lost"
    assert site.site_link("../README.md#topics", README) == "topics.md"
    assert site.site_link("docs/training.md", README) == "training.md"


def test_a_section_that_is_not_there_is_an_error(site: ModuleType) -> None:
    with pytest.raises(ValueError, match="0 sections 'Nowhere'"):
        site.section(README, "Nowhere")


def test_tuning_speaks_of_parameters_that_there_are(site: ModuleType) -> None:
    known = set(re.findall(r"^\| `(\w+)` \|", site.section(README, "Parameters"), re.MULTILINE))
    rows = re.findall(r"^\| [^|]+ \| ([^|]*`[^|]*) \|", (ROOT / "docs" / "tuning.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)(?:: [\w.]+)?`", row)} - {"left", "rgb"}
    assert len(named) >= 8
    assert named <= known


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda path: path.name)
def test_commands_that_are_shown_exist(page: Path) -> None:
    shown = re.findall(r"(?<![\w./-])(?:\.venv/bin/)?hand-pose ([a-z][a-z-]+)(?= |`|$)", page.read_text(), re.MULTILINE)
    assert set(shown) <= set(COMMANDS)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_python_in_retargeting_runs(side: str) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "retargeting.md").read_text(), re.DOTALL)
    right = joints_from_angles(np.full(21, 0.2), MEAN_SHAPE)
    given = {"joints_m": right * (1, 1, -1 if side == "left" else 1) + 0.3, "joint_cov_m2": np.zeros((21, 3, 3))}
    names: dict = given | {"side": side}
    exec(code, names)
    assert list(names["angles"]) == list(ANGLE_NAMES)
    np.testing.assert_allclose(list(names["angles"].values()), 0.2, atol=1e-3)


def test_make_docs_needs_only_its_own_requirements() -> None:
    pins = (ROOT / "requirements" / "docs.txt").read_text()
    assert re.search(r"^mkdocs==", pins, re.MULTILINE) and re.search(r"^mkdocs-material==", pins, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert ".venv-docs/bin/mkdocs build --strict" in makefile
    assert not any(
        "mkdocs" in path.read_text() for path in (ROOT / "requirements").glob("*.txt") if path.stem != "docs"
    )
