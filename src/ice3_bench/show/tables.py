"""The tables of results and of the history, on the console."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ice3_bench.history.checks import change
from ice3_bench.measures import MEASURES, written
from ice3_bench.show.console import Fitting
from ice3_bench.show.remarks import marks, remarks
from ice3_bench.text import changed, count, duration, number, short, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ice3_bench.history.checks import Check
    from ice3_bench.history.series import Series
    from ice3_bench.report import Benchmark, Report


def results_table(report: Report, previous: Mapping[str, Report], checks: Sequence[Check] = ()) -> Group:
    """Make the table of a cell's results, with the remarks on them below.

    Compile times are shown if something was compiled, and marks if there are any.

    Parameters
    ----------
    previous
        The last comparable run of each benchmark that has one, by benchmark: changes are against these.
    """
    how = f"{count(report.protocol.threads, 'thread')}, {report.protocol.weather}"
    table = Table(title=f"{report.cell} on {report.machine.testbed}, {how}", title_justify="left")
    table.add_column("benchmark", no_wrap=True)
    headings = _headings(report)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "marked" else "right")
    before = {name: one for name, run in previous.items() for one in run.benchmarks if one.name == name}
    for benchmark in report.benchmarks:
        own = [check for check in checks if check.benchmark == benchmark.name]
        cells = {"marked": Text("\n".join(marks(report, benchmark)), style="bold yellow")}
        if benchmark.error is not None:
            cells["latency"] = Text("failed", style="red")
        else:
            cells |= _cells(benchmark, before.get(benchmark.name), own)
            cells["history"] = _history(own)
        table.add_row(benchmark.label, *(cells.get(heading, Text()) for heading in headings))
    return Group(Fitting(table), *map(Text, remarks(report)))


def _headings(report: Report) -> list[str]:
    memory = ("of copy", "to device", "back") if report.device == "gpu" else ("of triad",)
    compiled = any("compile-time" in benchmark.measures for benchmark in report.benchmarks)
    marked = any(marks(report, benchmark) for benchmark in report.benchmarks)
    return [
        *("latency", "wall", "ns/point", "Mpoint/s", *memory, "peak memory"),
        *(["compile"] if compiled else []),
        "error",
        *(["marked"] if marked else []),
        *("change", "history"),
    ]


def _history(checks: Sequence[Check]) -> Text:
    """Name the measures of a benchmark that are beyond their limits, or those that were checked and those near one."""
    words = {check.measure: MEASURES[check.measure].label.removeprefix("peak ") for check in checks}
    beyond = [words[check.measure] for check in checks if check.violation]
    if beyond:
        return Text("✗ " + ", ".join(beyond), style="red")
    made = [words[check.measure] for check in checks if check.verdict != "unchecked"]
    if not made:
        return Text("not checked", style="dim")
    near = [words[check.measure] for check in checks if check.near]
    close = f"; near a limit: {', '.join(near)}" if near else ""
    return Text(f"✓ {', '.join(made)}{close}", style="yellow" if near else "green")


def _cells(benchmark: Benchmark, before: Benchmark | None, checks: Sequence[Check]) -> dict[str, Text]:
    """Return the cells of a line by their headings, including those for other devices."""
    measures = benchmark.measures
    styles = {
        check.measure: "red" if check.violation else "yellow" for check in checks if check.violation or check.near
    }

    def of(measure: str) -> Text:
        if measure not in measures:
            return Text("–")
        return Text(written(measure, measures[measure].value), style=styles.get(measure, ""))

    latency = measures.get("latency")
    if latency is not None:
        time = Text(span(latency.value, latency.upper_value), style=styles.get("latency", ""))
        per_point = number(latency.value / benchmark.points, ".2f")
        rate = number(1e3 * benchmark.points / latency.value, ".2f")
    else:
        time, per_point, rate = Text("–"), "–", "–"
    error = of("accuracy") if "accuracy" in measures else Text("not checked", style="dim")
    if "wrong-outputs" in measures and measures["wrong-outputs"].value > 0:
        error.append(f", {measures['wrong-outputs'].value:.0f} wrong")
    return {
        "latency": time,
        "wall": Text(duration(statistics.median(benchmark.rounds.wall_ns)) if benchmark.rounds else "–"),
        "ns/point": Text(per_point),
        "Mpoint/s": Text(rate),
        "of triad": of("bandwidth"),
        "of copy": of("bandwidth"),
        "to device": of("transfer-in"),
        "back": of("transfer-out"),
        "peak memory": of("peak-memory"),
        "compile": of("compile-time"),
        "error": error,
        "change": _change(benchmark, before),
    }


def _change(benchmark: Benchmark, before: Benchmark | None) -> Text:
    difference = change(benchmark, before) if before else None
    if difference is None:
        return Text("first run", style="dim")
    style = "" if abs(difference.relative) <= difference.spread else ("red" if difference.relative > 0 else "green")
    return Text(f"{100 * difference.relative:+.1f} ± {100 * difference.spread:.1f} %", style=style)


BARS = "▁▂▃▄▅▆▇█"
LEAST_RANGE = 0.02
"""Range of a sparkline relative to its largest value: smaller variations do not fill its height."""


def sparkline(values: Sequence[float], most: int = 24) -> str:
    """Draw the last values as bars; the height is from the smallest to the largest, or more if they hardly vary."""
    shown = list(values)[-most:]
    low, high = min(shown), max(shown)
    height = max(high - low, LEAST_RANGE * max(abs(low), abs(high))) or 1.0
    return "".join(BARS[round((value - low) / height * (len(BARS) - 1))] for value in shown)


def history_table(series: Sequence[Series]) -> Group:
    """Make the table of the series of a branch, with a sentence on each change of level below."""
    table = Table(title=f"Runs of '{series[0].branch}'", title_justify="left")
    table.add_column("benchmark", no_wrap=True)
    several = len({one.latest.machine.testbed for one in series}) > 1
    headings = ("measure", *(["testbed"] if several else []), "runs", "last", "level", "noise", "recent", "changes")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("runs", "last", "level", "noise") else "left")
    sentences: dict[str, list[str]] = {}
    untested: Counter[str] = Counter()
    previous = ""
    for one in series:
        found, measure = one.detection, one.key.measure
        changes = Text("\n").join(
            Text(
                f"{changed(point.relative)} at {short(one.points[point.index].commit)}",
                style="red" if one.worse(point) else "green",
            )
            for point in found.changes
        )
        name = "" if one.key.benchmark == previous else one.key.benchmark
        previous = one.key.benchmark
        table.add_row(
            name,
            measure,
            *([one.latest.machine.testbed] if several else []),
            str(len(one.points)),
            written(measure, one.values[-1]) + ("" if one.points[-1].trusted else " (doubtful)"),
            written(measure, found.level or 0.0),
            one.noise,
            sparkline(one.values),
            changes if found.changes else Text("none" if found.skipped is None else "not tested", style="dim"),
        )
        for point in found.changes:
            sentences.setdefault(one.where(point), []).append(one.sentence(point))
        if found.skipped is not None:
            untested[found.skipped] += 1
    lacking = [Text(f"Not tested: {count} series, {why}.") for why, count in untested.items()]
    told = [Text("\n  ".join([f"Changed {where}:", *lines])) for where, lines in sentences.items()]
    return Group(Fitting(table), *told, *lacking)
