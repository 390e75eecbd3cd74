"""The local history as one self-contained HTML page.

On top are the newest times of all cells, then the changes of level, every series, a comparison of two runs, and all
numbers of the newest runs. Bars and tables are in the page itself. Its script draws the series and compares runs, so
both need JavaScript. Every name comes from a report and is escaped: by Jinja in the page, and by the script, which
writes text only.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2

from ice3_bench.measures import MEASURES, written
from ice3_bench.show.page.bars import bars, cells, shared
from ice3_bench.show.page.curves import compressed, curves
from ice3_bench.show.remarks import marks, remarks
from ice3_bench.text import count, duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ice3_bench.history.checks import Check
    from ice3_bench.history.newest import Last
    from ice3_bench.history.series import Series
    from ice3_bench.report import Benchmark, Report
    from ice3_bench.settings.policy import Threshold
    from ice3_bench.show.page.commits import Commits

COLUMNS = ("bandwidth", "peak-memory", "transfer-in", "transfer-out", "compile-time", "energy-per-mpoint", "accuracy")
"""Measures in the tables of the newest runs besides the latency, as far as a cell has them."""


@dataclass(frozen=True)
class Latest:
    """The last report of a cell and its checks."""

    report: Report
    checks: Sequence[Check]


def page(
    series: Sequence[Series],
    newest: Sequence[Last],
    latest: Sequence[Latest],
    thresholds: Mapping[str, Threshold],
    commits: Commits,
    now: datetime,
) -> str:
    """Return the page.

    Parameters
    ----------
    series
        Series of one branch, sorted by benchmark.
    newest
        The newest result of every benchmark on every machine, in the order of the table.
    latest
        The last report of each cell.
    thresholds
        The policy whose limits are drawn.
    now
        The time that the page states.
    """
    files = resources.files("ice3_bench.show.page")

    def part(name: str) -> str:
        return files.joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(part("page.html")).render(
        branch=series[0].branch,
        now=f"{now:%Y-%m-%d %H:%M}",
        components=bars(newest, commits),
        conditions=", ".join(shared(newest)),
        gpu=any(one.result.report.device == "gpu" for one in newest),
        cells=cells(newest, [*(one.report.cell for one in latest), *(one.latest.cell for one in series)]),
        measures=list(dict.fromkeys(one.key.measure for one in series)),
        latest=[_cell(one, commits) for one in latest],
        changes=_changes(series, commits),
        groups=_groups(series),
        curves=compressed(curves(series, thresholds, commits.told, commits.address)),
        style=part("page.css"),
        script=part("page.js"),
    )


def _groups(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Return the series by benchmark, machine and settings."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for number, one in enumerate(series):
        machine = one.latest.machine.testbed
        group = groups.setdefault(
            (one.key.benchmark, one.key.comparability),
            {"benchmark": one.key.benchmark, "machine": machine, "cell": one.latest.cell, "plots": []},
        )
        group["plots"].append(
            {
                "number": number,
                "measure": one.key.measure,
                "last": written(one.key.measure, one.values[-1]),
                "verdict": one.verdict(),
                "runs": len(one.points),
            }
        )
    return list(groups.values())


def _changes(series: Sequence[Series], commits: Commits) -> list[dict[str, Any]]:
    """Group the changes of level by the commits that they lie between, newest first."""
    found: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for one in series:
        for point in one.detection.changes:
            before, after = one.points[point.index - 1], one.points[point.index]
            group = found.setdefault(
                (before.commit, after.commit),
                {
                    "before": commits.link(before.commit),
                    "after": commits.link(after.commit),
                    "difference": commits.difference(before.commit, after.commit),
                    "at": after.created,
                    "lines": [],
                },
            )
            line = {"text": one.sentence(point), "worse": one.worse(point)}
            group["lines"].append({**line, "cell": one.latest.cell, "measure": one.key.measure})
    return sorted(found.values(), key=lambda group: group["at"], reverse=True)


def _cell(latest: Latest, commits: Commits) -> dict[str, Any]:
    report = latest.report
    machine = report.machine
    found = {name for benchmark in report.benchmarks for name in benchmark.measures}
    shown = [name for name in COLUMNS if name in found]
    return {
        "cell": report.cell,
        "testbed": machine.testbed,
        "machine": f"{machine.cpu}, {machine.device or count(machine.cores, 'core')}",
        "threads": f"{count(report.protocol.threads, 'thread')}, {report.protocol.weather}",
        "commit": commits.of(report.commit),
        "branch": report.commit.branch or "no branch",
        "created": f"{report.created:%Y-%m-%d %H:%M}",
        "headings": ["latency", "wall", "per point", *(MEASURES[name].label for name in shown)],
        "rows": [
            _row(report, one, shown, [c for c in latest.checks if c.benchmark == one.name]) for one in report.benchmarks
        ],
        "remarks": remarks(report),
        "beyond": [f"{c.label} {c.measure}: {c.reason}" for c in latest.checks if c.violation],
    }


def _row(report: Report, benchmark: Benchmark, shown: Sequence[str], checks: Sequence[Check]) -> dict[str, Any]:
    measures = benchmark.measures
    made = sum(check.verdict != "unchecked" for check in checks)
    beyond = [check.measure for check in checks if check.violation]
    near = [check.measure for check in checks if check.near]
    fine = f"✓ {made} of {len(checks)}" + (f", near a limit: {', '.join(near)}" if near else "")
    latency = measures.get("latency")

    def value(measure: str) -> str:
        absent = "not checked" if measure == "accuracy" else "–"
        return written(measure, measures[measure].value) if measure in measures else absent

    return {
        "label": benchmark.label,
        "error": benchmark.error,
        "marks": ", ".join(marks(report, benchmark)),
        "cells": [
            value("latency"),
            duration(statistics.median(benchmark.rounds.wall_ns)) if benchmark.rounds else "–",
            f"{latency.value / benchmark.points:.2f} ns" if latency else "–",
            *map(value, shown),
        ],
        "beyond": beyond,
        "colour": "bad" if beyond else "near" if near else "good" if made else "soft",
        "history": "✗ " + ", ".join(beyond) if beyond else fine if made else "not checked",
        "reasons": "\n".join(f"{check.measure}: {check.reason}" for check in checks),
    }
