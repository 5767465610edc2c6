"""The analysis of a model's errors as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from hand_pose_ros import overlay
from hand_pose_ros.evaluate import VIEWS
from hand_pose_ros.overlay import Picture
from hand_pose_ros.reports import charts
from hand_pose_ros.reports.analysis import Analysis, SetError
from hand_pose_ros.reports.corrections import AS_IT_IS, CORRECTIONS
from hand_pose_ros.reports.page import build_page, data_url, section, table_rows
from hand_pose_ros.skeleton import JOINT_NAMES

Worst = Mapping[str, Sequence[tuple[str, list[Picture]]]]


def build_analysis_page(analysis: Analysis, worst: Worst, setup: Mapping[str, str]) -> str:
    """worst: pictures of the worst frames by set, each with a caption. setup: what was run, for the page's foot."""
    parts = [
        section(
            "The sets",
            "Mean joint errors in mm. Along and across split the absolute error by the ray to each true joint.",
            _sets_table(analysis),
        ),
        section(
            "What the errors are made of",
            "Wrist-relative mean in mm when one kind of mistake is taken out of the same predictions. Each column is "
            "an experiment of its own, so gains do not add up."
            + (
                " Below, the difference to the synthetic set that was looked at in the same way: what stays in the "
                "last columns is the gap of the domain, and of poses that are harder."
                if analysis.synthetic
                else " With --synthetic, the gap of the domain is told apart too."
            ),
            _corrections_table(analysis),
        ),
    ]
    for name, one in analysis.sets.items():
        parts += _set_sections(name, one, worst.get(name, ()))
    parts.append(section("What was run", "", f"<table>{table_rows(setup)}</table>"))
    lead = (
        "Where the model errs, and what kind of error it is. Bars have 95 % intervals over frames; frames of one video "
    )
    return build_page("Error analysis", f"{lead}resemble each other, so true intervals are wider.", "\n".join(parts))


def _set_sections(name: str, one: SetError, worst: Sequence[tuple[str, list[Picture]]]) -> list[str]:
    colours = [
        f"rgb({r},{g},{b})" if joint else "var(--muted)" for joint, (r, g, b) in enumerate(overlay.joint_colours())
    ]
    gains = {name: (value, np.nan, np.nan, np.nan) for name, value in one.gains_mm().items() if value > 0}
    excesses = {name: (value, np.nan, np.nan, np.nan) for name, value in list(one.excesses_mm().items())[:8]}
    groups = {
        kind: {
            f"{group} ({error.frames})": (
                error.mean_mm["wrist-relative"],
                *error.interval_mm["wrist-relative"],
                error.mean_mm["aligned"],
            )
            for group, error in named.items()
        }
        for kind, named in one.groups.items()
    }
    pictures = "".join(
        "<figure>"
        + "".join(f'<img src="{data_url(tile)}" alt="">' for tile in tiles)
        + f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, tiles in worst
    )
    return [
        section(
            f"{name}: what would move it most",
            "How much the wrist-relative mean would fall if a kind of mistake were gone, and how much a group of "
            "frames or joints adds to it over the rest. All three are position, scale and rotation; all four, "
            "definition too.",
            charts.interval_chart(
                {"without mistakes of": gains, "if the group were as the rest": excesses},
                x_label="mm",
                names=("gain", ""),
            ),
        ),
        section(
            f"{name}: by circumstance",
            "From the true joints. A joint is hidden where the depth picture shows something before it, and without "
            "depth where another bone of the hand is before it. In brackets the number of frames.",
            charts.interval_chart(groups, x_label="mm", names=("relative to the wrist", "aligned")),
        ),
        section(
            f"{name}: by joint",
            "Relative to the wrist.",
            charts.bar_chart(
                [joint.replace("_", " ") for joint in JOINT_NAMES],
                one.per_joint_mm["wrist-relative"],
                one.per_joint_mm["aligned"],
                y_label="mm",
                colours=colours,
                tick_name="aligned",
            )
            + _joints_table(one),
        ),
        section(
            f"{name}: worst frames",
            "The estimate in colours, the truth in white; depth with 90 % ellipses; the estimate from the front and "
            "from the right.",
            pictures,
        ),
    ]


def _sets_table(analysis: Analysis) -> str:
    head = (
        "looking at",
        "frames",
        "hands",
        *VIEWS,
        "along the ray",
        "across it",
        "best scale",
        "turned by, °",
        "right sides only",
    )
    rows = []
    for name, one in analysis.sets.items():
        numbers = [
            *(one.views_mm[view] for view in VIEWS),
            one.along_ray_mm,
            one.across_ray_mm,
            float(np.nanmedian(one.fit.scale)),
            float(np.nanmedian(one.fit.angle_deg)),
            one.right_side_mm,
        ]
        formats = ["{:.1f}"] * 5 + ["{:.3f}", "{:.1f}", "{:.1f}"]
        cells = [
            one.modalities,
            str(one.frames),
            str(one.found),
            *(f.format(n) for f, n in zip(formats, numbers, strict=True)),
        ]
        rows.append((_marked(analysis, name), cells))
    note = (
        "Best scale and rotation about the wrist are medians over frames, each alone. The last column is relative to "
        "the wrist, over frames whose side was recognised."
    )
    return _table(head, rows) + f"<p>{note}</p>"


def _corrections_table(analysis: Analysis) -> str:
    rows = [
        (_marked(analysis, name), [f"{one.corrected_mm[kind]:.1f}" for kind in CORRECTIONS])
        for name, one in analysis.sets.items()
    ]
    for name, gaps in analysis.domain_gap_mm().items():
        rows.append((f"{name} − synthetic", [f"{gaps[kind]:+.1f}" for kind in CORRECTIONS]))
    meanings = {kind: meaning for kind, meaning in CORRECTIONS.items() if kind != AS_IT_IS}
    return (
        _table(tuple(CORRECTIONS), rows)
        + f"<details><summary>What each experiment does</summary><table>{table_rows(meanings)}</table></details>"
    )


def _joints_table(one: SetError) -> str:
    rows = [
        (
            joint,
            [
                *(f"{one.per_joint_mm[view][index]:.1f}" for view in VIEWS),
                *(f"{value:+.1f}" for value in one.offsets_mm[index]),
                f"{np.linalg.norm(one.offsets_mm[index]):.1f}",
            ],
        )
        for index, joint in enumerate(JOINT_NAMES)
    ]
    head = (*VIEWS, "offset along", "to the thumb", "out of the back", "its length")
    return (
        "<details><summary>Figures per joint, mm, and the constant offset of truth from estimate in the hand's frame"
        f"</summary>{_table(head, rows)}</details>"
    )


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in ("", *head))
    body = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for name, cells in rows
    )
    return f'<table class="figures"><tr>{top}</tr>{body}</table>'


def _marked(analysis: Analysis, name: str) -> str:
    return f"{name} (synthetic)" if name in analysis.synthetic else name
