"""The command that shows what results, caches and old runs take, and removes what is old."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task
from rich.table import Table

from ice3_bench import storage
from ice3_bench.arguments import names_in
from ice3_bench.bencher.upload import HISTORY
from ice3_bench.commands.common import Surroundings, explained
from ice3_bench.errors import Exit, UsageError
from ice3_bench.history.kept import RUNS
from ice3_bench.show.console import Fitting, make_console
from ice3_bench.text import count, size

if TYPE_CHECKING:
    from ice3_bench.storage import Entry

WHAT = {
    RUNS: "files of all runs, from which a lost history is rebuilt",
    "environments": "environments of the ports; made again when needed",
    "stencils": "what the ports compiled; compiled again when needed",
    "probe": "copies of the probe; made again when needed",
}


@task(
    help={
        "days": "remove what was not used for so many days",
        "keep": "keep so many of the last used, of each kind and of the runs of each cell, and remove the others",
        "only": "runs, environments, stencils or probe, separated by commas (default: all)",
        "dry-run": "say what would be removed",
    }
)
@explained
def clean(_context: Context, days: str = "", keep: str = "", only: str = "", dry_run: bool = False) -> None:
    """Show what results, caches and old runs take; remove what is old if --days or --keep is given."""
    surroundings = Surroundings.read()
    age, number = _number("days", days), _number("keep", keep)
    kinds = _kinds(only)
    cache = surroundings.project / ".cache"
    found = storage.entries(surroundings.results, cache)
    console = make_console()
    chosen = [one for one in storage.prunable(found, age, None if number is None else int(number)) if one.kind in kinds]
    console.print(Fitting(_table(surroundings, found)))
    if age is None and number is None:
        console.print("Nothing was removed: --days 30 or --keep 10 says what may be (--help).")
        return
    done: list[Entry] = []
    for one in chosen:
        try:
            if not dry_run:
                storage.remove(one)
        except OSError as error:
            console.print(f"{os.path.relpath(one.path)} cannot be removed: {error.strerror}.", soft_wrap=True)
            continue
        done.append(one)
        console.print(f"{'Would remove' if dry_run else 'Removed'} {os.path.relpath(one.path)}", soft_wrap=True)
    what = "would be removed" if dry_run else "removed"
    console.print(f"{count(len(done), 'entry', 'entries')} of {size(sum(one.bytes for one in done))} {what}.")
    if len(done) < len(chosen):
        raise InvokeExit(code=int(Exit.USAGE))


def _table(surroundings: Surroundings, found: list[Entry]) -> Table:
    """Make the table of what lies where."""
    table = Table("what", "where", "entries", "size", "contents", title="What is on the disk")
    history = surroundings.results / HISTORY
    if history.exists():
        table.add_row(
            "history", os.path.relpath(history), "1", size(storage.taken(history)), "every run; never removed"
        )
    places = {
        RUNS: surroundings.results / RUNS,
        **{kind: surroundings.project / ".cache" / kind for kind in storage.CACHES},
    }
    rest = sum(storage.taken(one) for one in surroundings.results.glob("*") if one not in (history, places[RUNS]))
    table.add_row("results", os.path.relpath(surroundings.results), "", size(rest), "last reports, logs; never removed")
    for kind, told in WHAT.items():
        own = [one for one in found if one.kind == kind]
        table.add_row(kind, os.path.relpath(places[kind]), str(len(own)), size(sum(one.bytes for one in own)), told)
    return table


def _number(option: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < 1e6 or (option == "keep" and value != int(value)):
        raise UsageError(f"--{option} {text}: a number of at least 0 is expected.")
    return value


def _kinds(text: str) -> tuple[str, ...]:
    chosen = tuple(names_in(text)) or tuple(WHAT)
    for one in chosen:
        if one not in WHAT:
            raise UsageError(f"--only {text}: expected {', '.join(WHAT)}.")
    return chosen
