"""What the user sees while a session runs: the pass, what it is working on, and the time left."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ice3_bench.text import folded
from ice3_probe.messages import Built, Collected, Started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from ice3_probe.messages import Message


PULSE = 30.0


class Progress:
    """Live display of the passes: one line that moves in a terminal, plain lines elsewhere.

    Parameters
    ----------
    console
        Where to print.
    expected
        Seconds that each pass took last time, in the order of the passes; the time left is counted from these.
    pulse
        Seconds between the lines that say that a pass goes on, where no display moves.
    """

    def __init__(self, console: Console, expected: dict[str, float], pulse: float = PULSE) -> None:
        self.console, self.pulse = console, pulse
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
            self.console.print(f"[{number}/{len(self.expected)}] {name} ...")
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
        elif isinstance(message, Built):
            how = "loaded" if message.cached else "compiled"
            self.console.print(f"      {message.component}: {how} in {message.seconds:.1f} s", soft_wrap=True)
            self._benchmark = ", ".join(one for one in self._benchmark.split(", ") if one != message.component)

    def say(self, what: str) -> None:
        """Print something that the user must know."""
        text = folded(what, self.console.width) if self.console.is_terminal else what
        self.console.print(text, style="yellow", soft_wrap=True)

    def step(self, name: str) -> None:
        """Show what the pass is working on."""
        self._benchmark = name
        if not self.console.is_terminal:
            number = f"{self._done} of {self._count}: " if self._count else ""
            self.console.print(f"      {number}{name}", soft_wrap=True)

    def _show_that_it_goes_on(self, over: threading.Event) -> None:
        """Print a line now and then, where no display moves."""
        while not over.wait(self.pulse):
            working = f": {self._benchmark}" if self._benchmark else ""
            elapsed = time.monotonic() - self._since
            self.console.print(f"      {self._current}, {elapsed:.0f} s{working}", soft_wrap=True)

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
            text += f" · {self._benchmark}" + (f" ({self._done} of {self._count})" if self._count else "")
        row.add_row(
            ProgressBar(total=sum(self.expected.values()), completed=finished + in_pass, width=24),
            Text(text, style="bold"),
            Text(f"{elapsed:.0f} s, about {left:.0f} s left", style="dim"),
        )
        return row
