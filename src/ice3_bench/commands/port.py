"""Tasks about a port before it is measured: begin one, and hold it to the rules of the contract."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task
from rich.text import Text

from ice3_bench.cell.options import Options
from ice3_bench.cell.session import own_folder, prepare, program
from ice3_bench.commands.common import Surroundings, explained
from ice3_bench.errors import Exit
from ice3_bench.port.check import check_contract
from ice3_bench.port.new import NewPort, write_port
from ice3_bench.settings.matrix import find_project
from ice3_bench.show.console import make_console, working
from ice3_bench.text import count
from ice3_bench.usage import PORT
from ice3_probe.messages import Judged, Started

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from ice3_bench.settings.matrix import Cell
    from ice3_probe.messages import Message

MARKS = {"kept": ("✓", "green"), "broken": ("✗", "bold red"), "open": ("–", "dim")}
"""Sign and style of each verdict."""


@task(positional=[], help=PORT["new"].options)
@explained
def new(_context: Context, id: str, component: str = "ice_adjust", path: str | None = None) -> None:  # noqa: A002 (the option's name)
    """Write a port file to fill in, its table in pyproject.toml and its test; nothing is overwritten."""
    project = find_project(Path.cwd())
    for sentence in write_port(NewPort(project, id, component, Path(path or f"bench/port_{id}.py"))):
        print(sentence)
    print(f"Next: {program('ice3-bench')} port.check --backend {id}")


@task(positional=[], help=PORT["check"].options)
@explained
def check(_context: Context, backend: str, precision: str | None = None) -> None:
    """Hold a port to every rule of the contract on a tiny domain, and say line by line what is wrong."""
    surroundings = Surroundings.read()
    settings = surroundings.settings
    console = make_console()
    judged = []
    for one in [precision] if precision else settings.precisions:
        judged += _check(surroundings, settings.cell(backend, one), console)
    broken = [rule for rule in judged if rule.verdict == "broken"]
    if broken:
        raise InvokeExit(code=int(Exit.USAGE if all(rule.usage for rule in broken) else Exit.FAILED))


def _check(surroundings: Surroundings, cell: Cell, console: Console) -> list[Judged]:
    """Check a cell, print the lines as they come, and say what to do next."""
    settings, results = surroundings.settings, surroundings.results / cell.id
    console.print(f"{cell.id}: {cell.backend.port}", style="bold", soft_wrap=True)
    with own_folder(results, cell) as folder, working(console, "making the environment") as notify:
        lines = _Lines(console, notify)
        options = Options(threads=settings.threads)
        place = prepare(surroundings.project, folder, results, cell, settings, options, notify, lines.take)
        judged = check_contract(place)
    numbers = {verdict: sum(rule.verdict == verdict for rule in judged) for verdict in MARKS}
    said = f"{count(numbers['kept'], 'rule')} kept, {numbers['broken']} broken, {numbers['open']} open or not tried."
    log = os.path.relpath(results / "check.log")
    if numbers["broken"]:
        again = f"{program('ice3-bench')} port.check --backend {cell.backend.id} --precision {cell.precision}"
        said += f" Tracebacks and what the port printed: {log}\nAfter corrections: {again}"
    else:
        said += f" What the port printed: {log}\nNext, accuracy against the Fortran and time: nox -s {cell.session}"
    console.print(said, soft_wrap=True)
    return judged


class _Lines:
    """Prints a line for each rule, below the component that it is about."""

    def __init__(self, console: Console, notify: Callable[[str], None]) -> None:
        self.console, self.notify = console, notify
        self.component = ""

    def take(self, message: Message) -> None:
        """Take a message of the pass."""
        if isinstance(message, Started):
            self.notify(message.benchmark)
        elif isinstance(message, Judged):
            if message.component != self.component:
                self.component = message.component
                self.console.print(f"  {self.component}")
            mark, style = MARKS[message.verdict]
            told = f": {message.told}" if message.told else ""
            line = Text.assemble("  " if self.component else "", ("  " + mark, style), f" {message.rule}{told}")
            self.console.print(line, soft_wrap=True)
