"""docs/results.md from the recorded runs: a table for each experiment, the papers' claims held against it, plots.

An interval is Student's over seeds (95 %); a difference is taken seed by seed, since rows with the same seed see the
same hands in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from hand_pose_ros.types import HandPoseError
from training.crossmodal.config import Claim, Experiment, read_study
from training.crossmodal.generative import SAMPLES
from training.crossmodal.plots import plot_lines, plot_thresholds
from training.crossmodal.run import fingerprint, recorded

#: Columns of a table: heading, split, metric, digits.
COLUMNS = (
    ("test mean", "test", "mean_mm", 1), ("median", "test", "median_mm", 1), ("aligned", "test", "aligned_mm", 1),
    ("AUC 20–50", "test", "auc_20_50", 3), ("unseen hands", "unseen", "mean_mm", 1),
    ("LibHand", "libhand", "mean_mm", 1), ("WebXR hand", "webxr", "mean_mm", 1),
    ("real RGB-D", "real_rgbd", "mean_mm", 1), ("real RGB", "real_rgb", "mean_mm", 1),
    ("cloud, Chamfer", "test", "chamfer_mm", 1), ("cloud, EMD", "test", "emd_mm", 1),
)  # fmt: skip
HEAD = """# Results

The study of the shared latent space on the synthetic benchmark, written by `hand-pose-train table` from the recorded
runs in `training/experiments/results/`; the experiments, with the reasons for their settings, lie beside them.
Errors are millimetres relative to the middle knuckle, over all 21 joints, with the true bone length, side and crop
given as in the papers (T, S, H), unless a row says otherwise; the median is the mean of the joints' medians, AUC is
over 20 thresholds. ± is Student's 95 % interval over the seeds, where there are at least two. A row's budget is the
number of samples drawn for each pair or loss. The sizes are those of a CPU: they compare methods with each other and
not with the papers' figures. Each run's record holds hashes of the benchmark's arrays; a table whose rows saw
different ones says so.

"""


@dataclass(frozen=True)
class Difference:
    """How much lower the better row's error is (positive: as claimed): mean, half the interval, share, seeds."""

    mean: float
    half: float
    share: float
    seeds: int

    @property
    def verdict(self) -> str:
        if self.seeds < 2:
            return "one seed: undecided"
        if abs(self.mean) <= self.half:
            return "undecided"
        return "holds" if self.mean > 0 else "the opposite"


def write_results(experiments: Path, results: Path, page: Path, images: Path) -> list[str]:
    """Write `page` and its plots into `images` from the records of `results`; returns the experiments' names.

    Runs whose settings are no longer the experiment's are left out. Raises HandPoseError where nothing is recorded.
    """
    parts, missing, names = [], [], []
    for record in sorted(results.glob("*.jsonl")):
        experiment = read_study(experiments / f"{record.stem}.yaml")
        runs = current_runs(experiment, recorded(record))
        done = {name: [run for run in runs if run["row"] == name] for name in experiment.rows}
        missing += [f"{experiment.name}: {name}" for name, found in done.items() if not found]
        done = {name: found for name, found in done.items() if found}
        if done:
            names.append(experiment.name)
            parts.append(section(experiment, done) + _pictures(experiment, done, images, page))
    if not names:
        raise HandPoseError(
            f"no runs are recorded in '{results}'; `hand-pose-train run EXPERIMENT --results` adds some"
        )
    parts += [space_section(json.loads(path.read_text()), page, images) for path in sorted(results.glob("*.json"))]
    known = {path.stem for path in experiments.glob("*.yaml") if "kind: crossmodal" in path.read_text()}
    missing += [f"{name}: all rows" for name in sorted(known - {record.stem for record in results.glob("*.jsonl")})]
    if missing:
        parts.append("## Not run\n\nNo figures of these are recorded yet:\n\n" + "".join(f"- {m}\n" for m in missing))
    page.write_text(HEAD + "\n".join(parts))
    return names


