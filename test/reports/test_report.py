"""The report of a live run: figures, pictures and charts, in one file that asks for nothing else."""

import re
import xml.dom.minidom

import numpy as np
import pytest

from hand_pose_ros.predict import Predictions
from hand_pose_ros.reports import charts, report
from hand_pose_ros.reports.live_run import LiveRun
from hand_pose_ros.types import PinholeCamera, RgbdFrame

CAMERA = PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240)
FRAME = RgbdFrame(CAMERA, np.full((240, 320, 3), 90, np.uint8), np.full((240, 320), 0.5, np.float32))


def make_run(count: int = 30, *, truth: bool = True, hands: bool = True) -> LiveRun:
    """Errors that grow with time; the third frame dropped, the fourth without a hand."""
    generator = np.random.default_rng(0)
    true_m = generator.normal((0.0, 0.0, 0.5), 0.04, size=(count, 21, 3))
    sigma = np.linspace(0.001, 0.01, count)[:, None, None]
    joints_m = true_m + sigma * generator.normal(size=true_m.shape)
    cov = np.broadcast_to(np.eye(3), (count, 21, 3, 3)) * sigma[..., None] ** 2
    answered, found = np.arange(count) != 2, ~np.isin(np.arange(count), (2, 3)) & hands
    joints_m[~found], cov[~found] = np.nan, np.nan
    latency = np.where(answered, np.linspace(4.0, 8.0, count), np.nan)
    predictions = Predictions(
        np.arange(count).astype(np.str_), joints_m, cov, np.where(found, "right", ""), np.full(count, 0.9), latency
    )
    return LiveRun(
        predictions,
        answered,
        latency / 2,
        np.arange(count) / 30,
        true_m if truth else np.full_like(true_m, np.nan),
        {index: true_m[index] for index in range(0, count, 2)},
        ("test-hand", "1.2.3", "abcdef0123456789"),
        {"hand_pose: model": {"message": "all <well>", "provider": "CPUExecutionProvider"}},
    )


def test_figures() -> None:
    figures = report.summary(make_run())
    assert (figures["frames"], figures["answered"], figures["dropped"], figures["hands"]) == (30, 29, 1, 28)
    assert figures["error_absolute_mm"] == pytest.approx(8.8, abs=0.7)
    assert 5.0 < figures["latency_median_ms"] < figures["latency_p99_ms"] <= 8.0
    text = report.summary_text(figures)
    assert "28 of 30 frames, 1 frames dropped" in text and "relative to the wrist" in text


def test_shown_frames_go_from_best_to_worst() -> None:
    run = make_run()
    shown = report.choose_shown(run)
    errors = np.nanmean(run.errors_mm()["wrist-relative"], axis=1)
    assert (
        len(shown) == report.SHOWN and errors[shown[0]] == np.nanmin(errors) and errors[shown[-1]] == np.nanmax(errors)
    )
    assert list(errors[shown]) == sorted(errors[shown])


def test_shown_frames_without_truth_or_hands_spread_over_time() -> None:
    assert report.choose_shown(make_run(truth=False)) == sorted(report.choose_shown(make_run(truth=False)))
    assert len(report.choose_shown(make_run(truth=False, hands=False))) == report.SHOWN
    assert report.choose_shown(make_run(5)) and len(report.choose_shown(make_run(5))) <= 3


def test_expected_errors_are_those_of_the_covariance() -> None:
    run = make_run(3000)
    measured, expected = run.errors_mm()["absolute"], report.expected_error_mm(run)
    assert np.nanmean(expected) == pytest.approx(np.nanmean(measured), rel=0.02)


@pytest.mark.parametrize(("truth", "hands"), [(True, True), (False, True), (False, False), (True, False)])
def test_the_page_is_self_contained_and_whole(truth: bool, hands: bool) -> None:
    run = make_run(truth=truth, hands=hands)
    page = report.build_report(run, dict.fromkeys(report.choose_shown(run), FRAME), source="my <bag>")
    assert "my &lt;bag&gt;" in page and "all &lt;well&gt;" in page and "test-hand" in page
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script|https?://""", page)
    assert ("Error per joint" in page) == (truth and hands)
    assert page.count("data:image/jpeg;base64,") == 4 * len(report.choose_shown(run))
    assert ">nan<" not in page.lower().replace("<td>nan</td>", "") or not truth
    for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        xml.dom.minidom.parseString(drawing)
        assert "nan" not in drawing and "inf" not in drawing


def test_frames_of_one_stream_are_shown_too() -> None:
    run = make_run()
    for frame in (RgbdFrame(CAMERA, rgb=FRAME.rgb), RgbdFrame(CAMERA, depth_m=FRAME.depth_m)):
        page = report.build_report(run, dict.fromkeys(report.choose_shown(run), frame), source="x")
        assert page.count("<figure>") == report.SHOWN


def test_lines_are_interrupted_where_values_are_missing() -> None:
    x = np.arange(5.0)
    drawing = charts.line_chart(
        x, {"a": np.array([1.0, 2.0, np.nan, 3.0, 4.0])}, x_label="s", y_label="mm", colours=["red"]
    )
    assert re.search(r'd="([^"]*)"', drawing).group(1).count("M") == 2


def test_histograms_hold_every_value() -> None:
    values = np.concatenate([np.random.default_rng(0).exponential(5.0, 500), [1000.0, np.nan]])
    drawing = charts.histogram(values, x_label="ms", y_label="frames", marks={"median": 3.5, "p99": 20.0})
    bars = [float(height) for height in re.findall(r'<rect[^>]*height="([\d.]+)"', drawing)]
    top = float(re.findall(r'text-anchor="end">([\d.]+)<', drawing)[2])
    plot_height = charts.HEIGHT - charts.BOTTOM - charts.TOP
    assert sum(bars) / plot_height * top == pytest.approx(501, abs=2)
    assert "median 3.5" in drawing and "p99 20.0" in drawing


def test_charts_of_nothing_are_drawn_empty() -> None:
    nothing = np.full(4, np.nan)
    assert "<path" in charts.line_chart(np.arange(4.0), {"a": nothing}, x_label="", y_label="", colours=["red"])
    assert "<rect" not in charts.histogram(nothing, x_label="", y_label="", marks={})
    assert "<rect" not in charts.bar_chart(["a"] * 4, nothing, nothing, y_label="", colours=["red"] * 4, tick_name="t")


@pytest.mark.parametrize(
    ("value", "ceiling"), [(0.9, 1), (1, 1), (1.1, 2), (2.2, 2.5), (30, 50), (99, 100), (0, 1), (0.07, 0.1)]
)
def test_axes_end_on_round_numbers(value: float, ceiling: float) -> None:
    assert charts.nice_ceiling(value) == pytest.approx(ceiling)
