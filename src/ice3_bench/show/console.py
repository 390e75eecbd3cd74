"""The console, and tables that fit into it."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

from rich.columns import Columns
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.text import Text

from ice3_bench.text import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import ConsoleOptions, RenderResult
    from rich.table import Table

PLAIN_WIDTH = 200
"""Columns of the output if it is not a terminal (a file, a CI log)."""

PULSE = 30.0
"""Seconds between the lines of a log that tell of like steps."""


def make_console(*, quiet: bool = False) -> Console:
    """Make the console for results: text is literal, and colours follow the terminal, NO_COLOR and FORCE_COLOR.

    What is no terminal gets no codes that move the cursor, and wide lines, even if FORCE_COLOR asks for colours there.
    """
    make = partial(Console, quiet=quiet, highlight=False, markup=False, emoji=False)
    console = make()
    if console.file.isatty() and console.is_terminal:
        return console
    colours: Literal["256", "auto"] = "256" if os.environ.get("FORCE_COLOR") else "auto"
    return make(width=PLAIN_WIDTH, force_terminal=False, color_system=colours)


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print sentences: a terminal breaks their lines between words, and a file has each in a line."""
    console.print(folded(text, console.width) if console.is_terminal else text, style=style, soft_wrap=True)


@contextmanager
def working(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done while it lasts; yields the function that shows something else.

    Where no display can move, each step is a line of the error stream, so that a log tells it and the results stay
    apart. A step that differs from an earlier one in numbers only is told every ``PULSE`` seconds.
    """
    if console.is_terminal or console.quiet:
        with console.status(Text(what)) as status:
            yield lambda now: status.update(Text(now))
        return
    steps = Steps(partial(print, file=sys.stderr, flush=True))
    steps.tell(what)
    yield steps.tell


class Steps:
    """Lines that say what is being done, for a log.

    Parameters
    ----------
    write
        Takes a line.
    """

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._told: set[str] = set()
        self._start = self._last = clock()

    def tell(self, what: str) -> None:
        """Write a step, with the seconds since the beginning, unless the same was told a short while ago."""
        now, kind = self._clock(), re.sub(r"\d+", "", what)
        if kind in self._told and now - self._last < PULSE:
            return
        self._told.add(kind)
        self._last = now
        self._write(f"{now - self._start:5.0f} s  {what}")


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
                Text.assemble((f"{column.header} ", "dim"), cell)
                for column, cell in zip(others, cells, strict=True)
                if str(cell)
            ]
            yield Text.assemble(name if isinstance(name, Text) else (str(name), "bold"))
            yield Padding(Columns(entries, padding=(0, 3, 0, 0)), (0, 0, 0, 2), style=row.style or "")
