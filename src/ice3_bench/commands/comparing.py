"""Invoke tasks that compare two revisions, and that prove the comparison on this machine."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.arguments import Parser
from ice3_bench.cell.lock import locked
from ice3_bench.cell.machine import machine_name
from ice3_bench.cell.preflight import begin
from ice3_bench.cluster.submission import choose
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.commands.jobs import send_comparison
from ice3_bench.compare import instructions
from ice3_bench.compare.calibration import Calibration, known, place
from ice3_bench.compare.calibration import calibrate as run_trials
from ice3_bench.compare.cases import cpu_cells, default_cell, select
from ice3_bench.compare.comparison import Request, compare_revisions
from ice3_bench.compare.pairs import Protocol
from ice3_bench.compare.preparation import Workshop
from ice3_bench.compare.requirements import parse_requirement, require_environments
from ice3_bench.compare.result import FILE, MARKDOWN, exit_code
from ice3_bench.compare.revisions import WORKTREE, checked_out, default_base
from ice3_bench.compare.sides import Sides
from ice3_bench.compare.workers import Crew, SideError
from ice3_bench.errors import Interrupted, UsageError
from ice3_bench.files import write_atomically
from ice3_bench.settings.values import parse_components
from ice3_bench.show.comparison import calibration_table, comparison_markdown, comparison_table
from ice3_bench.show.console import make_console, say, working
from ice3_bench.text import listed
from ice3_bench.usage import add_arrangement, add_strict_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ice3_bench.compare.result import Comparison
    from ice3_bench.settings.matrix import Cell, Settings

UNPROVEN = "the error rates on this machine are not known: nox -s bench-calibrate measures them"
OLD = "the error rates known here are of an older version of the procedure: nox -s bench-calibrate measures them again"


def positive(text: str) -> float:
    """Read a positive number, as a type of an option."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a type of an option: whole numbers from ``least`` to ``most``."""

    def parsed(text: str) -> int:
        if not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} to {most}")
        return int(text)

    return parsed


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--threads``, which the commands that compare revisions have in common."""
    parser.add_argument(
        "--threads", type=whole(1, 4096), help="threads that compute (default: those of pyproject.toml)"
    )


def _parse(given: list[str], settings: Settings) -> argparse.Namespace:
    parser = Parser(prog="nox -s bench-compare --", description="Compare two revisions.")
    parser.add_argument(
        "--base", help="revision to compare with, REV... its merge base (default: of the default branch)"
    )
    parser.add_argument("--contender", default=WORKTREE, help=f"revision, or '{WORKTREE}': the files as they are")
    parser.add_argument(
        "--cells",
        action="names",
        nargs="+",
        help="ids, backends, precisions or tags; cpu: all here (default: the first compiled CPU cell in float64)",
    )
    parser.add_argument(
        "--benchmarks", action="names", nargs="+", default=[], help="only benchmarks whose name contains one of these"
    )
    parser.add_argument(
        "--components",
        action="extend",
        nargs="+",
        default=[],
        help="ice_adjust ice_adjust:modular instead of each backend's",
    )
    parser.add_argument("--domain", help="domain instead of each backend's compare-domain, such as 100x100x90")
    add_arrangement(parser, settings.arrangement)
    add_strict_machine(parser)
    add_threads(parser)
    parser.add_argument("--budget", type=positive, default=75.0, help="seconds for each benchmark")
    parser.add_argument("--total", type=positive, default=1200.0, help="seconds for all; the budgets shrink to fit")
    parser.add_argument("--instructions", action="store_true", help="also count instructions, with valgrind")
    parser.add_argument("--undecided-exit", type=whole(0, 255), default=0, help="exit code when something is undecided")
    parser.add_argument(
        "--on", metavar="CLUSTER", help="one job of a cluster of pyproject.toml instead of this machine"
    )
    parser.add_argument(
        "--with",
        dest="given",
        nargs="+",
        type=parse_requirement,
        default=(),
        help="requirements of the contender, such as gt4py==1.1.12, instead of its own; both sides are the same files",
    )
    parser.add_argument(
        "--against", nargs="+", type=parse_requirement, default=(), help="the same for the base (default: its own)"
    )
    parser.add_argument("--measure", action="store_true", help="measure also what runs the same code on both sides")
    parser.add_argument("--quiet", action="store_true", help="print the table only")
    options = parser.parse_args(given)
    options.components = parse_components(*options.components)
    return options


@task
@explained
def compare(_context: Context) -> None:
    """Compare two revisions on this machine: faster, slower, same or undecided. Arguments after --: see -- --help."""
    surroundings = Surroundings.read()
    settings = surroundings.settings
    options = _parse(arguments(), settings)
    console = make_console(quiet=options.quiet)
    selected = settings.select(options.cells or [default_cell(settings.cells).id])
    cells = cpu_cells(selected)
    if len(cells) < len(selected):
        console.print(f"{len(selected) - len(cells)} GPU cells are left out: revisions are compared on CPU cells.")
    _require(options, cells)
    if options.on:
        bases = options.base or default_base(surroundings.project, settings.bencher.base_branches), options.contender
        _compare_there(surroundings, options.on, "compare", bases, cells, options.threads or settings.threads)
        return
    files = surroundings.results / FILE, surroundings.results / MARKDOWN
    for path in files:  # the last comparison must not be taken for this one
        path.unlink(missing_ok=True)
    request = Request(
        cells=cells,
        threads=options.threads or settings.threads,
        protocol=Protocol(budget=options.budget),
        base=options.base,
        contender=options.contender,
        components=options.components,
        benchmarks=options.benchmarks,
        domain=options.domain,
        arrangement=options.arrangement,
        total=options.total,
        instructions=options.instructions,
        requirements=Sides(options.against, options.given),
        measured=options.measure,
    )

    def store(comparison: Comparison) -> None:
        for path, text in zip(files, (comparison.as_json(), comparison_markdown(comparison)), strict=True):
            write_atomically(path, text)

    begin(request.threads, lambda said: say(console, said), strict=options.strict_machine)
    with working(console, "preparing") as notify:
        comparison = compare_revisions(
            surroundings.project,
            surroundings.results,
            settings,
            request,
            _calibrations(surroundings, request),
            store=store,
            notify=notify,
        )
    make_console(quiet=False).print(comparison_table(comparison))
    code = exit_code(comparison, options.undecided_exit)
    if code:
        raise InvokeExit(code=code)


def _require(options: argparse.Namespace, cells: Sequence[Cell]) -> None:
    """Raise UsageError if the cells cannot be compared as the options ask."""
    if options.given or options.against:
        require_environments(cells)
        if options.on:
            raise UsageError("--with and --against compare on this machine: leave out --on.")
    if options.instructions:
        if all(cell.backend.compiler is None for cell in cells):
            named = listed([cell.id for cell in cells])
            raise UsageError(f"--instructions counts those of compiled cells; no backend of {named} has a 'compiler'.")
        if not options.on:
            instructions.require_valgrind()


def _compare_there(
    surroundings: Surroundings, name: str, what: str, names: tuple[str, str], cells: Sequence[Cell], threads: int
) -> None:
    """Make the environments of two revisions here, and compare them in a job of a cluster."""
    console = make_console()
    project, settings = surroundings.project, surroundings.settings
    name, cluster = choose(settings, name)  # complain before anything is installed
    with (
        checked_out(project, names[0]) as base,
        checked_out(project, names[1]) as contender,
        tempfile.TemporaryDirectory(prefix="ice3-bench-") as scratch,
        working(console, "making environments"),
    ):
        Workshop(project, settings, Sides(base, contender), threads, Path(scratch)).install(cells)
    send_comparison(surroundings, name, cluster, what, arguments(), threads, console)


def _calibrations(surroundings: Surroundings, request: Request) -> str:
    """Say what is known about such comparisons; the budget is an allowance, not part of the procedure."""
    if request.threads != surroundings.settings.threads:
        return UNPROVEN
    procedure = replace(request.protocol, budget=Protocol().budget)
    found = known(surroundings.results / "calibrations", machine_name(surroundings.settings.testbed), procedure)
    return "; ".join(found.statements) or (OLD if found.old else UNPROVEN)


def _parse_calibration(given: list[str]) -> argparse.Namespace:
    parser = Parser(prog="nox -s bench-calibrate --", description="Prove bench-compare here.")
    parser.add_argument("--budget", type=positive, default=3600.0, help="seconds of trials")
    parser.add_argument(
        "--trials", type=whole(1, 10**6), default=100, help="trials of each kind, those already stored included"
    )
    parser.add_argument("--fresh", action="store_true", help="start over instead of adding to what is stored")
    parser.add_argument("--cell", help="cell of the matrix (default: the first compiled CPU cell in float64)")
    parser.add_argument("--component", default="ice_adjust", help="component to run")
    parser.add_argument("--domain", help="domain instead of the backend's compare-domain")
    add_strict_machine(parser)
    parser.add_argument("--injected", type=positive, nargs="+", default=[0.02, 0.03], help="known slowdowns")
    parser.add_argument(
        "--on", metavar="CLUSTER", help="one job of a cluster of pyproject.toml instead of this machine"
    )
    options = parser.parse_args(given)
    if len({f"{share:.1%}" for share in options.injected}) < len(options.injected):
        parser.error(f"--injected {options.injected}: slowdowns must differ by at least 0.1 %")
    return options


@task
@explained
def calibrate(_context: Context) -> None:
    """Measure false alarms and power of bench-compare on this machine. Arguments after --: see -- --help."""
    options = _parse_calibration(arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    (cell,) = cpu_cells([settings.cell_by_id(options.cell or default_cell(settings.cells).id)])
    benchmark = select([cell], options.domain, [f"{options.component}/"], arrangement=settings.arrangement)[cell.id][0]
    if options.on:
        names = WORKTREE, WORKTREE
        _compare_there(surroundings, options.on, "calibrate", names, [cell], settings.threads)
        return
    protocol, machine = Protocol(), machine_name(settings.testbed)
    folder = surroundings.results / "calibrations"
    path = place(folder, machine, benchmark.name, protocol, benchmark.arrangement)
    stored = Calibration.load(path) if path.exists() and not options.fresh else None
    console = make_console()
    begin(settings.threads, lambda said: say(console, said), strict=options.strict_machine)
    try:
        with (
            locked(folder / ".lock", "The comparison is being calibrated"),
            checked_out(surroundings.project, WORKTREE) as revision,
            tempfile.TemporaryDirectory(prefix="ice3-bench-") as scratch,
            working(console, "calibrating") as notify,
        ):
            workshop = Workshop(
                surroundings.project, settings, Sides(revision, revision), settings.threads, Path(scratch)
            )
            result = run_trials(
                Crew(workshop.sides(cell, [benchmark])[0], folder / "logs", notify),
                benchmark,
                stored or Calibration(machine, benchmark.name, protocol, arrangement=benchmark.arrangement),
                injected=(0.0, *options.injected),
                budget=options.budget,
                trials=options.trials,
                protocol=protocol,
                store=lambda calibration: write_atomically(path, calibration.as_json()),
                notify=notify,
            )
    except KeyboardInterrupt:
        kept = f": the complete trials are in {path}" if path.exists() else ""
        raise Interrupted(f"Interrupted{kept}.") from None
    except SideError as error:
        raise UsageError(f"{benchmark.name} cannot be calibrated: {error.what}") from error
    console.print(calibration_table(result))
    console.print(f"Stored in {path}.", soft_wrap=True)
