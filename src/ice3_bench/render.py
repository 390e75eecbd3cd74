"""What the user sees: the progress of the passes and the table of results."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ice3_bench.compare import change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from ice3_bench.report import Benchmark, FieldError, Metric, Report

PLAIN_WIDTH = 160
"""Columns of the output where it is no terminal (a file, a CI log)."""


def make_console(*, quiet: bool = False) -> Console:
    """Make the console for results; colours follow the terminal and NO_COLOR."""
    console = Console(quiet=quiet, highlight=False)
    return console if console.is_terminal else Console(quiet=quiet, highlight=False, width=PLAIN_WIDTH)


class Progress:
    """Live display of the passes: one line that moves in a terminal, plain lines elsewhere.

    Parameters
    ----------
    console
        Where to print.
    expected
        Seconds that each pass took last time, in the order of the passes; the time left is counted from these.
    """

    def __init__(self, console: Console, expected: dict[str, float]) -> None:
        self.console = console
        self.expected = expected
        self.seconds: dict[str, float] = {}
        """Time that each pass took."""
        self._current = ""
        self._since = 0.0
        self._benchmark = ""
        self._done, self._count = 0, 0

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Show that pass ``name`` runs."""
        self._current, self._since = name, time.monotonic()
        self._benchmark, self._done, self._count = "", 0, 0
        number = list(self.expected).index(name) + 1
        live = Live(self, console=self.console, refresh_per_second=8, transient=True)
        if self.console.is_terminal:
            live.start()
        else:
            self.console.print(f"[{number}/{len(self.expected)}] {name} ...", markup=False)
        succeeded = False
        try:
            yield
            succeeded = True
        finally:
            self.seconds[name] = time.monotonic() - self._since
            if self.console.is_terminal:
                live.stop()
            mark = "[green]✓[/]" if succeeded else "[red]✗[/]"
            self.console.print(f"{mark} {name:<9} {self.seconds[name]:6.1f} s")

    def notify(self, event: dict[str, Any]) -> None:
        """Take an event of a pass: ``collected``, ``started``, ``finished`` or ``failed``."""
        if event["event"] == "collected":
            self._count = event["count"]
        elif event["event"] == "started":
            self._done += 1
            self._benchmark = event["benchmark"]
            if not self.console.is_terminal:
                self.console.print(f"      {self._done} of {self._count}: {self._benchmark}", markup=False)

    def __rich__(self) -> RenderableType:
        elapsed = time.monotonic() - self._since
        names = list(self.expected)
        later = names[names.index(self._current) + 1 :]
        finished = sum(self.expected[name] for name in names[: names.index(self._current)])
        in_pass = min(elapsed, self.expected[self._current])
        left = max(self.expected[self._current] - elapsed, 0.0) + sum(self.expected[name] for name in later)
        row = Table.grid(padding=(0, 1))
        text = f"{self._current} {names.index(self._current) + 1}/{len(names)}"
        if self._benchmark:
            text += f" · {self._benchmark} ({self._done} of {self._count})"
        row.add_row(
            ProgressBar(total=sum(self.expected.values()), completed=finished + in_pass, width=24),
            Text(text, style="bold"),
            Text(f"{elapsed:.0f} s, about {left:.0f} s left", style="dim"),
        )
        return row


def results_table(report: Report, previous: Report | None) -> Table:
    """Make the table of a cell's results, with the change against the previous comparable run."""
    table = Table(title=f"{report.cell} on {report.machine.testbed}, {_threads(report)}", title_justify="left")
    table.add_column("benchmark", no_wrap=True)
    for heading in ("latency", "wall", "ns/point", "Mpoint/s", "of triad", "peak memory", "error", "change"):
        table.add_column(heading, justify="right")
    before = {b.name: b for b in previous.benchmarks} if previous else {}
    for benchmark in report.benchmarks:
        label = benchmark.label
        if benchmark.error is not None:
            table.add_row(label, Text("failed", style="red"), *[""] * 7)
            continue
        table.add_row(label, *_cells(benchmark, before.get(benchmark.name)))
    return table


def _threads(report: Report) -> str:
    threads = report.protocol.threads
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _cells(benchmark: Benchmark, before: Benchmark | None) -> list[RenderableType]:
    measures = benchmark.measures
    latency, memory, error = measures.get("latency"), measures.get("peak-memory"), measures.get("accuracy")
    cells: list[RenderableType] = ["–"] * 5
    if latency is not None:
        cells = [
            f"{duration(latency.value)} {_above(latency)}",
            duration(_median(benchmark.rounds.wall_ns)) if benchmark.rounds else "–",
            f"{latency.value / benchmark.points:.2f}",
            f"{measures['throughput'].value / 1e6:.2f}",
            f"{100 * measures['bandwidth'].value:.0f} %",
        ]
    cells.append(size(memory.value) if memory else "–")
    cells.append(f"{error.value:.1e}" if error else "–")
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


def duration(nanoseconds: float) -> str:
    """Write a duration with the unit that suits it."""
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"


def size(octets: float) -> str:
    """Write a number of bytes with the unit that suits it (powers of 1000)."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if octets >= scale:
            return f"{octets / scale:.1f} {unit}"
    return f"{octets:.0f} B"


def accuracy_table(errors: list[FieldError]) -> Table:
    """Make the table of every field's error against the reference data."""
    table = Table(title="Accuracy", title_justify="left")
    for heading in ("data set", "component", "field", "error", "tolerance", ""):
        table.add_column(heading, justify="right" if heading in ("error", "tolerance") else "left")
    for entry in errors:
        verdict = Text("ok", style="green") if entry.passed else Text("FAILED", style="red")
        table.add_row(
            entry.data_set, entry.component, entry.field, f"{entry.error:.1e}", f"{entry.tolerance:.0e}", verdict
        )
    return table
