"""The page of results: what it says follows from the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from studies import TINY

from hand_pose_ros.types import HandPoseError
from training.crossmodal.config import read_study
from training.crossmodal.run import fingerprint
from training.crossmodal.table import half_interval, write_results


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of experiments with results, tiny's of three seeds: the row `one` errs by 2 mm less."""
    lines = {"lines": {"pairs": ["both", "one"]}}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY | lines).replace("'", ""))
    (tmp_path / "other.yaml").write_text("kind: crossmodal\nrows: {}\n")
    (tmp_path / "results").mkdir()
    experiment = read_study(tmp_path / "tiny.yaml")
    prints = {name: fingerprint(experiment, row) for name, row in experiment.rows.items()}
    records = [line(row, seed, prints[row]) for row in ("both", "one") for seed in (1, 2, 3)]
    write(tmp_path, records)
    return tmp_path


def line(row: str, seed: int, settings: str) -> dict[str, Any]:
    mean = 20 + seed - (2 + 0.1 * seed) * (row == "one")
    scores = {"mean_mm": mean, "median_mm": mean - 1, "aligned_mm": 9.0, "auc_20_50": 0.5}
    curves = {"pck": [0.5] * 21, "pcf": [0.1] * 21}
    facts = {"row": row, "seed": seed, "settings": settings, "drawn": {"joints": "aa", "right": "bb"}}
    return facts | {"samples": 640, "cpu_seconds": 3.0, "test": scores | curves}


def write(place: Path, records: list[dict[str, Any]]) -> None:
    (place / "results" / "tiny.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def page(place: Path) -> str:
    write_results(place, place / "results", place / "results.md", place / "images")
    return (place / "results.md").read_text()


def test_rows_claims_and_plots_are_there(place: Path) -> None:
    text = page(place)
    assert "## Tiny" in text and "| one | 3 | 640 | 19.8 ± 2.2 | 18.8 ± 2.2 | 9.0 ± 0.0 | 0.500 ± 0.000 | 3 |" in text
    assert "| one is enough | one < both | 2.20 ± 0.25 (+10.0%) | holds |" in text
    assert "- other: all rows" in text
    for name in ("results_tiny.png", "results_tiny_labelled.png"):
        assert f"(images/{name})" in text and (place / "images" / name).stat().st_size > 5000


def test_a_difference_that_chance_could_make_is_undecided_and_the_opposite_is_told(place: Path) -> None:
    records = [json.loads(record) for record in (place / "results" / "tiny.jsonl").read_text().splitlines()]
    for record in records:
        if record["row"] == "one":
            record["test"]["mean_mm"] = {1: 15.0, 2: 29.0, 3: 20.0}[record["seed"]]
    write(place, records)
    assert "| undecided |" in page(place)
    for record in records:
        record["test"]["mean_mm"] = 30 + record["seed"] if record["row"] == "one" else 20 + record["seed"]
    write(place, records)
    assert "| -10.00 ± 0.00 (-45.5%) | the opposite |" in page(place)
    write(place, [record for record in records if record["seed"] == 1])
    assert "one seed: undecided" in page(place)


def test_runs_with_other_settings_do_not_count(place: Path) -> None:
    records = [json.loads(record) for record in (place / "results" / "tiny.jsonl").read_text().splitlines()]
    write(place, [record | {"settings": "old"} if record["row"] == "one" else record for record in records])
    text = page(place)
    assert "| one |" not in text and "- tiny: one" in text and "| one is enough |" not in text
    write(place, [])
    with pytest.raises(HandPoseError, match="no runs are recorded"):
        page(place)


def test_tables_of_several_renderings_say_so(place: Path) -> None:
    assert "renderings" not in page(place)
    records = [json.loads(record) for record in (place / "results" / "tiny.jsonl").read_text().splitlines()]
    records[0]["drawn"] = {"joints": "cc", "right": "bb", "rgb": "dd"}
    write(place, records)
    assert "saw different renderings of the benchmark and are no fair comparison**: joints aa, cc\n" in page(place)


def test_runs_from_before_renderings_were_recorded_say_so(place: Path) -> None:
    records = [json.loads(record) for record in (place / "results" / "tiny.jsonl").read_text().splitlines()]
    old = [{key: value for key, value in record.items() if key not in ("drawn", "cpu_seconds")} for record in records]
    write(place, old)
    text = page(place)
    assert "they saw earlier synthetic hands" in text and "| 0.500 ± 0.000 | – |" in text
    write(place, old[:3] + records[3:])
    assert "no fair comparison**: joints aa, unknown" in page(place)


def test_the_last_run_of_a_row_and_seed_counts(place: Path) -> None:
    records = [json.loads(record) for record in (place / "results" / "tiny.jsonl").read_text().splitlines()]
    again = [record | {"test": record["test"] | {"mean_mm": 5.0}} for record in records if record["row"] == "one"]
    write(place, records + again)
    assert "| one | 3 | 640 | 5.0 ± 0.0 |" in page(place)


def test_what_was_seen_from_within_is_told(place: Path) -> None:
    numbers = {
        "title": "Six", "row": "all", "seed": 1, "hands": 100, "retrieved": 100, "within": 10,
        "modality": {
            "means": {"chance": 0.5, "linear": 0.75, "neighbours": 0.625},
            "samples": {"chance": 0.5, "linear": 0.55, "neighbours": 0.525},
        },
        "coverage": {"samples": 7.5, "known": 6.25},
        "retrieval": {"rgb": {"joints": 0.4}, "joints": {"rgb": 0.3}},
        "validity": {
            "samples": {
                "bones": 90.0, "palm": 80.0, "bends": 70.0, "all": 60.0, "low": 55.0, "high": 65.0, "violation": 1.5,
                "nearest": 8.25,
            }
        },
    }  # fmt: skip
    (place / "results" / "space.json").write_text(json.dumps(numbers))
    text = page(place)
    assert "## From within: Six" in text
    assert "chance, 50.0%, is the goal. Of samples of the posteriors a linear one is right in 55.0%" in text
    assert "in 75.0% and 62.5%" in text
    assert "the nearest of 2,000 samples is 7.5 mm away, of as many training hands 6.2 mm" in text
    assert "| rgb |  | 40% |" in text and "| joints | 30% |  |" in text
    assert "| samples | 90.0 | 80.0 | 70.0 | 60.0 (55.0 to 65.0) | 1.50 | 8.2 |" in text


def test_the_interval_is_students() -> None:
    values = np.array([1.0, 2.0, 3.0])
    assert half_interval(values) == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert np.isnan(half_interval([1.0]))
