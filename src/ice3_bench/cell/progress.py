"""What the user sees while a session runs: the pass, what it is working on, and the time left if it is known."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ice3_bench.cell.pieces import Pieces, left
from ice3_bench.show.console import PULSE, say
from ice3_probe.messages import Collected, Started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console, RenderableType

    from ice3_probe.messages import Message


class Progress:
    """Live display of the passes: lines that move in a terminal, plain lines elsewhere.

    Parameters
    ----------
    console
        Where to print.
    passes
        Names of the passes, in their order.
    pieces
        Follows what is compiled.
    pulse
        Seconds between the lines that say that a pass goes on, where no display moves.
    """

    def __init__(
        self, console: Console, passes: Sequence[str], pieces: Pieces | None = None, pulse: float = PULSE
    ) -> None:
        self.console, self.pulse = console, pulse
        self.passes = tuple(passes)
        self.expected: Mapping[str, float] = {}
        """Seconds that each pass took the last time, if the same was measured; the time left is counted from these."""
        self.seconds: dict[str, float] = {}
        """Time that each pass took."""
        self.pieces = Pieces() if pieces is None else pieces
        self._current = ""
        self._since = 0.0
        self._benchmark = ""
        self._done, self._count = 0, 0

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Show that pass ``name`` runs."""
        self._current, self._since = name, time.monotonic()
        self._benchmark, self._done, self._count = "", 0, 0
        live = Live(self, console=self.console, refresh_per_second=8, transient=True)
        if self.console.is_terminal:
            live.start()
        else:
            self.console.print(f"[{self.passes.index(name) + 1}/{len(self.passes)}] {name} ...")
        succeeded, over = False, threading.Event()
        if not self.console.is_terminal:
            threading.Thread(target=self._show_that_it_goes_on, args=(over,), daemon=True).start()
        try:
            yield
            succeeded = True
        finally:
            over.set()
            self.seconds[name] = time.monotonic() - self._since
            if self.console.is_terminal:
                live.stop()
            mark = ("✓", "green") if succeeded else ("✗", "red")
            self.console.print(Text.assemble(mark, f" {name:<11} {self.seconds[name]:6.1f} s"))

    def notify(self, message: Message) -> None:
        """Take a message of the pass."""
        if isinstance(message, Collected):
            self._done, self._count = 0, message.count
        elif isinstance(message, Started):
            self._done += 1
            self.step(message.benchmark)
        elif line := self.pieces.take(message):
            self.console.print(f"      {line}", soft_wrap=True)

    def say(self, what: str) -> None:
        """Print something that the user must know."""
        say(self.console, what, "yellow")

    def step(self, name: str) -> None:
        """Show what the pass is working on."""
        self._benchmark = name
        if not self.console.is_terminal:
            number = f"{self._done} of {self._count}: " if self._count else ""
            self.console.print(f"      {number}{name}", soft_wrap=True)

    def left(self, elapsed: float) -> str:
        """Say how long the passes still take if they take as long as the last time; what to compile is told apart."""
        names = [*self.passes[self.passes.index(self._current) + 1 :]]
        if self.pieces.under_way or self._current not in self.expected or any(n not in self.expected for n in names):
            return ""
        return left(elapsed, self.expected[self._current], sum(self.expected[name] for name in names))

    def _show_that_it_goes_on(self, over: threading.Event) -> None:
        """Print a line now and then, where no display moves."""
        while not over.wait(self.pulse):
            working = self.pieces.under_way or ([self._benchmark] if self._benchmark else [])
            elapsed = time.monotonic() - self._since
            said = f": {'; '.join(working)}" if working else ""
            self.console.print(f"      {self._current}, {elapsed:.0f} s{said}", soft_wrap=True)

    def __rich__(self) -> RenderableType:
        elapsed = time.monotonic() - self._since
        number = self.passes.index(self._current)
        text = f"{self._current} {number + 1}/{len(self.passes)}"
        if self._benchmark:
            text += f" · {self._benchmark}" + (f" ({self._done} of {self._count})" if self._count else "")
        row = Table.grid(padding=(0, 1))
        row.add_row(
            ProgressBar(total=len(self.passes), completed=number, width=24),
            Text(text, style="bold"),
            Text(f"{elapsed:.0f} s{self.left(elapsed)}", style="dim"),
        )
        return Group(row, *(Text(f"      {line}", style="dim", overflow="ellipsis") for line in self.pieces.under_way))
