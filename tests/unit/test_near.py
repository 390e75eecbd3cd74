"""Green, yellow, red: a value in the last fifth before its limit is shown wherever limits are, and fails nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_bench.bencher.answer import Line, Outcome
from ice3_bench.github.comment import Content, comment
from ice3_bench.history.checks import check, summary
from ice3_bench.history.store import History
from ice3_bench.history.thresholds import Boundary
from ice3_bench.report import Commit, Metric
from ice3_bench.show.console import make_console
from ice3_bench.show.page.document import _row
from ice3_bench.show.tables import results_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings


@pytest.mark.parametrize(
    ("baseline", "lower", "upper", "value", "side"),
    [
        (100.0, None, 125.0, 119.9, None),
        (100.0, None, 125.0, 120.0, "upper"),
        (100.0, None, 125.0, 125.0, "upper"),
        (100.0, None, 125.0, 125.1, None),  # beyond: red, not yellow
        (100.0, 75.0, None, 80.0, "lower"),
        (100.0, 75.0, None, 81.0, None),
        (100.0, 75.0, None, 130.0, None),  # on the other side
        (100.0, 90.0, 125.0, 91.0, "lower"),
        (100.0, None, 100.0, 100.0, None),  # no way at all: nothing is near
        (None, None, 10.0, 8.1, "upper"),  # static
        (None, 2.0, None, 2.1, None),
        (None, 2.0, 12.0, 10.1, "upper"),
        (None, 2.0, 12.0, 3.9, "lower"),
        (100.0, None, None, 100.0, None),
    ],
)
def test_the_last_fifth_before_a_limit(
    baseline: float | None, lower: float | None, upper: float | None, value: float, side: str | None
) -> None:
    assert Boundary(baseline, lower, upper, 5).near(value) == side
    line = {"baseline": baseline, "lower_limit": lower, "upper_limit": upper, "value": value, "threshold": True}
    alert = Boundary(baseline, lower, upper, 5).crossed(value)
    told = Line.model_validate({"benchmark": "b", "measure": "latency", "units": "", "alert": alert, **line})
    assert told.near == (side is not None)
    if side is not None:
        assert told.near_limit == {"lower": lower, "upper": upper}[side]


def test_a_limit_that_is_tighter_than_what_counts_is_not_near() -> None:
    """Values on a quiet machine vary by more than a fifth of tiny limits."""
    drawn = Boundary(100.0, None, 100.1, 12)
    assert drawn.near(100.09) == "upper"
    counts = drawn.at_least(0.03)
    assert [counts.near(value) for value in (100.09, 102.0, 102.5, 103.0)] == [None, None, "upper", "upper"]
    assert Boundary(None, None, 5.0, 12).at_least(0.03).upper == 5.0
    assert Boundary(100.0, None, 120.0, 12).at_least(0.03).upper == 120.0


def filled(make_report: Callable[..., Report], path: Path) -> tuple[History, Report]:
    """Return a history whose memory is 36 MB with 2 % allowed, and a report with 1.7 % more."""
    history = History(path)
    with history:
        for number in range(3):
            history.add(make_report(commit=Commit(hash=f"{number:040x}", branch="main")))
    report = make_report()
    report.benchmarks[0].measures["peak-memory"] = Metric(value=1.017 * 36e6)
    return history, report


def test_the_table_and_the_page_show_it_and_it_is_no_violation(
    make_report: Callable[..., Report], tmp_path: Path, settings: Settings
) -> None:
    history, report = filled(make_report, tmp_path / "history.db")
    with history:
        checks = check(report, history, settings)
    memory = next(one for one in checks if one.measure == "peak-memory")
    assert (memory.verdict, memory.violation, memory.near) == ("fine", False, True)
    assert memory.reason.startswith("36.6 MB is in the last fifth before 36.7 MB, the limit by percentage")
    assert any(line.startswith("Near a limit: ice_adjust 50x50x60 peak-memory: 36.6 MB") for line in summary(checks))
    console = make_console()
    with console.capture() as captured:
        console.print(results_table(report, {}, checks))
    assert "near a limit" in " ".join(captured.get().replace("│", " ").split())
    row = _row(report, report.benchmarks[0], (), checks)
    assert (row["colour"], row["history"]) == ("near", "✓ 2 of 3, near a limit: peak-memory")
    assert _row(report, report.benchmarks[0], (), [])["colour"] == "soft"


@pytest.mark.parametrize(
    ("value", "mark", "told"),
    [
        (110.0, "🟢", "🟢 No alert on 1 testbed, 1 of 1 value tested."),
        (121.0, "🟡", "🟡 No alert on 1 testbed, 1 of 1 value tested, 1 near a limit."),
        (130.0, "🔴", "🔴 **1 alert** on 1 testbed, 1 of 1 value tested."),
    ],
)
def test_the_comment_has_three_colours(settings: Settings, value: float, mark: str, told: str) -> None:
    alert = "upper" if value > 125.0 else None
    line = Line(
        benchmark="b", measure="latency", units="", value=value, baseline=100.0, upper_limit=125.0, threshold=True,
        alert=alert,
    )  # fmt: skip
    outcome = Outcome(
        report="r", project="ice3", public=True, branch="topic", testbed="node", lines=[line], alerts=int(bool(alert))
    )
    text = comment(Content("c" * 40, settings.bencher, [outcome]))
    assert told in text
    assert f"| {mark} | b | latency |" in text
    assert ("### Near a limit" in text) == (mark == "🟡")
    assert ("### Alerts" in text) == (mark == "🔴")
