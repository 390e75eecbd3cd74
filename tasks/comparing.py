"""Invoke tasks that compare two revisions, and that prove the comparison on this machine."""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3.components import BENCHMARKS
from ice3_bench import instructions
from ice3_bench.calibrate import Calibration, place, statements
from ice3_bench.calibrate import calibrate as run_trials
from ice3_bench.comparison import SIDES, Case, CellComparison, Comparison, Protocol, as_json, compare_cell, exit_code
from ice3_bench.errors import Interrupted, UsageError
from ice3_bench.machine import machine_name
from ice3_bench.matrix import load_settings, parse_domain
from ice3_bench.render import calibration_table, comparison_markdown, comparison_table, make_console
from ice3_bench.report import write_atomically
from ice3_bench.revisions import WORKTREE, checked_out, default_base, environment, stencils
from ice3_bench.workers import Side
from tasks.common import PROJECT, Surroundings, arguments, explained

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.matrix import Cell, Settings
    from ice3_bench.revisions import Revision

ENVIRONMENTS = PROJECT / ".cache" / "environments"
PREPARATION = 30.0
"""Seconds that a cell is thought to take beside its pairs, until one has shown it."""
COUNTED_DOMAIN = "16x16x60"
"""Largest domain whose instructions are counted; valgrind runs 50 times as long as the processor."""


