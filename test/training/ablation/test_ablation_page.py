"""The page of an ablation: what it says follows from the records."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hand_pose_ros.reports.parts import Change, change
from hand_pose_ros.types import HandPoseError
from training.ablation.command import EXPERIMENTS, NAMES, STUDENT_NAMES
from training.ablation.page import write_page
from training.ablation.run import SHIPPED, read_ablation

TINY: dict[str, Any] = {
    "kind": "ablation", "title": "Tiny", "source": "depth", "samples": 800, "batch": 4, "lr": 0.01, "against": "all",
    "scenes": {}, "rows": {SHIPPED: None, "all": None, "worse": {"occluders": False}, "alike": {"lights": False}},
}  # fmt: skip
FRAMES = np.linspace(10, 30, 40)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An experiment whose row `worse` errs by 2 mm more on every frame, `alike` by as much less as more."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    ablation = read_ablation(tmp_path / "tiny.yaml")
    extra = {SHIPPED: 5.0, "all": 0.0, "worse": 2.0, "alike": np.tile([-1.0, 1.0], 20)}
    lines = []
    for row, more in extra.items():
        errors = {"relative_mm": list(FRAMES + more), "aligned_mm": list(FRAMES / 2 + more)}
        key = {"row": row, "seed": 1, "settings": ablation.fingerprint(row), "commit": "abc"}
        lines.append(key | {"sets": {"real_rgbd": errors, "webxr": errors}})
    (tmp_path / "tiny.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def page(place: Path) -> str:
    write_page([place / "tiny.yaml"], [], place, place / "page.md")
    return (place / "page.md").read_text()


def test_rows_and_changes_are_there(place: Path) -> None:
    text = page(place)
    assert "### Tiny" in text and "800 samples a row, today's generator as of commit abc." in text
    assert "| row | seeds | real RGB-D: relative | aligned | WebXR hand: relative | aligned |" in text
    assert "| as shipped | – | 25.0 | 15.0 | 25.0 | 15.0 |" in text and "| all | 1 | 20.0 | 10.0 |" in text
    assert "| worse | **+2.0 (+2.0 to +2.0)** | **+2.0 (+2.0 to +2.0)** |" in text
    alike = [line for line in text.splitlines() if line.startswith("| alike | +0.0 (-0.")]
    assert len(alike) == 2 and not any("**" in line for line in alike) and "| all | +" not in text


def test_rows_are_compared_in_the_seeds_that_both_have(place: Path) -> None:
    lines = [json.loads(line) for line in (place / "tiny.jsonl").read_text().splitlines()]
    second = json.loads(json.dumps(lines[1]))
    second["seed"] = 2
    second["sets"]["webxr"]["relative_mm"] = [mm + 8 for mm in second["sets"]["webxr"]["relative_mm"]]
    (place / "tiny.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [*lines, second]))
    text = page(place)
    assert "| all | 2 | 20.0 | 10.0 | 24.0 | 10.0 |" in text
    assert "| worse | **+2.0 (+2.0 to +2.0)** | **+2.0 (+2.0 to +2.0)** |" in text


def test_rows_with_other_settings_do_not_count(place: Path) -> None:
    (place / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"rows": TINY["rows"] | {"worse": {"lights": False}}}))
    text = page(place)
    assert "| worse |" not in text and "| alike |" in text
    (place / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"lr": 1.0}))
    with pytest.raises(HandPoseError, match="no rows are recorded"):
        page(place)


def test_intervals_leave_out_zero_where_frames_agree() -> None:
    assert str(change(np.full(12, 1.5))) == "**+1.5 (+1.5 to +1.5)**"
    undecided = change(np.array([-10.0, 12.0, -8.0, 9.0]))
    assert undecided.low < 0 < undecided.high and "**" not in str(undecided)
    assert str(Change(-1.0, -2.0, -0.1)) == "**-1.0 (-2.0 to -0.1)**"


def test_the_shipped_page_is_what_the_records_say(tmp_path: Path) -> None:
    generator, students = ([EXPERIMENTS / f"{name}.yaml" for name in names] for names in (NAMES, STUDENT_NAMES))
    write_page(generator, students, EXPERIMENTS / "results" / "ablation", tmp_path / "ablation.md")
    shipped = Path(__file__).parents[3] / "docs" / "ablation.md"
    assert (tmp_path / "ablation.md").read_text() == shipped.read_text()
