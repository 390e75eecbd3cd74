"""The newest time per grid point of every cell as bars: a card for each component, a table for each domain and mix."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from ice3_bench.show.remarks import marks
from ice3_bench.text import count, significant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ice3_bench.history.newest import Last
    from ice3_bench.show.page.commits import Commits


def bars(newest: Sequence[Last], commits: Commits) -> list[dict[str, Any]]:
    """Return components, in each its tables, and in each table its bars, the shortest first.

    Parameters
    ----------
    newest
        In the order of the table.
    """
    common = shared(newest)
    return [
        {
            "component": component,
            "tables": [
                {"heading": heading, "bars": _table(list(rows), common, commits)}
                for heading, rows in groupby(group, key=_weather)
            ],
        }
        for component, group in groupby(newest, key=lambda one: one.result.name.component)
    ]


def shared(newest: Sequence[Last]) -> list[str]:
    """Return the conditions that all results have in common, which are said once."""
    first, *others = [_conditions(one) for one in newest] or [[]]
    return [words for words in first if all(words in other for other in others)]


def _weather(one: Last) -> str:
    name = one.result.name
    return " ".join(filter(None, (name.extent, name.mix)))


def _table(rows: Sequence[Last], common: Sequence[str], commits: Commits) -> list[dict[str, Any]]:
    longest = max((one.result.per_point or 0.0 for one in rows), default=0.0)
    return [_bar(one, longest, common, commits) for one in rows]


def _bar(one: Last, longest: float, common: Sequence[str], commits: Commits) -> dict[str, Any]:
    report, benchmark = one.result.report, one.result.benchmark
    time = one.result.per_point
    return {
        "cell": report.cell,
        "gpu": report.device == "gpu",
        "marks": ", ".join(marks(report, benchmark)),
        "time": "failed" if time is None else f"{significant(time, 3)} ns",
        "width": f"{100.0 * (time or 0.0) / longest:.1f}" if longest else "0",
        "change": _change(one),
        "where": ", ".join(words for words in _conditions(one) if words not in common),
        "commit": commits.of(report.commit),
    }


def _conditions(one: Last) -> list[str]:
    report = one.result.report
    protocol = report.protocol
    return [
        f"{report.created:%Y-%m-%d}",
        report.machine.testbed,
        *([count(protocol.threads, "thread")] if report.device == "cpu" else []),
        *([] if protocol.profile == "production" else [f"profile {protocol.profile}"]),
        *([] if one.result.name.is_data else [protocol.weather]),
    ]


def _change(one: Last) -> dict[str, str]:
    """Return the change since the last comparable run in words, and whether it exceeds the spread of the rounds."""
    if one.change is None:
        return {"text": "first run", "kind": "soft"}
    relative, spread = one.change.relative, one.change.spread
    kind = "soft" if abs(relative) <= spread else "bad" if relative > 0.0 else "good"
    sign = {"soft": "", "bad": "▲ ", "good": "▼ "}[kind]
    return {"text": f"{sign}{100 * relative:+.1f} ± {100 * spread:.1f} %", "kind": kind}


def cells(newest: Iterable[Last], others: Iterable[str]) -> list[str]:
    """Return all cells of the page, sorted."""
    return sorted({*(one.result.report.cell for one in newest), *others})
