"""What the user sees: the table of results and those of the history and of comparisons."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Console, Group
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ice3_bench.history.checks import change
from ice3_bench.measures import written
from ice3_bench.text import changed, count, duration, short, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import ConsoleOptions, RenderableType, RenderResult

    from ice3_bench.history.checks import Check
    from ice3_bench.history.series import Series
    from ice3_bench.report import Benchmark, Metric, Report

PREEMPTED = 0.05
"""Share of preempted rounds above which wall time is marked."""
PLAIN_WIDTH = 200
"""Columns of the output where it is no terminal (a file, a CI log)."""


def make_console(*, quiet: bool = False) -> Console:
    """Make the console for results; colours follow the terminal and NO_COLOR."""
    console = Console(quiet=quiet, highlight=False)
    return console if console.is_terminal else Console(quiet=quiet, highlight=False, width=PLAIN_WIDTH)


class Fitting:
    """A table, or where the terminal is too narrow for it, a paragraph for each of its rows."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, or its title and the paragraphs."""
        natural = Measurement.get(console, options.update(max_width=10_000), self.table).maximum
        if natural <= options.max_width:
            yield self.table
            return
        first, *others = self.table.columns
        yield Text(str(self.table.title), style="table.title")
        for row, name, *cells in zip(self.table.rows, first.cells, *(column.cells for column in others), strict=True):
            entries = [
                Text.assemble((f"{column.header} ", "dim"), cell) for column, cell in zip(others, cells, strict=True)
            ]
            yield Text.assemble(name if isinstance(name, Text) else (str(name), "bold"))
            yield Padding(Columns(filter(None, entries), padding=(0, 3, 0, 0)), (0, 0, 0, 2), style=row.style or "")


def results_table(report: Report, previous: Report | None, checks: Sequence[Check] = ()) -> Fitting:
    """Make the table of a cell's results: the change against the previous comparable run, and what the history says."""
    table = Table(title=f"{report.cell} on {report.machine.testbed}, {_threads(report)}", title_justify="left")
    table.add_column("benchmark", no_wrap=True)
    headings = ["latency", "wall", "ns/point", "Mpoint/s", "of triad", "peak memory", "error", "change", "history"]
    if report.device == "gpu":
        headings[4:5] = ["of copy", "to device", "back"]
    for heading in headings:
        table.add_column(heading, justify="right")
    before = {b.name: b for b in previous.benchmarks} if previous else {}
    for benchmark in report.benchmarks:
        label = benchmark.label
        if benchmark.error is not None:
            table.add_row(label, Text("failed", style="red"), *[""] * (len(headings) - 1))
            continue
        own = [check for check in checks if check.benchmark == benchmark.name]
        table.add_row(label, *_cells(benchmark, before.get(benchmark.name), own, report.device), _history(own))
    return Fitting(table)


def _threads(report: Report) -> str:
    return count(report.protocol.threads, "thread")


def _history(checks: Sequence[Check]) -> Text:
    """Return the mark of a benchmark's checks: what is beyond its limit, or how much was checked."""
    beyond = [check.measure for check in checks if check.violation]
    if beyond:
        return Text("✗ " + ", ".join(beyond), style="red")
    made = sum(check.verdict != "unchecked" for check in checks)
    if not made:
        return Text("not checked", style="dim")
    return Text("✓" if made == len(checks) else f"✓ {made} of {len(checks)}", style="green")


def _cells(
    benchmark: Benchmark, before: Benchmark | None, checks: Sequence[Check], device: str
) -> list[RenderableType]:
    measures = benchmark.measures
    styles = {check.measure: "red" for check in checks if check.violation}
    latency, memory, error = measures.get("latency"), measures.get("peak-memory"), measures.get("accuracy")
    cells: list[RenderableType] = ["–"] * 5
    if latency is not None:
        cells = [
            Text(f"{duration(latency.value)} {_above(latency)}", style=styles.get("latency", "")),
            duration(_median(benchmark.rounds.wall_ns)) if benchmark.rounds else "–",
            f"{latency.value / benchmark.points:.2f}",
            f"{measures['throughput'].value / 1e6:.2f}",
            f"{100 * measures['bandwidth'].value:.0f} %",
        ]
    if device == "gpu":
        transfers = (measures.get("transfer-in"), measures.get("transfer-out"))
        cells += [duration(transfer.value) if transfer else "–" for transfer in transfers]
    cells.append(Text(size(memory.value), style=styles.get("peak-memory", "")) if memory else "–")
    cells.append(Text(f"{error.value:.1e}", style=styles.get("accuracy", "")) if error else "–")
    difference = change(benchmark, before) if before else None
    if difference is None:
        cells.append(Text("first run", style="dim"))
    else:
        style = "" if abs(difference.relative) <= difference.spread else ("red" if difference.relative > 0 else "green")
        cells.append(Text(f"{100 * difference.relative:+.1f} ± {100 * difference.spread:.1f} %", style=style))
    return cells


def _above(metric: Metric) -> str:
    """Distance of the upper quartile from the value, as a percentage."""
    return f"+{100 * ((metric.upper_value or metric.value) / metric.value - 1):.1f} %"


def _median(values: list[int]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], most: int = 24) -> str:
    """Draw the last values as bars, from the smallest to the largest of them."""
    shown = list(values)[-most:]
    low, high = min(shown), max(shown)
    return "".join(BARS[round((value - low) / (high - low) * (len(BARS) - 1)) if high > low else 0] for value in shown)


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
            written(measure, one.values[-1]),
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
