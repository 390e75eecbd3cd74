"""The command that shows the newest results of all cells as one table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.tasks import task

from ice3_bench.arguments import Parser
from ice3_bench.bencher.upload import HISTORY
from ice3_bench.cell.machine import machine_name
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.errors import UsageError
from ice3_bench.history.newest import Conditions, newest
from ice3_bench.history.reference import reference_of
from ice3_bench.history.store import opened
from ice3_bench.names import is_wanted
from ice3_bench.show.cells import Summary, cells_csv, cells_markdown, cells_table
from ice3_bench.show.console import make_console
from ice3_bench.text import listed, quoted
from ice3_bench.usage import add_arrangement

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Sequence

    from ice3_bench.history.newest import Result
    from ice3_bench.history.reference import Reference
    from ice3_bench.settings.matrix import Settings


def _parse(given: list[str], settings: Settings) -> argparse.Namespace:
    parser = Parser(prog="nox -s bench-table --", description="Show the newest results of all cells.")
    parser.add_argument(
        "--reference",
        metavar="CELL",
        help="cell to compare with; a backend: its cell of the same precision (default: 'reference' in pyproject.toml)",
    )
    parser.add_argument("--format", choices=("terminal", "markdown", "csv"), default="terminal", help="what to print")
    parser.add_argument(
        "--benchmarks", action="names", nargs="+", default=[], help="only benchmarks whose name contains one of these"
    )
    parser.add_argument("--machine", default=machine_name(settings.testbed), help="its results (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=settings.threads, help="results with so many threads")
    parser.add_argument("--profile", choices=("production", "strict"), default="production", help="compiler flags")
    add_arrangement(parser, settings.arrangement)
    return parser.parse_args(given)


def _reference(
    settings: Settings, given: str | None, conditions: Conditions, results: list[Result]
) -> tuple[Reference | None, str]:
    """Return the reference, or None and the sentence that says how to get one."""
    name = given or settings.reference
    if name is None:
        return None, "Nothing is compared: --reference CELL, or 'reference' in [tool.ice3-bench], names the reference."
    reference = reference_of(settings, name)
    if reference.measured(results):
        return reference, ""
    command = conditions.command(reference.sessions, settings)
    lacking = f"The reference {name} was not measured {conditions.text}: {command}."
    if given:
        raise UsageError(lacking)
    return None, f"Nothing is compared. {lacking}"


def hints(
    reference: Reference, shown: Sequence[Result], ratios: Collection[str], conditions: Conditions, settings: Settings
) -> list[str]:
    """Say what the reference was not measured in, though others were, and the command that measures it."""
    said = []
    for words, results in reference.lacking(shown, ratios).items():
        labels = list(dict.fromkeys(result.name.label for result in results))
        precisions = {reference.precision or result.name.precision for result in results}
        sessions = [one for one in reference.sessions if one.rpartition("-")[2] in precisions]
        command = conditions.command(sessions, settings, *words)
        said.append(f"The reference {reference.text} was not measured in {listed(labels)}: {command}.")
    return said


@task
@explained
def table(_context: Context) -> None:
    """Show the newest results of all cells on this machine as one table. Arguments after --: see -- --help."""
    surroundings = Surroundings.read()
    settings = surroundings.settings
    options = _parse(arguments(), settings)
    conditions = Conditions(options.machine, options.threads, options.profile, options.arrangement)
    with opened(surroundings.results / HISTORY) as history:
        found = newest(history, settings, conditions)
    reference, lacking = _reference(settings, options.reference, conditions, found.results)
    shown = [one for one in found.results if is_wanted(one.benchmark.name, options.benchmarks)]
    if not shown:
        raise UsageError(
            f"No benchmark is selected: there are {quoted([one.benchmark.name for one in found.results])}."
        )
    ratios = reference.ratios(found.results) if reference else {}
    said = [lacking] if reference is None else hints(reference, shown, ratios, conditions, settings)
    summary = Summary(shown, conditions, reference, ratios)
    if options.format == "terminal":
        make_console().print(cells_table(summary))
    else:
        print(cells_markdown(summary) if options.format == "markdown" else cells_csv(summary), end="")
    for line in (*said, *found.left_out):
        print(line, file=sys.stderr)
