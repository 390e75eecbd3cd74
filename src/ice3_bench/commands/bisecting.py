"""Invoke task that finds the first slower commit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.arguments import Parser
from ice3_bench.cell.preflight import begin
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.commands.comparing import add_threads, positive
from ice3_bench.compare.bisect import FILE, Bisection, Finding, bisect
from ice3_bench.compare.cases import only
from ice3_bench.compare.comparison import Request, compare_revisions
from ice3_bench.compare.pairs import Protocol
from ice3_bench.compare.revisions import RevisionError, resolved
from ice3_bench.compare.verdict import Verdict
from ice3_bench.errors import Exit, UsageError
from ice3_bench.files import write_atomically
from ice3_bench.names import domain_text
from ice3_bench.show.bisection import bisection_table
from ice3_bench.show.console import make_console, say, working
from ice3_bench.usage import add_arrangement, add_strict_machine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.settings.matrix import Settings

FURTHER = 4.0
"""Multiple of the budget with which an undecided comparison is made once more."""
PATIENT = 86400.0
"""Seconds that a comparison may take in all: one benchmark ends by its budget."""


def _parse(given: list[str], settings: Settings) -> argparse.Namespace:
    parser = Parser(prog="nox -s bench-bisect --", description="Find the first slower commit.")
    parser.add_argument("--good", required=True, help="revision from before the slowdown")
    parser.add_argument("--bad", default="HEAD", help="revision that is slower (default: HEAD)")
    parser.add_argument(
        "--benchmark",
        required=True,
        help="name of a benchmark, as the tables give it; or a part of one in the first compiled CPU cell",
    )
    parser.add_argument("--budget", type=positive, default=75.0, help="seconds for each comparison")
    add_threads(parser)
    add_arrangement(parser, settings.arrangement)
    add_strict_machine(parser)
    parser.add_argument("--quiet", action="store_true", help="print the table only")
    return parser.parse_args(given)


@task(name="bisect")
@explained
def bisect_task(_context: Context) -> None:
    """Find the first commit that is slower than a good one. Arguments after --: see -- --help."""
    surroundings = Surroundings.read()
    settings = surroundings.settings
    options = _parse(arguments(), settings)
    cell, benchmark = only(settings, options.benchmark, options.arrangement)
    good = resolved(surroundings.project, options.good)
    request = Request(
        cells=[cell],
        threads=options.threads or settings.threads,
        protocol=Protocol(budget=options.budget),
        base=good,
        components=[benchmark.component],
        benchmarks=[benchmark.name],
        domain=domain_text(benchmark.domain),
        arrangement=options.arrangement,
        total=PATIENT,
        accuracy=False,
    )
    path = surroundings.results / FILE
    path.unlink(missing_ok=True)  # the last search must not be taken for this one
    console = make_console(quiet=options.quiet)
    begin(request.threads, lambda said: say(console, said), strict=options.strict_machine)
    with working(console, "preparing") as notify:

        def judge(commit: str) -> Finding:
            asked = replace(request, contender=commit)
            found = _compare(surroundings, asked, notify)
            if found.verdict is Verdict.UNDECIDED:
                longer = replace(request.protocol, budget=FURTHER * options.budget)
                found = _compare(surroundings, replace(asked, protocol=longer), notify)
            return found

        found = bisect(
            surroundings.project,
            benchmark.name,
            options.good,
            options.bad,
            judge,
            lambda bisection: _store(path, bisection),
        )
    make_console(quiet=False).print(bisection_table(found))
    if len(found.suspects) > 1:
        raise InvokeExit(code=int(Exit.FAILED))


def _compare(surroundings: Surroundings, request: Request, notify: Callable[[str], None]) -> Finding:
    """Compare a commit with the good one; raises UsageError if the good one cannot be measured."""
    commit = request.contender[:12]
    try:
        comparison = compare_revisions(
            surroundings.project,
            surroundings.results,
            surroundings.settings,
            request,
            "",
            store=lambda _: None,
            notify=lambda what: notify(f"{commit}: {what}"),
        )
    except RevisionError as error:
        return Finding(verdict=None, why=str(error))
    (benchmark,) = comparison.benchmarks
    decision = benchmark.decision
    if decision is None:
        if benchmark.at_fault != "contender":
            raise UsageError(f"{request.base} cannot be measured, so nothing can be found. {benchmark.missing}")
        return Finding(verdict=None, why=benchmark.missing or "it could not be compared")
    if not decision.pairs:
        return Finding(verdict=decision.verdict, why=decision.reason)
    return Finding(
        verdict=decision.verdict, why=decision.reason, change=decision.change, low=decision.low, high=decision.high
    )


def _store(path: Path, bisection: Bisection) -> None:
    write_atomically(path, bisection.model_dump_json(indent=1))
