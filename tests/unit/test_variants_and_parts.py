"""Variants and parts have one name each, in the table, the history, the page and a comparison."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ice3_bench.cell.probe import benchmarks_of
from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Compared, Comparison
from ice3_bench.history.series import collect
from ice3_bench.history.store import History
from ice3_bench.names import BenchmarkName
from ice3_bench.show.comparison import comparison_markdown
from ice3_bench.show.page.commits import Commits
from ice3_bench.show.page.document import page
from ice3_bench.show.tables import results_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

CHOSEN = {
    "ice_adjust:modular": ["ice_adjust:modular 50x50x60"],
    **{
        part: [f"{part} 50x50x60 {mix}" for mix in ("rich", "typical", "sparse")]
        for part in ("rain_ice:sedimentation", "rain_ice:tendencies")
    },
}
DOMAIN = (50, 50, 60)


@pytest.fixture
def report(make_report: Callable[..., Report], settings: Settings) -> Report:
    """A report with every variant and part, each of 1.5 ms."""
    (whole,) = make_report(latency=1.5e6).benchmarks
    chosen = benchmarks_of(settings.cell_by_id("gt_cpu_ifirst-float64"), [DOMAIN], tuple(CHOSEN))
    return make_report(
        benchmarks=[whole.model_copy(update={"name": one.name, "component": one.component}) for one in chosen]
    )


@pytest.mark.parametrize("component", CHOSEN)
def test_the_table_has_them_with_their_time_per_point(report: Report, component: str) -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(results_table(report, {}))
    lines = [line for line in captured.get().splitlines() if component in line]
    assert [line.split("│")[1].strip() for line in lines] == CHOSEN[component]
    assert all("10.00" in line for line in lines)  # ns per point: 1.5 ms for 150 000 points


def test_history_and_page_have_a_series_for_each(report: Report, settings: Settings, tmp_path: Path) -> None:
    labels = [label for group in CHOSEN.values() for label in group]
    with History(tmp_path / "history.db") as history:
        history.add(report)
        names = dict.fromkeys(key.benchmark for key in history.series())
        series = collect(history, None, settings.bencher.base_branch, measures=list(settings.history.thresholds))
    assert [BenchmarkName.parse(name).label for name in names] == sorted(labels)
    text = page(series, [], [], settings.history.thresholds, Commits(), datetime(2026, 5, 4, tzinfo=UTC))
    assert all(f"<h3>{name} on laptop</h3>" in text for name in names)


def test_a_comparison_has_them_too(report: Report) -> None:
    lines = [BenchmarkComparison(name=one.name, component=one.component) for one in report.benchmarks]
    cell = CellComparison(cell=report.cell, benchmarks=lines)
    sides = Compared(name="main", commit="0" * 40), Compared(name="worktree", commit="1" * 40)
    text = comparison_markdown(Comparison(base=sides[0], contender=sides[1], calibration="", cells=[cell]))
    assert all(f"| {one.name} |" in text for one in report.benchmarks)
