"""The console, what moves on it, and tables that fit into it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.console import Console
from rich.live import Live
from rich.measure import Measurement
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions, RenderableType, RenderResult

PLAIN_WIDTH = 200
"""Columns of the output if it is not a terminal (a file, a CI log)."""


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
            self._done, self._count = 0, event["count"]
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


class Fitting:
    """A table, or, if the terminal is too narrow for it, a paragraph for each of its rows."""

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