def current_runs(experiment: Experiment, runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the runs that were made with the settings that the experiment has now, the last of each row and seed."""
    prints = {name: fingerprint(experiment, row) for name, row in experiment.rows.items()}
    found = [run for run in runs if prints.get(run["row"]) == run["settings"]]
    return list({(run["row"], run["seed"]): run for run in found}.values())


def renderings(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The benchmark's fields of which runs saw more than one rendering, with their hashes; of `joints`, which all rows
    see, it is unknown where a run is from before hashes were recorded."""
    seen: dict[str, set[str]] = {}
    for run in runs:
        for field, key in run.get("drawn", {"joints": "unknown"}).items():
            seen.setdefault(field, set()).add(key)
    return {field: sorted(keys) for field, keys in seen.items() if len(keys) > 1}


def section(experiment: Experiment, done: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Heading, table and claims of one experiment; done: its runs by row."""
    every = [run for runs in done.values() for run in runs]
    columns = [c for c in COLUMNS if any(c[2] in run.get(c[1], {}) for run in every)]
    lines = [f"## {experiment.title}\n", experiment.about + "\n" if experiment.about else ""]
    lines.append("| row | seeds | samples | " + " | ".join(heading for heading, *_ in columns) + " | CPU s |")
    lines.append("|---" * (len(columns) + 4) + "|")
    for name, runs in done.items():
        cells = [_cell([run[s][m] for run in runs if m in run.get(s, {})], digits) for _, s, m, digits in columns]
        taken = [run["cpu_seconds"] for run in runs if "cpu_seconds" in run]
        seconds = f"{np.mean(taken):.0f}" if taken else "–"
        lines.append(f"| {name} | {len(runs)} | {runs[0]['samples']:,} | " + " | ".join(cells) + f" | {seconds} |")
    if mixed := renderings(every):
        lines.append(
            "\n**Rows of this table saw different renderings of the benchmark and are no fair comparison**: "
            + "; ".join(f"{field} {', '.join(keys)}" for field, keys in mixed.items())
        )
    elif not any("drawn" in run for run in every):
        lines.append("\nThese runs are from before renderings were recorded: they saw earlier synthetic hands.")
    found = [(claim, difference(claim, done)) for claim in experiment.claims]
    if any(d for _, d in found):
        lines += ["", "| claim | here | lower by, mm | verdict |", "|---|---|---|---|"]
        for claim, d in found:
            if d:
                interval = f" ± {d.half:.2f}" if d.seeds > 1 else ""
                rows = f"{claim.better} < {claim.worse}" + (f" ({claim.split})" if claim.split != "test" else "")
                lines.append(f"| {claim.says} | {rows} | {d.mean:.2f}{interval} ({d.share:+.1%}) | {d.verdict} |")
    return "\n".join(line for line in lines if line is not None) + "\n"


def difference(claim: Claim, done: Mapping[str, Sequence[Mapping[str, Any]]]) -> Difference | None:
    """The claim's difference over the seeds that both rows have; None where there are none."""
    by_seed = [
        {run["seed"]: run[claim.split][claim.metric] for run in done.get(row, ()) if claim.split in run}
        for row in (claim.better, claim.worse)
    ]
    seeds = sorted(set(by_seed[0]) & set(by_seed[1]))
    if not seeds:
        return None
    worse = np.array([by_seed[1][seed] for seed in seeds])
    gain = worse - np.array([by_seed[0][seed] for seed in seeds])
    return Difference(float(gain.mean()), half_interval(gain), float(gain.mean() / worse.mean()), len(seeds))


def half_interval(values: Sequence[float] | np.ndarray) -> float:
    """Half the width of Student's 95 % interval of the mean; NaN for a single value."""
    values = np.asarray(values)
    if len(values) < 2:
        return float("nan")
    return float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def space_section(numbers: Mapping[str, Any], page: Path, images: Path) -> str:
    """What `hand-pose-train space` found, with its pictures."""
    means, samples = numbers["modality"]["means"], numbers["modality"]["samples"]
    rates, within = numbers["retrieval"], numbers["within"]
    lines = [
        f"## From within: {numbers['title']}\n",
        f"Row `{numbers['row']}`, seed {numbers['seed']}, on {numbers['hands']} test hands.\n",
        "**Do modalities meet?** A classifier is shown a latent and names the modality it came from; chance, "
        f"{means['chance']:.1%}, is the goal. Of samples of the posteriors a linear one is right in "
        f"{samples['linear']:.1%}, one that asks the nearest neighbours in {samples['neighbours']:.1%}; of the "
        f"posteriors' means, which tell how much a modality leaves open, in {means['linear']:.1%} and "
        f"{means['neighbours']:.1%}.\n",
        f"**Is a hand found again?** Share of hands whose own posterior from the column's modality is among the "
        f"{within} of {numbers['retrieved']} that overlap most with the row's (by chance "
        f"{within / numbers['retrieved']:.1%}):\n",
        "| from \\ to | " + " | ".join(rates) + " |",
        "|---" * (len(rates) + 1) + "|",
    ]
    for source, to in rates.items():
        lines.append(f"| {source} | " + " | ".join(f"{to[m]:.0%}" if m in to else "" for m in rates) + " |")
    lines += [
        "\n**Is what is sampled a hand?** Share that keeps the limits measured on training hands (bone lengths, the "
        "palm's shape, joint angles), %; by how much the limits are left, in hundredths of a palm's length or "
        "radian (joint angles a tenth); and how far the nearest training hand is, palms laid over each other:\n",
        "| | bones | palm | bends | all at once | mean violation | nearest hand, mm |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, v in numbers["validity"].items():
        cells = " | ".join(f"{v[key]:.1f}" for key in ("bones", "palm", "bends"))
        lines.append(
            f"| {name} | {cells} | {v['all']:.1f} ({v['low']:.1f} to {v['high']:.1f}) | {v['violation']:.2f} "
            f"| {v['nearest']:.1f} |"
        )
    covered = numbers["coverage"]
    lines.append(
        f"\nThe other way round, from test hands, the nearest of {SAMPLES:,} samples is {covered['samples']:.1f} mm "
        f"away, of as many training hands {covered['known']:.1f} mm."
    )
    pictures = {
        "space_walk.png": "A walk from an open hand to a fist, decoded in every modality",
        "space_samples.png": "Hands drawn from the posteriors of one hand, the true one in black",
        "space_tsne.png": "t-SNE of the latent means",
    }
    for name, text in pictures.items():
        if (images / name).exists():
            lines.append(f"\n![{text}]({(images / name).relative_to(page.parent)})")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float], digits: int) -> str:
    if not values:
        return "–"
    half = f" ± {half_interval(values):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{half}"


def _pictures(experiment: Experiment, done: Mapping[str, Sequence[Mapping[str, Any]]], images: Path, page: Path) -> str:
    images.mkdir(parents=True, exist_ok=True)
    curves = {
        name: {key: np.mean([run["test"][key] for run in runs], axis=0) for key in ("pck", "pcf")}
        for name, runs in done.items()
    }
    paths = [(plot_thresholds(curves, images / f"results_{experiment.name}.png"), "PCK and PCF")]
    if experiment.lines:
        lines = {}
        for label, names in experiment.lines.items():
            points = [
                (experiment.rows[n].labelled, [r["test"]["mean_mm"] for r in done[n]]) for n in names if n in done
            ]
            lines[label] = [(share, float(np.mean(mm)), half_interval(mm)) for share, mm in points]
        paths.append((plot_lines(lines, images / f"results_{experiment.name}_labelled.png"), "Error by labelled share"))
    links = [f"![{text}: {experiment.title}]({path.relative_to(page.parent)})" for path, text in paths]
    return "\n" + "\n\n".join(links) + "\n"