def _clean_up_when_interrupted() -> None:
    """Let SIGTERM interrupt as Ctrl-C does, and let neither interrupt the cleaning up that follows."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def _parse(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench-compare --", description="Compare two revisions.")
    parser.add_argument("--base", help="revision to compare with (default: the merge base with the default branch)")
    parser.add_argument("--contender", default=WORKTREE, help=f"revision, or '{WORKTREE}': the files as they are")
    parser.add_argument(
        "--cells", nargs="+", default=["gt_cpu_ifirst-float64"], help="ids, backends, precisions or tags; cpu: all here"
    )
    parser.add_argument("--benchmarks", nargs="+", default=[], help="only benchmarks whose name contains one of these")
    parser.add_argument("--domain", help="domain instead of each backend's compare-domain, such as 100x100x90")
    parser.add_argument("--threads", type=int, help="OpenMP threads (default: those of pyproject.toml)")
    parser.add_argument("--budget", type=_positive, default=75.0, help="seconds for each benchmark")
    parser.add_argument("--total", type=_positive, default=1200.0, help="seconds for all; the budgets shrink to fit")
    parser.add_argument("--instructions", action="store_true", help="also count instructions, with valgrind")
    parser.add_argument("--undecided-exit", type=int, default=0, help="exit code when something stays undecided")
    parser.add_argument("--quiet", action="store_true", help="print the table only")
    return parser.parse_args(given)


def _cells(settings: Settings, names: list[str], console_say: Callable[[str], None]) -> list[Cell]:
    """Return the cells to compare; GPU cells cannot be."""
    selected = settings.select(names)
    cells = [cell for cell in selected if cell.backend.device == "cpu"]
    if not cells:
        raise UsageError(
            f"Revisions cannot be compared in cell {selected[0].id}: the clock is CPU time. Compare CPU cells "
            f"(--cells cpu are all of them); nox -s {selected[0].session} measures this one."
        )
    if len(cells) < len(selected):
        console_say(f"{len(selected) - len(cells)} GPU cells are left out: revisions are compared on CPU cells.")
    return cells


def _cases(cells: list[Cell], domain: str | None, wanted: list[str]) -> dict[str, list[Case]]:
    names = {
        cell.id: [
            f"{component}/{cell.backend.id}/{cell.precision}/{domain or _domain(cell)}{mix}"
            for component, mixes in BENCHMARKS.items()
            for mix in ([f"/{mix}" for mix in mixes] or [""])
        ]
        for cell in cells
    }
    cases = {
        cell: [Case.parse(name) for name in group if not wanted or any(part in name for part in wanted)]
        for cell, group in names.items()
    }
    if not any(cases.values()):
        known = ", ".join(name for group in names.values() for name in group)
        raise UsageError(f"No benchmark contains {' or '.join(wanted)}: there are {known}.")
    return {cell: group for cell, group in cases.items() if group}


def _domain(cell: Cell) -> str:
    return cell.backend.compare_domain or cell.backend.domains[0]


def _build_options(settings: Settings, cell: Cell, cache: Path, profile: str) -> tuple[str, ...]:
    compile_args = settings.compile_args(settings.backend(cell.backend.name), profile)
    return (
        f"--backend={cell.backend.name}",
        f"--precision={cell.precision}",
        f"--cache={cache}",
        *(f"--compile-arg={argument}" for argument in compile_args),
    )


def _sides(
    revisions: dict[str, Revision], cell: Cell, threads: int, profile: str = "production"
) -> tuple[dict[str, Side], str | None]:
    """Make the sides of a cell, each with its own environment and compiler arguments, and say how they differ."""
    sides, packages = {}, {}
    for label, revision in revisions.items():
        try:
            settings = load_settings(revision.tree)
            made = environment(revision, settings.backend(cell.backend.name).extra, ENVIRONMENTS, label)
            cache = stencils(PROJECT, revision, made.packages, threads)
            options = _build_options(settings, cell, cache, profile)
        except (UsageError, KeyError) as error:
            raise _UnusableError(label, str(error)) from error
        sides[label] = Side(label, made.python, revision.tree, options, threads)
        packages[label] = made.packages
    base, contender = packages["base"], packages["contender"]
    changed = [
        f"{name} {base.get(name, 'absent')} -> {contender.get(name, 'absent')}"
        for name in {**base, **contender}
        if base.get(name) != contender.get(name)
    ]
    return sides, f"the environments differ: {', '.join(changed)}" if changed else None


class _UnusableError(UsageError):
    """A revision that cannot be measured in a cell."""

    def __init__(self, side: str, what: str) -> None:
        super().__init__(what)
        self.side = side


@dataclass(frozen=True)
class _Job:
    """What is compared."""

    revisions: dict[str, Revision]
    threads: int
    protocol: Protocol
    family: int
    count: bool
    """Whether instructions are counted."""
    notify: Callable[[str], None]

    def compare(self, cell: Cell, cases: list[Case], budget: float) -> CellComparison:
        """Compare a cell; what cannot be measured is said in the result."""
        self.notify(f"environments of {cell.id}")
        try:
            sides, difference = _sides(self.revisions, cell, self.threads)
        except _UnusableError as error:
            lacking = [Comparison(case.name, missing=f"{error.side}: {error}", at_fault=error.side) for case in cases]
            return CellComparison(cell.id, lacking)
        result = compare_cell(cell.id, sides, cases, replace(self.protocol, budget=budget), self.family, self.notify)
        result.remarks += [difference] if difference else []
        if self.count and "compiled" in cell.backend.tags:
            self._count(cell, cases, result)
        return result

    def _count(self, cell: Cell, cases: list[Case], result: CellComparison) -> None:
        self.notify(f"instructions of {cell.id}")
        try:
            sides, _ = _sides(self.revisions, cell, 1, instructions.PROFILE)
        except _UnusableError as error:
            result.remarks.append(f"instructions cannot be counted, {error.side}: {error}")
            return
        small = parse_domain(COUNTED_DOMAIN)
        counted = [replace(c, domain=min(c.domain, small, key=lambda d: d[0] * d[1] * d[2])) for c in cases]
        with tempfile.TemporaryDirectory(prefix="ice3-bench-") as folder:
            counts, problems = instructions.count(sides, counted, Path(folder))
        result.remarks += problems
        for benchmark in result.benchmarks:
            benchmark.instructions = counts.get(benchmark.name)


@task
@explained
def compare(_context: Context) -> None:
    """Compare two revisions on this machine: faster, slower, same or undecided. Arguments after --: see -- --help."""
    _clean_up_when_interrupted()
    options = _parse(arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    console = make_console(quiet=options.quiet)
    cells = _cells(settings, options.cells, console.print)
    cases = _cases(cells, options.domain, options.benchmarks)
    cells = [cell for cell in cells if cell.id in cases]
    if options.instructions:
        if not any("compiled" in cell.backend.tags for cell in cells):
            raise UsageError("--instructions counts those of compiled cells, such as --cells gt_cpu_ifirst-float64.")
        instructions.require_valgrind()
    deadline = time.monotonic() + options.total
    protocol = Protocol(budget=options.budget)
    left = family = sum(len(group) for group in cases.values())
    results: list[CellComparison] = []
    with (
        checked_out(PROJECT, options.base or default_base(PROJECT)) as base,
        checked_out(PROJECT, options.contender) as contender,
        console.status("preparing") as status,
    ):
        revisions = dict(zip(SIDES, (base, contender), strict=True))
        threads = options.threads or settings.threads
        job = _Job(revisions, threads, protocol, family, options.instructions, status.update)
        aside = PREPARATION
        for number, cell in enumerate(cells):
            start = time.monotonic()
            for_pairs = deadline - start - aside * (len(cells) - number)
            results.append(job.compare(cell, cases[cell.id], min(options.budget, max(for_pairs, 1.0) / left)))
            left -= len(cases[cell.id])
            # What a cell takes beside its pairs, as the last one shows: environments, stencils, memory, accuracy.
            aside = time.monotonic() - start - sum(benchmark.seconds for benchmark in results[-1].benchmarks)
    known = statements(surroundings.results / "calibrations", machine_name(settings.testbed), _key(protocol))
    said = "; ".join(known) or "how far to trust this on this machine is not known: nox -s bench-calibrate measures it"
    shown = (results, str(base), str(contender), f"Calibration: {said}.")
    write_atomically(surroundings.results / "comparison.json", as_json(*shown))
    write_atomically(surroundings.results / "comparison.md", comparison_markdown(*shown))
    make_console(quiet=False).print(comparison_table(*shown))
    code = exit_code(results, options.undecided_exit)
    if code:
        raise InvokeExit(code=code)


def _key(protocol: Protocol) -> Protocol:
    """Return the procedure as calibrations are kept by: the budget is an allowance, no part of it."""
    return replace(protocol, budget=Protocol().budget)


def _parse_calibration(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench-calibrate --", description="Prove bench-compare here.")
    parser.add_argument("--budget", type=_positive, default=3600.0, help="seconds of trials")
    parser.add_argument("--trials", type=int, default=100, help="trials of each kind, those already stored included")
    parser.add_argument("--fresh", action="store_true", help="start over instead of adding to what is stored")
    parser.add_argument("--cell", default="gt_cpu_ifirst-float64", help="cell of the matrix")
    parser.add_argument("--component", default="ice_adjust", choices=list(BENCHMARKS), help="what is called")
    parser.add_argument("--domain", help="domain instead of the backend's compare-domain")
    parser.add_argument("--injected", type=_positive, nargs="+", default=[0.02, 0.03], help="known slowdowns")
    return parser.parse_args(given)


@task
@explained
def calibrate(_context: Context) -> None:
    """Measure false alarms and power of bench-compare on this machine. Arguments after --: see -- --help."""
    _clean_up_when_interrupted()
    options = _parse_calibration(arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    (cell,) = _cells(settings, [settings.cell_by_id(options.cell).id], print)
    case = next(case for case in _cases([cell], options.domain, [])[cell.id] if case.component == options.component)
    protocol, machine = Protocol(), machine_name(settings.testbed)
    path = place(surroundings.results / "calibrations", machine, case.name, protocol)
    known = Calibration.load(path) if path.exists() and not options.fresh else None
    console = make_console()
    try:
        with checked_out(PROJECT, WORKTREE) as revision, console.status("calibrating") as status:
            sides, _ = _sides(dict.fromkeys(SIDES, revision), cell, settings.threads)
            result = run_trials(
                sides["base"],
                case,
                known or Calibration(machine, case.name, asdict(protocol), []),
                injected=(0.0, *options.injected),
                budget=options.budget,
                trials=options.trials,
                protocol=protocol,
                store=lambda calibration: write_atomically(path, calibration.as_json()),
                notify=status.update,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted: the trials that were complete are in {path}.") from None
    console.print(calibration_table(result))
    console.print(f"Stored in {path}.", soft_wrap=True)
